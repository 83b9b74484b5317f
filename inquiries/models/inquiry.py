"""The question itself: what it is about, where it stands, who answers it and until when."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.addresses import AddressField
from shopdesk.shop.models import Customer, Order, Product, Store, named


class Category(models.Model):
    """What a question is about. Five kinds before an order and eight after it ship as data; names may be changed."""

    class Phase(models.TextChoices):
        BEFORE = "before", _("before an order")
        AFTER = "after", _("after an order")

    class Priority(models.IntegerChoices):
        NORMAL = 0, _("normal")
        HIGH = 1, _("high")
        URGENT = 2, _("urgent")

    slug = models.SlugField(_("code"), unique=True)
    phase = models.CharField(_("phase"), max_length=6, choices=Phase.choices)
    name_ja = models.CharField(_("name (Japanese)"), max_length=60)
    name_en = models.CharField(_("name (English)"), max_length=60)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    reply_minutes = models.PositiveIntegerField(_("answer within (business minutes)"), default=480)
    priority = models.PositiveSmallIntegerField(_("priority"), choices=Priority.choices, default=Priority.NORMAL)
    is_complaint = models.BooleanField(
        _("complaint"),
        default=False,
        help_text=_("While one is open, the customer gets no after-care or advertising mail."),
    )
    is_active = models.BooleanField(_("offered"), default=True)

    class Meta:
        verbose_name = _("inquiry category")
        verbose_name_plural = _("inquiry categories")
        ordering: ClassVar = ["-phase", "position", "pk"]  # before, then after

    def __str__(self) -> str:
        return named(self.name_ja, self.name_en)


class StatusLabel(models.Model):
    """What the shop calls a step. The fixed status below it is what clocks, lists and figures count, so that renaming a
    label changes no figure. The customer reads the second name."""

    status = models.CharField(
        _("counts as"),
        max_length=10,
        choices=[
            ("open", _("to answer")), ("pending", _("waiting for the customer")), ("hold", _("on hold")),
            ("solved", _("solved")), ("spam", _("spam")),
        ],
    )  # fmt: skip
    name_ja = models.CharField(_("name (Japanese)"), max_length=40)
    name_en = models.CharField(_("name (English)"), max_length=40)
    customer_ja = models.CharField(_("for customers (Japanese)"), max_length=40, blank=True)
    customer_en = models.CharField(_("for customers (English)"), max_length=40, blank=True)
    pauses_clock = models.BooleanField(_("the clock for solving stands still"), default=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("offered"), default=True)

    class Meta:
        verbose_name = _("status label")
        verbose_name_plural = _("status labels")
        ordering: ClassVar = ["position", "pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["name_ja"], name="one_label_per_name")]

    def __str__(self) -> str:
        return named(self.name_ja, self.name_en)


class Tag(models.Model):
    """A word for the state of the moment ("sample sent"). What a question was about is its cause and product."""

    class Tone(models.TextChoices):
        NEUTRAL = "neutral", _("grey")
        INFO = "info", _("blue")
        OK = "ok", _("green")
        WARN = "warn", _("yellow")
        DANGER = "danger", _("red")

    name = models.CharField(_("name"), max_length=30, unique=True)
    tone = models.CharField(_("colour"), max_length=10, choices=Tone.choices, default=Tone.NEUTRAL)
    is_active = models.BooleanField(_("offered"), default=True)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Cause(models.Model):
    """Why customers write, as the shop counts it; asked for when an inquiry is closed. Two levels."""

    parent = models.ForeignKey(
        "self", verbose_name=_("part of"), null=True, blank=True, on_delete=models.PROTECT, related_name="parts"
    )
    name_ja = models.CharField(_("name (Japanese)"), max_length=60)
    name_en = models.CharField(_("name (English)"), max_length=60)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("offered"), default=True)

    class Meta:
        verbose_name = _("cause")
        verbose_name_plural = _("causes")
        ordering: ClassVar = ["position", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["parent", "name_ja"], name="one_cause_per_name", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return named(self.name_ja, self.name_en)


# A row that is locked is found at the second look; what is not found by then is not there.
_MOST_LOOKS = 3


def _forget_missed(row: Inquiry) -> None:
    """What a row leads to and was not found with it is asked for when it is needed."""
    cache = row._state.fields_cache
    for name in [name for name, there in cache.items() if there is None and getattr(row, f"{name}_id") is not None]:
        del cache[name]


class InquiryQuerySet(models.QuerySet["Inquiry"]):
    def visible_to(self, user: User) -> Self:
        """The one door to rows: everything, or what is assigned to the user, or nothing."""
        if user.has_perm(P.INQUIRIES_VIEW_ALL):
            return self
        if user.has_perm(P.INQUIRIES_VIEW):
            return self.filter(assignee=user)
        return self.none()

    def locked(self, *, skip_locked: bool = False) -> Self:
        """The rows, locked as they are read, in the caller's transaction.

        As strongly as changing them does and no stronger: rows of other tables may lead to them meanwhile. PostgreSQL
        looks after those at the end of whatever writes an inquiry twice, at what it follows and went on in, too; and
        who has changed a row and then locks it more strongly stands behind whoever waits for it already.
        """
        return self.select_for_update(of=("self",), no_key=True, skip_locked=skip_locked)

    def held(self, *keys: int) -> dict[int, Inquiry]:
        """These rows by their keys, locked in the order of their keys in the caller's transaction, and read as they
        are then. One query where nobody changes them at this moment. Raises DoesNotExist unless all are there.

        Where a row changed while it was waited for, PostgreSQL asks again whether it fits, but only this row, and not
        the tables that are read with it: one with another category or customer by then seems to be gone, and one with
        another order seems to have none.
        """
        rows = self.locked().order_by("pk")
        for _try in range(_MOST_LOOKS):
            found = {row.pk: row for row in rows.filter(pk__in=keys)}
            if len(found) == len({*keys}):
                for row in found.values():
                    _forget_missed(row)
                return found
        raise self.model.DoesNotExist

    def unsolved(self) -> Self:
        """What somebody still has to do with: to answer, waiting for the customer, or laid aside until a day."""
        return self.filter(status__in=Inquiry.UNSOLVED)

    def live(self) -> Self:
        """What lists show: neither merged into another one nor marked as spam."""
        return self.exclude(status__in=[Inquiry.Status.MERGED, Inquiry.Status.SPAM])

    def unanswered(self) -> Self:
        """The customer waits for us."""
        return self.filter(status=Inquiry.Status.OPEN)

    def overdue(self, now: datetime) -> Self:
        """A promise to answer or to solve has ended."""
        return self.filter(escalation_at__lt=now)

    def complaints(self) -> Self:
        """Unsolved complaints."""
        return self.unsolved().filter(category__is_complaint=True)

    def complaints_elsewhere(self) -> Self:
        """What was merged and goes on in an unsolved inquiry, where one of them is a complaint."""
        into = Q(category__is_complaint=True) | Q(merged_into__category__is_complaint=True)
        further = into | Q(merged_into__merged_into__category__is_complaint=True)
        return self.filter(
            (into & Q(merged_into__status__in=Inquiry.UNSOLVED))
            | (further & Q(merged_into__merged_into__status__in=Inquiry.UNSOLVED)),
            status=Inquiry.Status.MERGED,
        )

    def open_complaints_of(self, customer: Customer) -> Self:
        """Complaints of a customer that are not settled: they hold follow-ups."""
        return (self.complaints() | self.complaints_elsewhere()).filter(customer=customer)


class Inquiry(models.Model):
    """A question of one customer and everything said about it."""

    class Status(models.TextChoices):
        OPEN = "open", _("to answer")
        PENDING = "pending", _("waiting for the customer")
        HOLD = "hold", _("on hold")
        SOLVED = "solved", _("solved")
        SPAM = "spam", _("spam")
        MERGED = "merged", _("merged")

    UNSOLVED: ClassVar = (Status.OPEN, Status.PENDING, Status.HOLD)

    class Channel(models.TextChoices):
        FORM = "form", pgettext_lazy("channel", "form")
        EMAIL = "email", pgettext_lazy("channel", "mail")
        PHONE = "phone", pgettext_lazy("channel", "phone")
        LINE = "line", "LINE"

    class Phase(models.TextChoices):
        """Where the customer stands with us, told by their orders and never by staff."""

        BEFORE = "before", _("before an order")
        ORDERED = "ordered", _("after an order · not shipped")
        SHIPPED = "shipped", _("after an order · on the way")
        DELIVERED = "delivered", _("after an order · arrived")

    class Mood(models.TextChoices):
        NONE = "", _("nothing noticed")
        WORRIED = "worried", _("worried")
        UPSET = "upset", _("upset")
        HAPPY = "happy", _("pleased")

    number = models.CharField(_("reference number"), max_length=20, unique=True)
    store = models.ForeignKey(Store, verbose_name=_("store"), on_delete=models.PROTECT)
    customer = models.ForeignKey(
        Customer, verbose_name=_("customer"), on_delete=models.PROTECT, related_name="inquiries"
    )
    # As given with this question: the customer's master row may say something else.
    name = models.CharField(_("name"), max_length=100)
    email = AddressField(_("mail address"), blank=True)
    # The own address of the store that the customer last wrote to, where it is known: answers leave from it.
    written_to = AddressField(blank=True, default="", db_default="")
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    language = models.CharField(_("language"), max_length=2, default="ja")
    category = models.ForeignKey(Category, verbose_name=_("category"), on_delete=models.PROTECT)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices, default=Channel.FORM)
    subject = models.CharField(_("subject"), max_length=200)
    order = models.ForeignKey(
        Order, verbose_name=_("order"), null=True, blank=True, on_delete=models.SET_NULL, related_name="inquiries"
    )
    # What the visitor typed; kept even where no such order is known.
    order_number = models.CharField(_("order number as given"), max_length=60, blank=True)
    product = models.ForeignKey(
        Product, verbose_name=_("product"), null=True, blank=True, on_delete=models.SET_NULL, related_name="inquiries"
    )
    product_text = models.CharField(_("product as given"), max_length=200, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.OPEN)
    # What the shop calls this step; of the same fixed status. Empty: the status' own name.
    label = models.ForeignKey(
        StatusLabel, verbose_name=_("status label"), null=True, blank=True, on_delete=models.PROTECT, db_index=False
    )
    priority = models.PositiveSmallIntegerField(
        _("priority"), choices=Category.Priority, default=Category.Priority.NORMAL
    )
    tags = models.ManyToManyField(Tag, verbose_name=_("tags"), blank=True, related_name="inquiries")
    # Why it came: for the figures, and asked for when it is closed.
    cause = models.ForeignKey(
        Cause, verbose_name=_("cause"), null=True, blank=True, on_delete=models.PROTECT, related_name="inquiries"
    )
    mood = models.CharField(_("mood"), max_length=10, choices=Mood.choices, blank=True, default="")
    phase = models.CharField(_("phase"), max_length=10, choices=Phase.choices, default=Phase.BEFORE)
    # The beginning of the newest message, for the list.
    preview = models.CharField(max_length=160, blank=True)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("assigned to"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="inquiries",
    )
    opened_at = models.DateTimeField(pgettext_lazy("inquiry", "received"))
    # When the customer last wrote without an answer; orders the list. Empty once answered.
    waiting_since = models.DateTimeField(_("waiting since"), null=True, blank=True)
    reply_due_at = models.DateTimeField(_("answer due"), null=True, blank=True)
    first_replied_at = models.DateTimeField(_("first answered"), null=True, blank=True)
    last_activity_at = models.DateTimeField(_("last activity"))
    solved_at = models.DateTimeField(_("solved on"), null=True, blank=True)
    # Laid aside until a moment: it wakes by itself, and earlier when the customer writes.
    snoozed_until = models.DateTimeField(_("on hold until"), null=True, blank=True)
    snooze_reason = models.CharField(_("reason"), max_length=40, blank=True)
    snooze_comment = models.CharField(_("comment"), max_length=300, blank=True)
    snoozed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    # The promise as it was when this was opened, in business minutes; later changes of the policy leave it alone.
    sla = models.ForeignKey(
        "SLAPolicy", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    sla_first = models.PositiveIntegerField(_("first answer within (business minutes)"), null=True, blank=True)
    sla_next = models.PositiveIntegerField(_("next answer within (business minutes)"), null=True, blank=True)
    sla_solve = models.PositiveIntegerField(_("solved within (business minutes)"), null=True, blank=True)
    sla_warn = models.PositiveIntegerField(_("warn before (business minutes)"), default=60)
    solve_due_at = models.DateTimeField(_("to be solved by"), null=True, blank=True)
    # The earliest of the open promises: what the list and the warnings look at.
    escalation_at = models.DateTimeField(_("next promise ends"), null=True, blank=True)
    # While a status pauses the clock for solving: since when, and business minutes of earlier pauses.
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_minutes = models.PositiveIntegerField(default=0)
    warned_at = models.DateTimeField(null=True, blank=True)
    # When the next word about the promise is due: first the warning, then that it has ended. Empty: nothing to say.
    sla_tell_at = models.DateTimeField(null=True, blank=True)
    # Business minutes left (negative: over) when each promise was kept; for the figures.
    first_diff = models.IntegerField(null=True, blank=True)
    next_diff = models.IntegerField(null=True, blank=True)
    solve_diff = models.IntegerField(null=True, blank=True)
    # The order as it was when we last answered: {number, status, ordered_at, total, lines, shipments, at}
    order_snapshot = models.JSONField(null=True, blank=True)
    # The version whose words the search knows; another one: the next sweep reads it again.
    indexed_version = models.PositiveIntegerField(null=True, blank=True)
    # After a merge, where everything said here is shown and answered; un-merging empties it again.
    merged_into = models.ForeignKey(
        "self", verbose_name=_("merged into"), null=True, blank=True, on_delete=models.PROTECT, related_name="merged"
    )
    # A new question that grew out of a closed one.
    follows = models.ForeignKey(
        "self", verbose_name=_("follows"), null=True, blank=True, on_delete=models.SET_NULL, related_name="followed_by"
    )
    # A bare word of thanks came after it was closed: shown with one click to reopen, never reopened by itself.
    thanked_at = models.DateTimeField(_("thanked on"), null=True, blank=True)
    # Raised by each message, so that a reply written against an older state is noticed.
    version = models.PositiveIntegerField(default=0)
    # The visitor's form carries a random token: the same form sent twice opens one inquiry.
    form_token = models.UUIDField(null=True, blank=True, unique=True)

    objects = InquiryQuerySet.as_manager()

    class Meta:
        verbose_name = _("inquiry")
        verbose_name_plural = _("inquiries")
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="inquiry_solved_at_iff_solved",
                condition=Q(status="solved", solved_at__isnull=False)
                | (~Q(status="solved") & Q(solved_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="inquiry_waits_iff_open",
                condition=Q(status="open", waiting_since__isnull=False)
                | (~Q(status="open") & Q(waiting_since__isnull=True)),
            ),
            models.CheckConstraint(
                name="inquiry_snoozed_iff_on_hold",
                condition=Q(status="hold", snoozed_until__isnull=False)
                | (~Q(status="hold") & Q(snoozed_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="inquiry_merged_iff_it_leads_elsewhere",
                condition=Q(status="merged", merged_into__isnull=False)
                | (~Q(status="merged") & Q(merged_into__isnull=True)),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["escalation_at", "id"], condition=Q(status="open"), name="inquiry_to_answer"),
            models.Index(fields=["status", "-last_activity_at", "-id"], name="inquiry_by_status"),
            models.Index(fields=["-last_activity_at", "-id"], name="inquiry_newest"),
            models.Index(fields=["assignee", "status", "-last_activity_at"], name="inquiry_of_assignee"),
            # What somebody, or nobody, has to do, who waits longest first. Nobody apart: to the planner IS NULL is no
            # value, so it would sort the rows that it finds under it.
            models.Index(
                fields=["assignee", "escalation_at", "id"],
                condition=Q(status__in=["open", "pending", "hold"]),
                include=["status"],  # so that what is to be answered is told apart without a look at the row
                name="inquiry_of_person_by_due",
            ),
            models.Index(
                fields=["escalation_at", "id"],
                condition=Q(status__in=["open", "pending", "hold"], assignee=None),
                name="inquiry_unassigned_by_due",
            ),
            models.Index(fields=["customer", "-opened_at"], name="inquiry_of_customer"),
            models.Index(
                fields=["escalation_at", "id"], condition=Q(escalation_at__isnull=False), name="inquiry_escalation"
            ),
            models.Index(fields=["sla_tell_at"], condition=Q(sla_tell_at__isnull=False), name="inquiry_to_tell"),
            models.Index(fields=["escalation_at"], condition=Q(warned_at__isnull=False), name="inquiry_warned"),
            models.Index(fields=["snoozed_until"], condition=Q(status="hold"), name="inquiry_to_wake"),
            models.Index(
                fields=["id"],
                condition=Q(indexed_version__isnull=True) | ~Q(indexed_version=F("version")),
                name="inquiry_to_index",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.subject}"

    @property
    def status_name(self) -> str:
        """What staff call the status: the shop's label, else the fixed name."""
        return str(self.label) if self.label else str(Inquiry.Status(self.status).label)
