"""Returns: what a customer asks to send back, and what the shop decides.

The counters ``qty_open`` and ``qty_done`` on the order line reserve units while a case is open and keep them when it is
finished; a CHECK on that row refuses more than was shipped, whoever asks and in how many tabs.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from shopdesk.addresses import AddressField
from shopdesk.shop.models import Customer, Order, OrderLine, named


class ReasonQuerySet(models.QuerySet["Reason"]):
    def offered(self) -> Self:
        return self.filter(is_active=True)


class Reason(models.Model):
    """Why something comes back, and who answers for it. Retired reasons stay for old cases."""

    class Fault(models.TextChoices):
        SHOP = "shop", _("the shop")
        CUSTOMER = "customer", _("the customer")
        CARRIER = "carrier", _("the carrier")
        OPEN = "open", _("undetermined")

    code = models.SlugField(_("code"), unique=True)
    name_ja = models.CharField(_("name (Japanese)"), max_length=60)
    name_en = models.CharField(_("name (English)"), max_length=60)
    fault = models.CharField(_("who answers for it"), max_length=10, choices=Fault.choices)
    question_ja = models.CharField(_("follow-up question (Japanese)"), max_length=200, blank=True)
    question_en = models.CharField(_("follow-up question (English)"), max_length=200, blank=True)
    answer_required = models.BooleanField(_("answer required"), default=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("offered"), default=True)

    objects = ReasonQuerySet.as_manager()

    class Meta:
        verbose_name = _("return reason")
        verbose_name_plural = _("return reasons")
        ordering: ClassVar = ["position", "pk"]

    def __str__(self) -> str:
        return named(self.name_ja, self.name_en)

    @property
    def question(self) -> str:
        return named(self.question_ja, self.question_en)

    @property
    def is_shops_duty(self) -> bool:
        """Whether the law makes the shop answer, whatever its own rules say: its fault, or its carrier's."""
        return self.fault in {self.Fault.SHOP, self.Fault.CARRIER}


class Policy(models.Model):
    """A rule that the customer reads before asking: window, who pays postage, and its words."""

    class Payer(models.TextChoices):
        SHOP = "shop", _("the shop")
        CUSTOMER = "customer", _("the customer")

    slug = models.SlugField(_("code"), unique=True)
    name_ja = models.CharField(_("name (Japanese)"), max_length=60)
    name_en = models.CharField(_("name (English)"), max_length=60, blank=True)
    # Which reasons it speaks about, by who answers for them; empty: all.
    fault = models.CharField(_("for reasons of"), max_length=10, choices=Reason.Fault.choices, blank=True)
    reasons = models.ManyToManyField(
        Reason,
        verbose_name=_("for these reasons only"),
        blank=True,
        related_name="policies",
        help_text=_("Empty: all reasons of that fault."),
    )
    applies_to = ArrayField(
        models.CharField(max_length=60),
        verbose_name=_("for goods tagged"),
        default=list,
        blank=True,
        help_text=_("Tags or category codes of products, separated by commas. Empty: all goods."),
    )
    # 0: not accepted for these reasons; empty: no limit.
    window_days = models.PositiveSmallIntegerField(
        _("window (days, the day of arrival is day 1)"), null=True, blank=True
    )
    postage = models.CharField(_("return postage paid by"), max_length=10, choices=Payer.choices)
    text_ja = models.TextField(_("text (Japanese)"))
    text_en = models.TextField(_("text (English)"), blank=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("in force"), default=True)

    class Meta:
        verbose_name = _("return policy")
        verbose_name_plural = _("return policies")
        ordering: ClassVar = ["position", "pk"]

    def __str__(self) -> str:
        return named(self.name_ja, self.name_en)

    @property
    def text(self) -> str:
        return named(self.text_ja, self.text_en)


class ReturnCaseQuerySet(models.QuerySet["ReturnCase"]):
    def open(self) -> Self:
        """Cases that still hold units and step mail."""
        return self.filter(status__in=ReturnCase.OPEN)

    def to_decide(self) -> Self:
        return self.filter(status=ReturnCase.Status.SUBMITTED)


