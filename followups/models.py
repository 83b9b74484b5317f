"""Follow-ups (ステップメール): sequences of letters planned from facts about orders, maybe a year ahead.

A :class:`PlannedMail` is an appointment. When it is due, its room decides from the facts of that moment and, in the
same transaction, queues a letter in :mod:`shopdesk.mail` under a key that names the appointment. Sequence, order, step
and occurrence make the appointment unique, so planning may run as often as it likes.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from followups import timing
from shopdesk.business_time import Calendar
from shopdesk.mail.models import MailClass
from shopdesk.shop.calendar import business_calendar
from shopdesk.shop.models import Customer, Order, Product, ProductCategory, named


class Sequence(models.Model):
    """A chain of step mails with one trigger and one class of mail."""

    class Trigger(models.TextChoices):
        ORDERED = "ordered", _("ordered")
        SHIPPED = "shipped", _("shipped")
        DELIVERED = "delivered", _("delivered")
        RESTOCKED = "restocked", _("back in stock")
        MANUAL = "manual", _("sent by hand")

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")

    slug = models.SlugField(_("code"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    name_en = models.CharField(_("name (English)"), max_length=100, blank=True)
    trigger = models.CharField(_("trigger"), max_length=10, choices=Trigger.choices)
    mail_class = models.CharField(_("kind of mail"), max_length=15, choices=MailClass.choices)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.DRAFT)
    # The DELIVERED trigger, where no delivery is ever reported: so many days after shipping stand in for it.
    delivered_fallback_days = models.PositiveSmallIntegerField(
        _("days from shipping to arrival, if unknown"), default=3
    )
    # Conditions on the whole chain.
    first_order_only = models.BooleanField(_("first order only"), default=False)
    hold_on_complaint = models.BooleanField(_("not during an open complaint"), default=True)
    stop_on_return = models.BooleanField(_("not after a return"), default=True)
    stop_on_repurchase = models.BooleanField(_("not after another order"), default=False)

    class Meta:
        verbose_name = _("sequence")
        verbose_name_plural = _("sequences")
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return named(self.name, self.name_en)


class Step(models.Model):
    """One letter of a sequence. ``key`` stays through every edit, so that a step that was sent is never sent again."""

    class Unit(models.TextChoices):
        MINUTES = "minutes", _("minutes")
        HOURS = "hours", _("hours")
        DAYS = "days", _("days")
        MONTHS = "months", _("months")

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="steps")
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    name = models.CharField(_("name"), max_length=100)
    delay = models.PositiveSmallIntegerField(_("after"))
    unit = models.CharField(_("unit"), max_length=10, choices=Unit.choices, default=Unit.DAYS)
    # Local wall time in the shop's zone; empty: at once when the delay is over.
    local_time = models.TimeField(_("at (local time)"), null=True, blank=True)
    categories = models.ManyToManyField(ProductCategory, verbose_name=_("only for these categories"), blank=True)
    tags = ArrayField(models.CharField(max_length=40), verbose_name=_("only for these tags"), default=list, blank=True)
    repeat_months = models.PositiveSmallIntegerField(_("repeat every (months)"), default=0)
    repeat_times = models.PositiveSmallIntegerField(_("at most (times)"), default=1)
    business_days = models.BooleanField(
        _("only on business days"),
        default=False,
        help_text=_("On a closing day it waits for the next day on which the shop opens, at the same time."),
    )
    max_late_hours = models.PositiveSmallIntegerField(
        _("not later than (hours)"), default=72, help_text=_("A letter that could not leave in time is dropped.")
    )
    # 0: this letter carries no coupon.
    coupon_days = models.PositiveSmallIntegerField(_("coupon valid for (days)"), default=0)
    coupon_code = models.CharField(
        _("coupon code"),
        max_length=40,
        blank=True,
        help_text=_(
            "A code that your shop's platform knows. Empty: each letter gets a code of its own, and you must enter the "
            "issued codes at the platform."
        ),
    )
    subject_ja = models.CharField(_("subject (Japanese)"), max_length=200)
    body_ja = models.TextField(_("text (Japanese)"))
    subject_en = models.CharField(_("subject (English)"), max_length=200, blank=True)
    body_en = models.TextField(_("text (English)"), blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering: ClassVar = ["sequence", "position", "pk"]
        constraints: ClassVar = [
            models.CheckConstraint(name="a_step_happens_at_least_once", condition=Q(repeat_times__gte=1)),
            models.CheckConstraint(
                name="a_step_that_repeats_says_how_often", condition=Q(repeat_times=1) | Q(repeat_months__gt=0)
            ),
            # So that no due date leaves the calendar.
            models.CheckConstraint(
                name="a_step_is_within_reach",
                condition=(
                    Q(unit__in=["minutes", "hours"])
                    | Q(unit="days", delay__lte=timing.MAX_DELAY["days"])
                    | Q(unit="months", delay__lte=timing.MAX_DELAY["months"])
                )
                & Q(repeat_months__lte=timing.MAX_REPEAT_MONTHS, repeat_times__lte=timing.MAX_REPEAT_TIMES),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @cached_property
    def calendar(self) -> Calendar:
        """The shop's business calendar, read once for a step in hand."""
        return business_calendar()

    @property
    def rule(self) -> timing.Rule:
        return timing.Rule(self.delay, self.unit, self.local_time, self.repeat_months)


