"""The tabs over the mail pages."""

from typing import Any

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.translation import gettext as _

from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.mail import guards, incoming, pulse

register = template.Library()


@register.inclusion_tag("mail_desk/_tabs.html", takes_context=True)
def mail_tabs(context: Context, active: str) -> dict[str, Any]:
    """Links to the mail pages that this person may open: (key, label, address, count)."""
    user = context["request"].user
    tabs: list[tuple[str, str, str, int]] = []
    if isinstance(user, User) and user.has_perm(P.MAIL_VIEW):
        letters = reverse("desk-mail:list")
        tabs += [
            ("letters", _("Sent mail"), letters, 0),
            ("attention", _("Needs checking"), f"{letters}?show=attention", pulse.attention().total),
            ("incoming", _("Mail not read"), reverse("desk-mail:incoming-list"), incoming.in_error()),
        ]
    if isinstance(user, User) and user.has_perm(P.SETTINGS_CHANGE):
        tabs.append(("mailboxes", _("Mailboxes"), reverse("desk-mail:mailboxes"), 0))
        tabs.append(("routes", _("Mail routes"), reverse("desk-mail:routes"), 0))
    if isinstance(user, User) and user.has_perm(P.MAIL_VIEW):
        tabs.append(("stopped", _("Stopped addresses"), reverse("desk-mail:stopped"), 0))
    return {"tabs": tabs, "active": active}


@register.inclusion_tag("mail_desk/_held.html", takes_context=True)
def mail_held(context: Context) -> dict[str, Any]:
    """The banner while mail is held, with the button for those who may let it go."""
    user = context["request"].user
    sees = isinstance(user, User) and user.has_perm(P.MAIL_VIEW)
    return {
        "held": guards.held() if sees else None,
        "may_settle": sees and user.has_perm(P.MAIL_SETTLE),
        "csrf_token": context.get("csrf_token"),
    }
