"""What helps to write, and what stands between a written reply and the customer."""

from __future__ import annotations

from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from inquiries.models.inquiry import Category, Inquiry, StatusLabel
from inquiries.models.message import Message
from shopdesk.accounts.models import Role, User
from shopdesk.shop.models import Store


class TemplateQuerySet(models.QuerySet["Template"]):
    def offered_to(self, user: User) -> Self:
        """Shared ones and the person's own."""
        return self.filter(Q(owner=None) | Q(owner=user), is_active=True)


class Template(models.Model):
    """A text to insert. ``{{ customer.name }}`` is filled in, 【 … 】 asks the writer; both must be filled to send."""

    folder = models.CharField(_("folder"), max_length=60, blank=True)
    name = models.CharField(_("name"), max_length=80)
    shortcut = models.CharField(_("shortcut"), max_length=30, blank=True, help_text=_("Typed after / in a reply."))
    body_ja = models.TextField(_("text (Japanese)"), blank=True)
    body_en = models.TextField(_("text (English)"), blank=True)
    store = models.ForeignKey(Store, verbose_name=_("store"), null=True, blank=True, on_delete=models.CASCADE)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("personal, of"), null=True, blank=True, on_delete=models.CASCADE
    )
    needs_approval = models.BooleanField(_("replies with it need approval"), default=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("offered"), default=True)
    uses = models.PositiveIntegerField(_("times used"), default=0)

    objects = TemplateQuerySet.as_manager()

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        ordering: ClassVar = ["folder", "position", "name", "pk"]
        constraints: ClassVar = [
            models.CheckConstraint(name="template_says_something", condition=~Q(body_ja="") | ~Q(body_en=""))
        ]

    def __str__(self) -> str:
        return self.name

    def body(self, language: str) -> str:
        """The text in a customer's language, in the other one where there is none."""
        return (self.body_en or self.body_ja) if language == "en" else (self.body_ja or self.body_en)


class TemplateFile(models.Model):
    """A file that goes with a template: care instructions, a return form."""

    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="files")
    storage_key = models.CharField(max_length=100, unique=True)
    name = models.CharField(max_length=150)
    media_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.name


class Macro(models.Model):
    """Several acts in one: a text, a status, tags, a person. For one inquiry or many."""

    name = models.CharField(_("name"), max_length=80)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("personal, of"), null=True, blank=True, on_delete=models.CASCADE
    )
    # [{"do": "tag", "tag": 3}, …]: codes and shapes stand in inquiries.acts
    acts = models.JSONField(_("acts"), default=list)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("offered"), default=True)

    class Meta:
        verbose_name = _("macro")
        verbose_name_plural = _("macros")
        ordering: ClassVar = ["position", "name", "pk"]

    def __str__(self) -> str:
        return self.name


class WarningWord(models.Model):
    """A word that makes the writer look again before sending (「絶対」「無料」)."""

    word = models.CharField(_("word"), max_length=40, unique=True)
    note = models.CharField(_("why"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("warning word")
        verbose_name_plural = _("warning words")
        ordering: ClassVar = ["word"]

    def __str__(self) -> str:
        return self.word


class ApprovalRule(models.Model):
    """Whose replies, or about what, a second person reads first. Empty fields hold for everything; all must fit."""

    name = models.CharField(_("name"), max_length=80)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("written by"), null=True, blank=True, on_delete=models.CASCADE
    )
    role = models.ForeignKey(
        Role, verbose_name=_("written by the role"), null=True, blank=True, on_delete=models.CASCADE
    )
    template = models.ForeignKey(
        Template, verbose_name=_("with the template"), null=True, blank=True, on_delete=models.CASCADE
    )
    category = models.ForeignKey(Category, verbose_name=_("about"), null=True, blank=True, on_delete=models.CASCADE)
    min_amount = models.PositiveIntegerField(_("orders from (yen)"), null=True, blank=True)
    is_active = models.BooleanField(_("in force"), default=True)

    class Meta:
        verbose_name = _("approval rule")
        verbose_name_plural = _("approval rules")
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["name"], name="one_approval_rule_per_name")]

    def __str__(self) -> str:
        return self.name


