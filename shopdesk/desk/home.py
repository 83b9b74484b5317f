"""What waits for whom: the numbers and short lists of the home page. A handful of queries, each bounded."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from followups.models import PlannedMail
from inquiries import masking
from inquiries.models import Inquiry
from returns.models import ReturnCase
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.mail.models import IncomingMail, Mailbox, OutgoingMail

SHOWN = 8


@dataclass(frozen=True)
class Stat:
    """A number with the page behind it; ``tone`` is warn or danger when somebody should act."""

    label: str | Promise
    value: int
    url: str
    tone: str = ""


@dataclass
class Home:
    """The home page of one person at one moment."""

    user: User
    now: datetime
    stats: list[Stat] = field(default_factory=list)
    inquiries: list[Inquiry] = field(default_factory=list)
    returns: list[ReturnCase] = field(default_factory=list)
    letters: list[OutgoingMail] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.user.has_perm(P.INQUIRIES_VIEW):
            self._add_inquiries()
        if self.user.has_perm(P.RETURNS_VIEW):
            self._add_returns()
        if self.user.has_perm(P.MAIL_VIEW):
            self._add_letters()
        if self.user.has_perm(P.FOLLOWUPS_VIEW):
            self._add_followups()

    def _add_inquiries(self) -> None:
        rows = Inquiry.objects.visible_to(self.user)
        counts = rows.unsolved().aggregate(
            late=Count("pk", filter=Q(status=Inquiry.Status.OPEN, reply_due_at__lt=self.now)),
            open=Count("pk", filter=Q(status=Inquiry.Status.OPEN)),
            mine=Count("pk", filter=Q(assignee=self.user)),
            nobodys=Count("pk", filter=Q(assignee=None)),
        )
        address = reverse("desk-inquiries:list")
        self.stats += [
            Stat(_("Overdue"), counts["late"], f"{address}?tab=open", "danger" if counts["late"] else ""),
            Stat(_("To answer"), counts["open"], f"{address}?tab=open"),
            Stat(_("Mine"), counts["mine"], f"{address}?tab=mine"),
        ]
        if self.user.has_perm(P.INQUIRIES_VIEW_ALL):
            self.stats.append(Stat(_("Unassigned"), counts["nobodys"], f"{address}?tab=unassigned"))
        self.inquiries = list(
            rows.unanswered()
            .select_related("category", "assignee", "customer")
            .order_by("reply_due_at", "-category__priority", "pk")[:SHOWN]
        )
        masking.cover(self.inquiries, self.user)

    def _add_returns(self) -> None:
        rows = ReturnCase.objects.to_decide()
        self.stats.append(Stat(_("Returns to decide"), rows.count(), reverse("desk-returns:list")))
        self.returns = list(rows.select_related("order").order_by("created_at", "pk")[:SHOWN])

    def _add_letters(self) -> None:
        rows = OutgoingMail.objects.needs_attention()
        count = rows.count()
        address = f"{reverse('desk-mail:list')}?show=attention"
        self.stats.append(Stat(_("Mail to check"), count, address, "warn" if count else ""))
        if unread := IncomingMail.objects.in_error().count():
            self.stats.append(Stat(_("Mail not read"), unread, reverse("desk-mail:incoming-list"), "danger"))
        if broken := Mailbox.objects.exclude(problem="").exclude(status=Mailbox.Status.PAUSED).count():
            page = "mailboxes" if self.user.has_perm(P.SETTINGS_CHANGE) else "list"
            self.stats.append(Stat(_("Mailboxes in trouble"), broken, reverse(f"desk-mail:{page}"), "danger"))
        self.letters = list(rows.order_by("-pk")[:SHOWN])

    def _add_followups(self) -> None:
        midnight = timezone.localtime(self.now).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        counts = PlannedMail.objects.waiting().aggregate(
            today=Count("pk", filter=Q(state=PlannedMail.State.PLANNED, due_at__lt=midnight)),
            held=Count("pk", filter=Q(state=PlannedMail.State.HELD)),
        )
        address = reverse("desk-followups:list")
        self.stats += [
            Stat(_("Follow-ups today"), counts["today"], address),
            Stat(_("Follow-ups held"), counts["held"], f"{address}?tab=held", "warn" if counts["held"] else ""),
        ]
