"""Letters, without knowing what they are about.

A letter is made by any room in its own transaction under a unique ``key`` ("inquiries.message:42"), and lives through
``planned -> leased -> sending -> sent``. Every step is a compare-and-set update, so that any number of workers,
beats and repeated rings send it at most once. ``sending`` is committed before the first byte goes to the mail server:
when a worker dies after that, nobody knows whether the letter left, and the row says so (``uncertain``) instead of
guessing.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from shopdesk.addresses import AddressField


class MailClass(models.TextChoices):
    """What kind of letter the law sees in it (特定電子メール法)."""

    TRANSACTIONAL = "transactional", _("transactional")
    SERVICE = "service", _("after-care")
    ADVERTISING = "advertising", _("advertising")


class OutgoingMailQuerySet(models.QuerySet["OutgoingMail"]):
    def due(self, now: datetime) -> Self:
        """Letters that a worker may claim."""
        return self.filter(state=OutgoingMail.State.PLANNED, due_at__lte=now)

    def needs_attention(self) -> Self:
        """Letters of which a person must say what happened."""
        return self.filter(state__in=[OutgoingMail.State.UNCERTAIN, OutgoingMail.State.FAILED, OutgoingMail.State.HELD])


class OutgoingMail(models.Model):
    """A letter ready to go, or gone."""

    class State(models.IntegerChoices):
        PLANNED = 0, _("waiting")
        LEASED = 1, _("picked up")
        SENDING = 2, _("being sent")
        SENT = 3, _("sent")
        UNCERTAIN = 4, _("unclear whether sent")
        FAILED = 5, _("failed")
        SKIPPED = 6, _("not sent")
        CANCELLED = 7, _("cancelled")
        HELD = 8, _("held")
        EXPIRED = 9, _("expired")

    # States from which nothing follows by itself.
    FINAL: ClassVar = (State.SENT, State.UNCERTAIN, State.FAILED, State.SKIPPED, State.CANCELLED, State.EXPIRED)

    key = models.CharField(max_length=200, unique=True, help_text="what it is about; queued exactly once")
    mail_class = models.CharField(
        _("kind of mail"), max_length=15, choices=MailClass.choices, default=MailClass.TRANSACTIONAL
    )
    # True for mail that no person wrote: carries Auto-Submitted and an empty envelope sender is allowed.
    automatic = models.BooleanField(_("automatic"), default=True)
    language = models.CharField(_("language"), max_length=2, default="ja")
    from_name = models.CharField(_("sender name"), max_length=100)
    from_address = AddressField(_("sender"))
    to_name = models.CharField(_("recipient name"), max_length=100, blank=True)
    to_address = AddressField(_("recipient"))
    reply_to = models.CharField(_("reply to"), max_length=254, blank=True)
    subject = models.CharField(_("subject"), max_length=300)
    text = models.TextField(_("text"))
    html = models.TextField(_("HTML"), blank=True)
    headers = models.JSONField(default=dict, blank=True, help_text="further headers: {name: value}")
    # References to stored files: [{"name": shown name, "type": media type, "storage_key": key in the default storage}]
    attachments = models.JSONField(default=list, blank=True)
    message_id = models.CharField(
        max_length=200, unique=True, help_text="with angle brackets; fixed before the first try"
    )
    in_reply_to = models.CharField(max_length=998, blank=True)
    references = models.TextField(blank=True, help_text="Message-IDs, oldest first, separated by a space")

    state = models.PositiveSmallIntegerField(_("state"), choices=State.choices, default=State.PLANNED)
    reason = models.CharField(_("reason"), max_length=40, blank=True, help_text="code; the sentence is made when shown")
    detail = models.CharField(_("detail"), max_length=500, blank=True, help_text="the server's words, without secrets")
    due_at = models.DateTimeField(_("due"))
    not_after = models.DateTimeField(_("not after"), null=True, blank=True)
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_token = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("queued"))
    # When the present round of tries began: after a day of refusals it is given up. Staff may begin a new round.
    first_try_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(_("last change"), null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    # The bytes as handed to the server, written with the intent: "exactly as sent" is read from here.
    raw = models.BinaryField(null=True, editable=False)

    objects = OutgoingMailQuerySet.as_manager()

    class Meta:
        verbose_name = _("outgoing mail")
        verbose_name_plural = _("outgoing mail")
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="mail_sent_at_iff_sent",
                condition=Q(state=3, sent_at__isnull=False) | (~Q(state=3) & Q(sent_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="mail_leased_iff_in_work",
                condition=Q(state__in=[1, 2], lease_until__isnull=False)
                | (~Q(state__in=[1, 2]) & Q(lease_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="mail_sending_has_its_bytes", condition=~Q(state__in=[2, 3]) | Q(raw__isnull=False)
            ),
            models.CheckConstraint(name="mail_subject_is_one_line", condition=~Q(subject__regex=r"[\r\n]")),
        ]
        indexes: ClassVar = [
            # Must equal the ORDER BY of the claim (0.2 ms against 70 ms on 100,000 equal due times).
            models.Index(fields=["due_at", "id"], condition=Q(state=0), name="mail_due"),
            models.Index(fields=["lease_until"], condition=Q(state__in=[1, 2]), name="mail_lease"),
            models.Index(fields=["state", "-id"], name="mail_by_state"),
            models.Index(fields=["state", "mail_class", "-id"], name="mail_by_state_and_class"),
            models.Index(fields=["to_address", "-id"], name="mail_by_recipient"),
        ]

    def __str__(self) -> str:
        return self.subject


class SendAttempt(models.Model):
    """What was tried, when, and what came of it. Append-only: one row for each intent."""

    class Outcome(models.TextChoices):
        NONE = "", _("no answer yet")
        SENT = "sent", _("accepted")
        DEFERRED = "deferred", _("refused for now")
        REFUSED = "refused", _("refused")
        UNKNOWN = "unknown", _("no answer")

    mail = models.ForeignKey(OutgoingMail, on_delete=models.CASCADE, related_name="attempts")
    attempt = models.PositiveSmallIntegerField()
    worker = models.CharField(max_length=100, blank=True)
    intent_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.NONE, blank=True)
    smtp_code = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["mail", "attempt"], name="one_row_per_attempt")]

    def __str__(self) -> str:
        return f"{self.mail_id}/{self.attempt} {self.outcome}"


class Suppression(models.Model):
    """An address that must not be written to: everything, or one class of mail."""

    class Scope(models.TextChoices):
        ALL = "all", _("all mail")
        SERVICE = "service", _("after-care mail")
        ADVERTISING = "advertising", _("advertising mail")

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
        BOUNCED = "bounced", _("address does not exist")
        COMPLAINED = "complained", _("marked as spam")
        MANUAL = "manual", _("entered by staff")

    address = AddressField(_("mail address"))
    scope = models.CharField(_("scope"), max_length=15, choices=Scope.choices)
    reason = models.CharField(_("reason"), max_length=15, choices=Reason.choices)
    evidence = models.CharField(_("evidence"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("since"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), null=True, blank=True, on_delete=models.SET_NULL
    )

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["address", "scope"], name="one_suppression_per_address_and_scope")
        ]

    def __str__(self) -> str:
        return f"{self.address} ({self.get_scope_display()})"


class Consent(models.Model):
    """Evidence that an address agreed to advertising mail, or took it back. Append-only (特定電子メール法 3条2項)."""

    class Act(models.TextChoices):
        GIVEN = "given", _("given")
        WITHDRAWN = "withdrawn", _("withdrawn")

    address = AddressField(_("mail address"))
    act = models.CharField(_("act"), max_length=10, choices=Act.choices)
    source = models.CharField(_("source"), max_length=200)
    wording = models.TextField(_("wording shown"), blank=True)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("consent record")
        verbose_name_plural = _("consent records")
        ordering: ClassVar = ["-at", "-pk"]
        indexes: ClassVar = [models.Index(fields=["address", "-at"], name="consent_of_address")]

    def __str__(self) -> str:
        return f"{self.address} {self.act}"
