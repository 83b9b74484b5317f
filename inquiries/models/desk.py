"""How the work is shared and looked at: views, rules, promises, turns, presence, work in bulk, merges."""

from __future__ import annotations

from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from inquiries.models.inquiry import Category, Inquiry
from shopdesk.accounts.models import User
from shopdesk.shop.models import Store


class SLAPolicyQuerySet(models.QuerySet["SLAPolicy"]):
    def in_force(self) -> Self:
        return self.filter(is_active=True).order_by("position", "pk")


class SLAPolicy(models.Model):
    """How fast we promise to be, in business minutes. The first policy that fits is copied onto the inquiry."""

    name = models.CharField(_("name"), max_length=80)
    store = models.ForeignKey(Store, verbose_name=_("store"), null=True, blank=True, on_delete=models.CASCADE)
    channel = models.CharField(_("channel"), max_length=10, choices=Inquiry.Channel.choices, blank=True)
    category = models.ForeignKey(Category, verbose_name=_("category"), null=True, blank=True, on_delete=models.CASCADE)
    priority = models.PositiveSmallIntegerField(_("priority"), choices=Category.Priority, null=True, blank=True)
    first_minutes = models.PositiveIntegerField(_("first answer within (business minutes)"), null=True, blank=True)
    next_minutes = models.PositiveIntegerField(_("next answer within (business minutes)"), null=True, blank=True)
    solve_minutes = models.PositiveIntegerField(_("solved within (business minutes)"), null=True, blank=True)
    warn_minutes = models.PositiveIntegerField(_("warn before (business minutes)"), default=60)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("in force"), default=True)

    objects = SLAPolicyQuerySet.as_manager()

    class Meta:
        verbose_name = _("response promise")
        verbose_name_plural = _("response promises")
        ordering: ClassVar = ["position", "pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["name"], name="one_promise_per_name")]

    def __str__(self) -> str:
        return self.name


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def offered_to(self, user: User) -> Self:
        """Shared ones and the person's own."""
        return self.filter(Q(shared=True) | Q(owner=user))


class SavedView(models.Model):
    """A list that somebody keeps. Conditions as in inquiries.conditions."""

    name = models.CharField(_("name"), max_length=60)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("owner"), on_delete=models.CASCADE, related_name="saved_views"
    )
    shared = models.BooleanField(_("for everybody"), default=False)
    conditions = models.JSONField(default=dict)
    order = models.CharField(_("order"), max_length=20, default="newest")
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering: ClassVar = ["position", "pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["owner", "name"], name="one_view_per_name")]

    def __str__(self) -> str:
        return self.name


class AgentSetting(models.Model):
    """How one person works: whether new inquiries come to them, how many at most, what they see first."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="agent_setting")
    takes_turns = models.BooleanField(_("gets new inquiries in turn"), default=False)
    is_available = models.BooleanField(_("available"), default=True)
    cap = models.PositiveSmallIntegerField(_("open inquiries at most"), default=20)
    last_given_at = models.DateTimeField(null=True, blank=True)
    default_view = models.ForeignKey(SavedView, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    # The key of a built-in view ("mine"), where no saved one is chosen.
    default_tab = models.CharField(max_length=20, blank=True)

    def __str__(self) -> str:
        return str(self.user_id)


class Rule(models.Model):
    """When something happens to an inquiry and the conditions hold, these acts follow. In the order of position."""

    class Event(models.TextChoices):
        OPENED = "opened", _("an inquiry arrives")
        CUSTOMER_WROTE = "customer_wrote", _("the customer writes again")
        REPLIED = "replied", _("a reply was sent")
        STATUS = "status", _("the status changes")
        ASSIGNED = "assigned", _("somebody else is assigned")
        WARNED = "warned", _("a promise is about to end")
        OVERDUE = "overdue", _("a promise has ended")

    name = models.CharField(_("name"), max_length=80)
    event = models.CharField(_("when"), max_length=20, choices=Event.choices)
    conditions = models.JSONField(_("conditions"), default=dict)
    acts = models.JSONField(_("acts"), default=list)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("in force"), default=False)

    class Meta:
        verbose_name = _("rule")
        verbose_name_plural = _("rules")
        ordering: ClassVar = ["position", "name", "pk"]

    def __str__(self) -> str:
        return self.name


class Happening(models.Model):
    """Something that rules may answer, written in the transaction in which it happened and read by a sweep."""

    inquiry = models.ForeignKey(Inquiry, on_delete=models.CASCADE, related_name="+")
    event = models.CharField(max_length=20)
    at = models.DateTimeField()
    # By a rule: rules do not answer each other.
    by_rule = models.BooleanField(default=False)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [models.Index(fields=["id"], condition=Q(done_at__isnull=True), name="happening_due")]

    def __str__(self) -> str:
        return f"{self.inquiry_id} {self.event}"


class RuleHit(models.Model):
    """That a rule acted: what is asked when somebody wonders why. Once for each happening."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="hits")
    inquiry = models.ForeignKey(Inquiry, on_delete=models.CASCADE, related_name="+")
    happening = models.ForeignKey(Happening, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()
    # [{"do": …, "ok": true, "why": code}]
    outcome = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["rule", "happening"], name="one_hit_per_happening")]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.inquiry_id}"


