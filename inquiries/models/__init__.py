"""What customers ask, what is answered, and what happened to each question."""

from inquiries.models.desk import (
    AgentSetting,
    BulkRun,
    Happening,
    Merge,
    Presence,
    Pull,
    Rule,
    RuleHit,
    SavedView,
    SearchEntry,
    SLAPolicy,
    SweepMark,
)
from inquiries.models.inquiry import Category, Cause, Inquiry, InquiryQuerySet, StatusLabel, Tag
from inquiries.models.message import Attachment, Draft, DraftFile, InquiryEvent, Mention, Message
from inquiries.models.writing import (
    ApprovalRule,
    Macro,
    PreparedReply,
    Template,
    TemplateFile,
    TemplateQuerySet,
    WarningWord,
)

__all__ = [
    "AgentSetting", "ApprovalRule", "Attachment", "BulkRun", "Category", "Cause", "Draft", "DraftFile", "Happening",
    "Inquiry", "InquiryEvent", "InquiryQuerySet", "Macro", "Mention", "Merge", "Message", "PreparedReply", "Presence",
    "Pull", "Rule", "RuleHit", "SLAPolicy", "SavedView", "SearchEntry", "StatusLabel", "SweepMark", "Tag", "Template",
    "TemplateFile", "TemplateQuerySet", "WarningWord",
]  # fmt: skip