class PlannedMailQuerySet(models.QuerySet["PlannedMail"]):
    def due(self, now: datetime) -> Self:
        return self.filter(state=PlannedMail.State.PLANNED, due_at__lte=now)

    def waiting(self) -> Self:
        return self.filter(state__in=[PlannedMail.State.PLANNED, PlannedMail.State.HELD])


class PlannedMail(models.Model):
    """An appointment to write: one step of one sequence about one order (or one request), the n-th time."""

    class State(models.IntegerChoices):
        PLANNED = 0, _("planned")
        QUEUED = 3, _("sent to the outbox")
        FAILED = 5, _("failed")
        SKIPPED = 6, _("not sent")
        CANCELLED = 7, _("cancelled")
        HELD = 8, _("held")
        EXPIRED = 9, _("expired")

    # Without indexes of their own: they would tempt PostgreSQL to look for one order's row among all rows of a step.
    sequence = models.ForeignKey(Sequence, on_delete=models.PROTECT, related_name="planned", db_index=False)
    step = models.ForeignKey(Step, on_delete=models.PROTECT, related_name="planned", db_index=False)
    order = models.ForeignKey(Order, null=True, blank=True, on_delete=models.CASCADE, related_name="followups")
    restock_request = models.ForeignKey(
        "RestockRequest", null=True, blank=True, on_delete=models.CASCADE, related_name="planned"
    )
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="followups")
    occurrence = models.PositiveSmallIntegerField(_("time"), default=1)
    # The fact that it counts from; due times are always computed from it, never from the last mail.
    anchor_at = models.DateTimeField(_("counts from"))
    due_at = models.DateTimeField(_("due"))
    not_after = models.DateTimeField(_("not after"))
    state = models.PositiveSmallIntegerField(_("state"), choices=State.choices, default=State.PLANNED)
    reason = models.CharField(_("reason"), max_length=40, blank=True, help_text="code; the sentence is made when shown")
    # What was known when it was decided: {"code": ..., further facts}
    decision = models.JSONField(default=dict, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    mail_key = models.CharField(max_length=200, null=True, blank=True, unique=True)  # unique, so empty is NULL
    created_at = models.DateTimeField(_("planned on"))

    objects = PlannedMailQuerySet.as_manager()

    class Meta:
        verbose_name = _("planned mail")
        verbose_name_plural = _("planned mail")
        ordering: ClassVar = ["due_at", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["sequence", "order", "step", "occurrence"],
                condition=Q(order__isnull=False),
                name="one_planned_mail_per_order_step_and_time",
            ),
            models.UniqueConstraint(
                fields=["step", "restock_request"],
                condition=Q(restock_request__isnull=False),
                name="one_planned_mail_per_restock_request",
            ),
            models.CheckConstraint(
                name="planned_mail_is_about_one_thing",
                condition=Q(order__isnull=False, restock_request__isnull=True)
                | Q(order__isnull=True, restock_request__isnull=False),
            ),
            models.CheckConstraint(
                name="planned_mail_queued_iff_it_has_a_letter",
                condition=Q(state=3, mail_key__isnull=False) | (~Q(state=3) & Q(mail_key__isnull=True)),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at", "id"], condition=Q(state=0), name="planned_due"),
            models.Index(fields=["customer", "-due_at"], name="planned_of_customer"),
            models.Index(fields=["state", "due_at"], name="planned_by_state"),
            models.Index(fields=["step"], condition=Q(state__in=[0, 8]), name="planned_waiting_of_step"),
        ]

    def __str__(self) -> str:
        return f"{self.step} → {self.customer}"


class RestockRequest(models.Model):
    """Somebody who wants to hear when a product is back, once."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="restock_requests")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="restock_requests")
    created_at = models.DateTimeField(_("asked on"))
    restocked_at = models.DateTimeField(_("back in stock on"), null=True, blank=True)

    class Meta:
        verbose_name = _("restock request")
        verbose_name_plural = _("restock requests")
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer", "product"],
                condition=Q(restocked_at__isnull=True),
                name="one_open_restock_request_per_customer_and_product",
            )
        ]

    def __str__(self) -> str:
        return f"{self.product} / {self.customer}"


class CouponIssue(models.Model):
    """A coupon code for one planned mail: a retry finds the same code instead of minting another."""

    planned = models.OneToOneField(PlannedMail, on_delete=models.CASCADE, related_name="coupon")
    code = models.CharField(_("coupon code"), max_length=40, unique=True)
    expires_on = models.DateField(_("valid until"))
    issued_at = models.DateTimeField(_("issued"))

    def __str__(self) -> str:
        return self.code


class Campaign(models.Model):
    """A newsletter: its words, kept and previewed here. Sending to a list belongs to a later release."""

    slug = models.SlugField(_("code"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"))

    class Meta:
        verbose_name = _("newsletter text")
        verbose_name_plural = _("newsletter texts")
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.name


class PlanningHint(models.Model):
    """Where planning may begin to look: one row. Losing it, or finding it wrong, costs one longer look, no more."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    # Orders changed before this moment were all looked at; the next look begins a day earlier still.
    seen_until = models.DateTimeField(null=True)
    # When every order was last looked at, and what the steps said then.
    all_seen_at = models.DateTimeField(null=True)
    steps_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(name="one_planning_hint", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"{self.seen_until}"