class Presence(models.Model):
    """Who has an inquiry open at this moment. Written by each browser's poll; gone half a minute after the last."""

    class Doing(models.TextChoices):
        VIEWING = "viewing", _("viewing")
        REPLYING = "replying", _("replying")

    inquiry = models.ForeignKey(Inquiry, on_delete=models.CASCADE, related_name="presences", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    doing = models.CharField(max_length=10, choices=Doing.choices)
    since = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["inquiry", "user"], name="one_presence_per_person_and_inquiry")
        ]
        indexes: ClassVar = [models.Index(fields=["-seen_at"], name="presence_newest")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.doing} {self.inquiry_id}"


class Pull(models.Model):
    """One inquiry handed to somebody who asked for the next one: one at a time, for a limited time."""

    class Outcome(models.TextChoices):
        OPEN = "", _("in work")
        ANSWERED = "answered", _("answered")
        SKIPPED = "skipped", _("skipped")
        EXPIRED = "expired", _("time ran out")

    inquiry = models.ForeignKey(Inquiry, on_delete=models.CASCADE, related_name="pulls")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="pulls")
    at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True, default="")
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    comment = models.CharField(_("comment"), max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user"], condition=Q(ended_at=None), name="one_open_pull_per_person"),
            models.UniqueConstraint(fields=["inquiry"], condition=Q(ended_at=None), name="one_open_pull_per_inquiry"),
            models.CheckConstraint(
                name="pull_ended_iff_outcome",
                condition=(Q(ended_at=None) & Q(outcome="")) | (Q(ended_at__isnull=False) & ~Q(outcome="")),
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["expires_at"], condition=Q(ended_at=None), name="pull_to_expire")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.inquiry_id}"


class BulkRun(models.Model):
    """The same acts on many inquiries: kept as a row, worked off in steps, with what could not be done."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        # It was done, and is put back now.
        UNDOING = "undoing", _("being taken back")

    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    acts = models.JSONField(default=list)
    ids = ArrayField(models.BigIntegerField())
    # Inquiry.version of each row as the person saw it when marking it: {id: version}; a row without one was not seen.
    seen = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    # Rows of ``ids`` that were worked on; the next step begins here.
    position = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    # [{"id", "number", "why": code}]
    refused = models.JSONField(default=list)
    # What each row was before, for taking the whole run back: {id: {...}}
    before = models.JSONField(default=dict)
    # Rows of ``before``, in the order of their keys, that were looked at to put them back, and those that were.
    undo_position = models.PositiveIntegerField(default=0)
    restored = models.PositiveIntegerField(default=0)
    # [{"id", "number", "why": code}]
    left = models.JSONField(default=list)
    # When all of it was put back that could be.
    undone_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    form_token = models.UUIDField(unique=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [models.Index(fields=["id"], condition=~Q(state="done"), name="bulk_to_do")]

    def __str__(self) -> str:
        return f"{self.pk} {self.state} {self.position}/{len(self.ids)}"


class Merge(models.Model):
    """That one inquiry goes on in another. Nothing moves: un-merging ends the row and puts the fields back."""

    source = models.ForeignKey(Inquiry, on_delete=models.CASCADE, related_name="merges")
    target = models.ForeignKey(Inquiry, on_delete=models.CASCADE, related_name="merged_here")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    # The source's status, clocks and assignee as they were.
    before = models.JSONField(default=dict)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source"], condition=Q(undone_at=None), name="merged_into_one_at_a_time")
        ]

    def __str__(self) -> str:
        return f"{self.source_id} → {self.target_id}"


class SweepMark(models.Model):
    """How far a sweep has read that follows changes of rows which are not its own."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class SearchEntry(models.Model):
    """The words of one inquiry with its messages, as numbers of their two-letter pieces (shopdesk.text.grams)."""

    inquiry = models.OneToOneField(Inquiry, primary_key=True, on_delete=models.CASCADE, related_name="search_entry")
    grams = ArrayField(models.IntegerField())

    class Meta:
        indexes: ClassVar = [GinIndex(fields=["grams"], name="search_grams")]

    def __str__(self) -> str:
        return str(self.inquiry_id)