class ReturnCase(models.Model):
    """One request to return goods of one order.

    submitted -> approved -> received -> completed; submitted -> declined; submitted or approved -> withdrawn.
    """

    class Status(models.TextChoices):
        SUBMITTED = "submitted", _("to decide")
        APPROVED = "approved", _("approved")
        RECEIVED = "received", _("goods arrived")
        COMPLETED = "completed", _("completed")
        DECLINED = "declined", _("declined")
        WITHDRAWN = "withdrawn", _("withdrawn")

    OPEN: ClassVar = (Status.SUBMITTED, Status.APPROVED, Status.RECEIVED)

    number = models.CharField(_("return number"), max_length=20, unique=True)
    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="returns")
    customer = models.ForeignKey(Customer, verbose_name=_("customer"), on_delete=models.PROTECT, related_name="returns")
    inquiry = models.ForeignKey(
        "inquiries.Inquiry", null=True, blank=True, on_delete=models.SET_NULL, related_name="returns"
    )
    name = models.CharField(_("name"), max_length=100)
    email = AddressField(_("mail address"))
    language = models.CharField(_("language"), max_length=2, default="ja")
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.SUBMITTED)
    version = models.PositiveIntegerField(default=0)
    comment = models.TextField(_("customer's comment"), blank=True)
    # The policies as the customer saw them: [{"slug", "name", "text"}]
    policy_shown = models.JSONField(_("policy as shown"), default=list)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("decided by"), null=True, blank=True, on_delete=models.PROTECT
    )
    decision_text = models.TextField(_("words to the customer"), blank=True)
    created_at = models.DateTimeField(_("requested"))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    received_at = models.DateTimeField(_("arrived"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    form_token = models.UUIDField(null=True, blank=True, unique=True)

    objects = ReturnCaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("return")
        verbose_name_plural = _("returns")
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="return_closed_at_iff_closed",
                condition=Q(status__in=["completed", "declined", "withdrawn"], closed_at__isnull=False)
                | (~Q(status__in=["completed", "declined", "withdrawn"]) & Q(closed_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="return_decided_by_somebody",
                condition=~Q(status__in=["approved", "received", "completed", "declined"])
                | Q(decided_by__isnull=False, decided_at__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["status", "created_at", "id"], name="return_by_status"),
            models.Index(fields=["customer", "-created_at"], name="return_of_customer"),
        ]

    def __str__(self) -> str:
        return self.number


class ReturnLine(models.Model):
    """Units of one order line that a case asks back."""

    case = models.ForeignKey(ReturnCase, on_delete=models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="return_lines")
    quantity = models.PositiveIntegerField(_("requested"))
    # Which units of the order line: places in its unit_amounts. So two cases never refund the same yen.
    units = ArrayField(models.PositiveIntegerField(), default=list)
    approved = models.PositiveIntegerField(_("approved"), default=0)
    reason = models.ForeignKey(Reason, verbose_name=_("reason"), on_delete=models.PROTECT)
    answer = models.TextField(_("answer"), blank=True)

    class Meta:
        verbose_name = _("return line")
        verbose_name_plural = _("return lines")
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["case", "order_line"], name="one_return_line_per_order_line"),
            models.CheckConstraint(name="return_line_has_a_quantity", condition=Q(quantity__gt=0)),
            models.CheckConstraint(name="approved_at_most_what_was_asked", condition=Q(approved__lte=F("quantity"))),
        ]

    def __str__(self) -> str:
        return f"{self.order_line} ({self.quantity})"


class ReturnEvent(models.Model):
    """What happened to a case: a code and its data; the sentence is made when shown."""

    case = models.ForeignKey(ReturnCase, on_delete=models.CASCADE, related_name="events")
    code = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["at", "pk"]

    def __str__(self) -> str:
        return self.code


class LookUpQuerySet(models.QuerySet["LookUp"]):
    def waiting(self) -> Self:
        """Asked, but nobody has yet looked whether there is such an order."""
        return self.filter(resolved_at=None)

    def usable(self, now: datetime) -> Self:
        """Keys that still open something: a letter went out, unused, in time, not guessed at too often."""
        return self.filter(order__isnull=False, used_at=None, expires_at__gt=now, attempts__lt=LookUp.MAX_ATTEMPTS)


class LookUp(models.Model):
    """A visitor's wish to prove an order, and the one-time key that was mailed to the address on file.

    The row is written for known and unknown orders alike, before anybody looks for the order: the visitor's request
    does the same work in both cases, so its time tells nothing. A sweep looks a moment later; only then the typed words
    are wiped and, when the pair was right, the key is made. Only hashes are stored. ``ticket_hash`` ties the typed code
    to the browser that asked.
    """

    MAX_ATTEMPTS = 5

    ticket_hash = models.CharField(max_length=64, unique=True)
    number = models.CharField(max_length=60, blank=True)
    address = models.CharField(max_length=254, blank=True)
    language = models.CharField(max_length=2, default="ja")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    order = models.ForeignKey(Order, null=True, blank=True, on_delete=models.CASCADE, related_name="return_look_ups")
    token_hash = models.CharField(max_length=64, null=True, blank=True, unique=True)  # unique, so empty is NULL
    code_hash = models.CharField(max_length=64, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    objects = LookUpQuerySet.as_manager()

    class Meta:
        verbose_name = _("order look-up")
        verbose_name_plural = _("order look-ups")
        constraints: ClassVar = [
            models.CheckConstraint(
                name="look_up_key_iff_order",
                condition=Q(order__isnull=False, token_hash__isnull=False, resolved_at__isnull=False)
                | Q(order__isnull=True, token_hash__isnull=True, code_hash="", used_at__isnull=True),
            ),
            models.CheckConstraint(
                name="resolved_look_up_forgets_what_was_typed",
                condition=Q(resolved_at__isnull=True) | Q(number="", address=""),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(resolved_at__isnull=True), name="look_up_waiting"),
            models.Index(fields=["expires_at"], name="look_up_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.created_at:%Y-%m-%d %H:%M}"
