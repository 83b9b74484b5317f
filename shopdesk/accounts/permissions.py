"""Permission codes and the roles that ship with them: the written matrix that tests hold the screens against.

A code is ``room.deed``. Views ask ``user.has_perm(P.INQUIRIES_REPLY)``; a role is an editable set of codes.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class P(models.TextChoices):
    """Every permission there is."""

    STAFF_MANAGE = "accounts.manage", _("Manage staff and roles")
    AUDIT_VIEW = "accounts.audit", _("Read the audit log")
    SETTINGS_CHANGE = "shop.settings", _("Change stores, hours and closures")
    ORDERS_VIEW = "shop.view", _("See orders, customers and products")
    ORDERS_IMPORT = "shop.import", _("Import orders")
    MAIL_VIEW = "mail.view", _("Read sent mail")
    MAIL_SETTLE = "mail.settle", _("Settle uncertain mail, release and cancel mail, edit suppressions")
    INQUIRIES_VIEW = "inquiries.view", _("See inquiries (outsourced: assigned ones only)")
    INQUIRIES_VIEW_ALL = "inquiries.view_all", _("See the inquiries of everybody")
    INQUIRIES_DRAFT = "inquiries.draft", _("Write drafts and internal notes")
    INQUIRIES_REPLY = "inquiries.reply", _("Send replies to customers")
    INQUIRIES_TRIAGE = "inquiries.triage", _("Assign and change status")
    INQUIRIES_APPROVE = "inquiries.approve", _("Approve replies of others")
    # Asked for together with INQUIRIES_VIEW_ALL: who sees assigned work only takes nothing away, whatever a role says.
    INQUIRIES_EXPORT = "inquiries.export", _("Write inquiries to a file (for who sees those of everybody)")
    INQUIRIES_PULL = "inquiries.pull", _("Ask for the next inquiry")
    INQUIRIES_TEMPLATES = "inquiries.templates", _("Write templates and macros for everybody")
    INQUIRIES_SETTINGS = "inquiries.settings", _("Change categories, labels, tags, promises and rules")
    FAQ_VIEW = "faq.view", _("See FAQ articles in the admin")
    FAQ_EDIT = "faq.edit", _("Write and publish FAQ articles")
    RETURNS_VIEW = "returns.view", _("See returns")
    RETURNS_DECIDE = "returns.decide", _("Approve and decline returns")
    RETURNS_RECEIVE = "returns.receive", _("Record returned goods that arrived")
    RETURNS_SETTINGS = "returns.settings", _("Change return reasons and policies")
    FOLLOWUPS_VIEW = "followups.view", _("See follow-ups")
    FOLLOWUPS_MANAGE = "followups.manage", _("Change, pause and release follow-ups")


_AGENT = {
    P.ORDERS_VIEW,
    P.MAIL_VIEW,
    P.INQUIRIES_VIEW,
    P.INQUIRIES_VIEW_ALL,
    P.INQUIRIES_DRAFT,
    P.INQUIRIES_REPLY,
    P.INQUIRIES_TRIAGE,
    P.INQUIRIES_TEMPLATES,
    P.FAQ_VIEW,
    P.FAQ_EDIT,
    P.RETURNS_VIEW,
    P.RETURNS_DECIDE,
    P.FOLLOWUPS_VIEW,
}

# role code -> (Japanese name, English name, permissions). Seeded by migration, editable afterwards; "owner" always
# holds everything, so that nobody can lock the shop out of its own desk.
ROLES: dict[str, tuple[str, str, set[P]]] = {
    "owner": ("店長・オーナー", "Owner", set(P)),
    "manager": ("責任者", "Manager", set(P) - {P.STAFF_MANAGE}),
    "agent": ("受付担当", "Agent", _AGENT),
    "assistant": (
        "補助(下書きのみ)",
        "Assistant (drafts only)",
        _AGENT - {P.INQUIRIES_REPLY, P.INQUIRIES_TEMPLATES, P.RETURNS_DECIDE, P.FAQ_EDIT},
    ),
    "outsourced": (
        "外注(担当分のみ)",
        "Outsourced (assigned only)",
        {P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT, P.INQUIRIES_REPLY, P.INQUIRIES_PULL, P.FAQ_VIEW},
    ),
    "warehouse": ("倉庫・出荷", "Warehouse", {P.ORDERS_VIEW, P.ORDERS_IMPORT, P.RETURNS_VIEW, P.RETURNS_RECEIVE}),
    "finance": ("経理", "Finance", {P.ORDERS_VIEW, P.MAIL_VIEW, P.RETURNS_VIEW}),
}