class PreparedReplyQuerySet(models.QuerySet["PreparedReply"]):
    def live(self) -> Self:
        """Still to be sent one day: nobody may prepare a second one meanwhile."""
        return self.filter(state__in=PreparedReply.LIVE)

    def left_behind(self) -> Self:
        """Came back to somebody who cannot send it: its author has left, or may not send any more."""
        return self.filter(PreparedReply.LEFT_BEHIND, state=PreparedReply.State.RETURNED)


class PreparedReply(models.Model):
    """A reply that is written and not said yet: it waits for a second person, or for its hour.

    While it lives the inquiry stays to be answered, because nothing was answered. When the customer writes first, a
    scheduled one becomes its author's draft again.
    """

    class State(models.TextChoices):
        AWAITING = "awaiting", _("waiting for approval")
        RETURNED = "returned", _("returned to the author")
        APPROVED = "approved", _("approved, not sent")
        SCHEDULED = "scheduled", _("scheduled")
        SENT = "sent", _("sent")
        CANCELLED = "cancelled", _("cancelled")

    LIVE: ClassVar = (State.AWAITING, State.APPROVED, State.SCHEDULED)
    # Of returned ones: their authors cannot send them.
    LEFT_BEHIND: ClassVar = Q(author__is_active=False) | Q(returned_why="may_not")

    inquiry = models.ForeignKey(Inquiry, on_delete=models.CASCADE, related_name="prepared")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("author"), on_delete=models.PROTECT, related_name="prepared"
    )
    body = models.TextField(_("text"))
    # As the author handed it in; the difference to ``body`` is what the approver changed.
    original_body = models.TextField()
    cc = ArrayField(models.CharField(max_length=254), default=list, blank=True)
    bcc = ArrayField(models.CharField(max_length=254), default=list, blank=True)
    # From which of the store's addresses it leaves; empty: the usual one of that moment, see inquiries.senders.
    sender = models.CharField(max_length=254, blank=True, default="", db_default="")
    templates = ArrayField(models.IntegerField(), default=list, blank=True)
    # A list of name, media_type, size, sha256 and storage_key.
    files = models.JSONField(default=list, blank=True)
    then = models.CharField(max_length=10, default=Inquiry.Status.PENDING)
    label = models.ForeignKey(StatusLabel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    # What the author had read; something newer must be read before this goes out.
    seen_version = models.PositiveIntegerField()
    # The newest message of that moment: a later word of the customer or of a colleague stops it, a machine's does not.
    seen_message = models.BigIntegerField(default=0, db_default=0)
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    # Why it waits: the name of the rule as of that moment, or empty for a person who may not send.
    reason = models.CharField(max_length=80, blank=True)
    send_at = models.DateTimeField(_("to be sent"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    comment = models.TextField(_("comment"), blank=True)
    # Of a returned one: what sent it back, a code of inquiries.returned.RETURNS. Empty: a person did, see ``comment``.
    returned_why = models.CharField(max_length=20, blank=True, db_default="")
    message = models.OneToOneField(Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="prepared")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    objects = PreparedReplyQuerySet.as_manager()

    class Meta:
        verbose_name = _("prepared reply")
        verbose_name_plural = _("prepared replies")
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["inquiry"],
                condition=Q(state__in=["awaiting", "approved", "scheduled"]),
                name="one_prepared_reply_at_a_time",
            ),
            models.CheckConstraint(
                name="nobody_approves_their_own", condition=Q(decided_by=None) | ~Q(decided_by=F("author"))
            ),
            models.CheckConstraint(
                name="scheduled_has_its_hour", condition=~Q(state="scheduled") | Q(send_at__isnull=False)
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["send_at"], condition=Q(state="scheduled"), name="prepared_due"),
            models.Index(fields=["state", "id"], condition=~Q(state__in=["sent", "cancelled"]), name="prepared_live"),
        ]

    def __str__(self) -> str:
        return f"{self.inquiry_id} {self.state}"
