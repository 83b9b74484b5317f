"""Letters, without knowing what they are about.

A letter is made by any room in its own transaction under a unique ``key`` ("inquiries.message:42"), and lives through
``planned -> leased -> sending -> sent``. Every step is a compare-and-set update, so that any number of workers,
beats and repeated rings send it at most once. A SendAttempt is committed before the first byte goes to the mail server:
when a worker dies after that, nobody knows whether the letter left, and the row comes to say so (``uncertain``) instead
of guessing.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
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

    key = models.CharField(max_length=200, help_text="what it is about; queued exactly once")
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
    # Who else gets it. The recipient above is the one it is for: without that one nobody gets it.
    cc = ArrayField(AddressField(), verbose_name="Cc", default=list, db_default=[], blank=True)
    bcc = ArrayField(AddressField(), verbose_name="Bcc", default=list, db_default=[], blank=True)
    # Those of them whom the latest try left out: [{"address", "why": a code of reasons.py, "words": the server's}].
    left_out = models.JSONField(default=list, db_default=[], blank=True)
    reply_to = models.CharField(_("reply to"), max_length=254, blank=True)
    subject = models.CharField(_("subject"), max_length=300)
    text = models.TextField(_("text"))
    html = models.TextField(_("HTML"), blank=True)
    headers = models.JSONField(default=dict, blank=True, help_text="further headers: {name: value}")
    # References to stored files: [{"name": shown name, "type": media type, "storage_key": key in the default storage}]
    attachments = models.JSONField(default=list, blank=True)
    # It opens something to whoever reads it: staff do not see its words until ``not_after`` is over.
    confidential = models.BooleanField(_("confidential"), default=False, db_default=False)
    message_id = models.CharField(max_length=200, help_text="with angle brackets; fixed before the first try")
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
    # It was taken by the next server and came back later. The state stays "sent": that is what happened here.
    bounced_at = models.DateTimeField(_("came back"), null=True, blank=True)
    bounce_code = models.CharField(max_length=40, blank=True, help_text="user_unknown, mailbox_full … or complaint")
    bounce_detail = models.CharField(max_length=300, blank=True, help_text="the other server's words")
    # The recipient's own server took it, says the provider.
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    # The way it went or is going at the latest try; None: the settings' own.
    route = models.ForeignKey(
        "MailRoute",
        verbose_name=_("route"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,  # read with the letter only; one index less to keep at each step
    )
    # The bytes as handed to the server, written before the intent: "exactly as sent" is read from here.
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
            # Not unique=True, which makes a second index of each for LIKE, to be kept at every step of every letter.
            models.UniqueConstraint(fields=["key"], name="one_letter_per_key"),
            models.UniqueConstraint(fields=["message_id"], name="one_letter_per_message_id"),
        ]
        indexes: ClassVar = [
            # Must equal the ORDER BY of the claim (0.2 ms against 70 ms on 100,000 equal due times).
            models.Index(fields=["due_at", "id"], condition=Q(state=0), name="mail_due"),
            # What the guard counts before each claim: without it a queue of receipts would be read through each time.
            models.Index(
                fields=["due_at", "id"],
                condition=Q(state=0, automatic=True) & ~Q(mail_class="transactional"),
                name="mail_due_automatic",
            ),
            models.Index(fields=["lease_until"], condition=Q(state__in=[1, 2]), name="mail_lease"),
            models.Index(fields=["state", "-id"], name="mail_by_state"),
            models.Index(fields=["state", "mail_class", "-id"], name="mail_by_state_and_class"),
            models.Index(fields=["to_address", "-id"], name="mail_by_recipient"),
        ]

    def __str__(self) -> str:
        return self.subject

    def copies(self) -> list[str]:
        """Who gets a copy, in the order of Cc and Bcc, without those who are left out."""
        return [*self.shown_copies(), *self._without_left_out(self.bcc)]

    def shown_copies(self) -> list[str]:
        """The copies that everybody may see: what stands in the header line Cc."""
        return self._without_left_out(self.cc)

    def _without_left_out(self, addresses: list[str]) -> list[str]:
        out = {one["address"] for one in self.left_out}
        return [address for address in addresses if address not in out]


class SendAttempt(models.Model):
    """What was tried, when, and what came of it: one row for each intent. While a letter is ``sending``, what stands
    here is true before the letter's own row says it; see journal.py."""

    class Outcome(models.TextChoices):
        NONE = "", _("no answer yet")
        SENT = "sent", _("accepted")
        DEFERRED = "deferred", _("refused for now")
        REFUSED = "refused", _("refused")
        UNKNOWN = "unknown", _("no answer")

    # The constraint's index begins with it.
    mail = models.ForeignKey(OutgoingMail, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    attempt = models.PositiveSmallIntegerField()
    worker = models.CharField(max_length=100, blank=True)
    # None: the settings' own route, or one that was deleted.
    route = models.ForeignKey(
        "MailRoute", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
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
        SOFT = "soft", _("came back several times")

    address = AddressField(_("mail address"))
    scope = models.CharField(_("scope"), max_length=15, choices=Scope.choices)
    reason = models.CharField(_("reason"), max_length=15, choices=Reason.choices)
    evidence = models.CharField(_("evidence"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("since"))
    # Then it ends by itself. Only a rest after several soft bounces does; it never takes the place of a lasting row.
    until = models.DateTimeField(_("until"), null=True, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), null=True, blank=True, on_delete=models.SET_NULL
    )

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            # A whole index, since every letter asks for its address here: one lasting row, and one that ends.
            models.UniqueConstraint(
                fields=["address", "scope", "until"], nulls_distinct=False, name="one_lasting_suppression_per_scope"
            ),
            models.UniqueConstraint(fields=["address"], condition=Q(until__isnull=False), name="one_rest_per_address"),
            models.CheckConstraint(
                name="only_a_rest_ends",
                condition=Q(reason="soft", until__isnull=False) | (~Q(reason="soft") & Q(until__isnull=True)),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["until"], condition=Q(until__isnull=False), name="suppression_to_end")
        ]

    def __str__(self) -> str:
        return f"{self.address} ({self.get_scope_display()})"


class SoftBounce(models.Model):
    """A letter that came back from an address which is not dead, or that is delayed on its way there."""

    mail = models.ForeignKey(OutgoingMail, on_delete=models.CASCADE, related_name="+")
    address = AddressField()
    code = models.CharField(max_length=40, help_text="of bounce_reasons.REASONS")
    at = models.DateTimeField()
    is_final = models.BooleanField(help_text="came back; otherwise it is still being tried")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mail", "address"], name="one_soft_bounce_per_letter_and_address")
        ]
        indexes: ClassVar = [
            models.Index(fields=["address", "at"], name="soft_bounces_of_address"),
            models.Index(fields=["at"], name="soft_bounces_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.address} {self.code}"


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


class Mailbox(models.Model):
    """Where mail is fetched from, or handed in by a provider. Nothing is answered until the owner says "start"."""

    class Kind(models.TextChoices):
        IMAP = "imap", "IMAP"
        POP3 = "pop3", "POP3"
        WEBHOOK = "webhook", _("provider's webhook")

    class Security(models.TextChoices):
        TLS = "tls", "TLS"
        STARTTLS = "starttls", "STARTTLS"
        NONE = "none", _("none (own network only)")

    class Auth(models.TextChoices):
        PASSWORD = "password", _("password or app password")
        XOAUTH2 = "xoauth2", "OAuth 2 (XOAUTH2)"

    class Status(models.TextChoices):
        PAUSED = "paused", _("paused")
        READING = "reading", _("reading, answers nothing yet")
        ACTIVE = "active", _("active")

    name = models.CharField(_("name"), max_length=100)
    # The code of the store that mail to this box belongs to; rooms above know stores, this one does not. Empty: the
    # default one.
    store_code = models.CharField(_("store"), max_length=50, blank=True)
    address = AddressField(_("mail address"), help_text=_("What customers write to."))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.IMAP)
    host = models.CharField(_("server"), max_length=200, blank=True)
    port = models.PositiveIntegerField(_("port"), default=993)
    security = models.CharField(_("encryption"), max_length=10, choices=Security.choices, default=Security.TLS)
    username = models.CharField(_("user name"), max_length=200, blank=True)
    auth = models.CharField(_("sign-in"), max_length=10, choices=Auth.choices, default=Auth.PASSWORD)
    # Encrypted with a key made from SECRET_KEY; never shown again, never logged.
    secret = models.TextField(blank=True, editable=False)
    folders = models.CharField(_("folders"), max_length=300, default="INBOX", help_text=_("Separated by commas."))
    # Older mail stays where it is and becomes no inquiry; None: everything that is there.
    read_since = models.DateField(_("read mail from"), null=True, blank=True)
    # POP3 only, and never before the mail is stored.
    delete_after = models.BooleanField(_("delete from the server once stored"), default=False)
    # django-anymail's name of the provider ("postmark") whose webhook posts here, and the secret part of the address.
    provider = models.CharField(_("provider"), max_length=30, blank=True)
    hook_digest = models.CharField(max_length=64, blank=True, db_index=True)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.PAUSED)
    next_check_at = models.DateTimeField(_("next look"), null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    last_ok_at = models.DateTimeField(_("last success"), null=True, blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    problem = models.CharField(
        _("problem"), max_length=40, blank=True, help_text="code; the sentence is made when shown"
    )
    problem_detail = models.CharField(max_length=300, blank=True, help_text="the server's words, without secrets")
    problem_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("mailbox")
        verbose_name_plural = _("mailboxes")
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.name


class MailboxFolder(models.Model):
    """How far a folder was read: the last UID under one UIDVALIDITY. What is UNSEEN is never taken for what is new."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="cursors")
    name = models.CharField(max_length=200)
    uid_validity = models.BigIntegerField(default=0)
    last_uid = models.BigIntegerField(default=0)
    # The mail that the server refused to hand over at the latest look, and at how many looks in a row.
    refused_uid = models.BigIntegerField(default=0, db_default=0)
    refusals = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["mailbox", "name"], name="one_cursor_per_folder")]

    def __str__(self) -> str:
        return f"{self.name} {self.last_uid}"


class IncomingMailQuerySet(models.QuerySet["IncomingMail"]):
    def unfiled(self) -> Self:
        """Stored, and not yet looked at by the room above; a mail that failed waits for ``next_try_at``."""
        return self.filter(state=IncomingMail.State.STORED)

    def in_error(self) -> Self:
        """The list 取込エラー."""
        return self.filter(state=IncomingMail.State.ERROR)


class IncomingMail(models.Model):
    """One received mail. Its bytes are committed before it is acknowledged to the server and before it is interpreted.

    stored -> filed | duplicate | bounce | ignored | error; error -> stored by "retry". Nothing is ever dropped.
    """

    class State(models.TextChoices):
        STORED = "stored", _("received")
        FILED = "filed", _("filed")
        DUPLICATE = "duplicate", _("duplicate")
        BOUNCE = "bounce", _("delivery report")
        IGNORED = "ignored", _("not filed")
        ERROR = "error", _("could not be read")

    mailbox = models.ForeignKey(Mailbox, verbose_name=_("mailbox"), on_delete=models.PROTECT, related_name="incoming")
    # One of imap:INBOX:<uidvalidity>:<uid>, pop3:<uidl> and hook:<sha256 or event id>.
    source_key = models.CharField(max_length=300)
    sha256 = models.CharField(max_length=64)
    raw = models.BinaryField(editable=False)
    size = models.PositiveIntegerField(_("size (bytes)"))
    received_at = models.DateTimeField(_("received"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.STORED)
    reason = models.CharField(_("reason"), max_length=40, blank=True, help_text="code; the sentence is made when shown")
    problems = models.JSONField(default=list, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    # A person's choice for "re-decode as …"; empty: the parser's own.
    charset = models.CharField(_("decode as"), max_length=30, blank=True)
    # What the parser found, for lists; the words themselves live with the message that was made of them.
    kind = models.CharField(_("kind"), max_length=12, blank=True)
    message_id = models.CharField(max_length=998, blank=True)
    body_hash = models.CharField(max_length=64, blank=True)
    from_name = models.CharField(_("sender name"), max_length=200, blank=True)
    from_address = models.CharField(_("sender"), max_length=254, blank=True)
    subject = models.CharField(_("subject"), max_length=300, blank=True)
    # What was made of it by the room above: "inquiries.message:42".
    filed_as = models.CharField(max_length=100, blank=True)
    filed_at = models.DateTimeField(_("filed"), null=True, blank=True)

    objects = IncomingMailQuerySet.as_manager()

    class Meta:
        verbose_name = _("incoming mail")
        verbose_name_plural = _("incoming mail")
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mailbox", "source_key"], name="one_row_per_mail_of_a_mailbox"),
            models.UniqueConstraint(
                fields=["filed_as"], condition=~Q(filed_as=""), name="one_mail_per_thing_made_of_it"
            ),
            models.CheckConstraint(
                name="filed_mail_says_as_what",
                condition=Q(state="filed", filed_at__isnull=False) | ~Q(state="filed"),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_try_at", "id"], condition=Q(state="stored"), name="incoming_to_file"),
            models.Index(fields=["state", "-id"], name="incoming_by_state"),
            models.Index(fields=["message_id", "body_hash"], name="incoming_same_mail"),
            models.Index(fields=["mailbox", "sha256"], name="incoming_same_bytes"),
        ]

    def __str__(self) -> str:
        return self.subject or f"#{self.pk}"


class ProviderEvent(models.Model):
    """What a provider's webhook told about a letter; stored first, applied once, whatever is replayed."""

    provider = models.CharField(max_length=30)
    event_key = models.CharField(max_length=200, help_text="the provider's event id, else the sha256 of the event")
    type = models.CharField(max_length=20)
    message_id = models.CharField(max_length=200, blank=True)
    recipient = models.CharField(max_length=254, blank=True)
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    data = models.JSONField(default=dict)
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "event_key"], name="one_row_per_provider_event")
        ]
        indexes: ClassVar = [models.Index(fields=["id"], condition=Q(applied_at=None), name="event_to_apply")]

    def __str__(self) -> str:
        return f"{self.provider} {self.type}"


class MailRoute(models.Model):
    """A way out: an SMTP server or a provider, for some stores and classes of mail. None: the settings' own."""

    class Kind(models.TextChoices):
        SMTP = "smtp", "SMTP"
        BACKEND = "backend", _("provider (django-anymail)")

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        STOPPED = "stopped", _("stopped")

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.SMTP)
    host = models.CharField(_("server"), max_length=200, blank=True)
    port = models.PositiveIntegerField(_("port"), default=587)
    security = models.CharField(
        _("encryption"), max_length=10, choices=Mailbox.Security.choices, default=Mailbox.Security.STARTTLS
    )
    username = models.CharField(_("user name"), max_length=200, blank=True)
    auth = models.CharField(
        _("sign-in"), max_length=10, choices=Mailbox.Auth.choices, default=Mailbox.Auth.PASSWORD,
        db_default=Mailbox.Auth.PASSWORD,
    )  # fmt: skip
    # Who gives out the access tokens: a key of receiving.oauth.TOKEN_URLS. Only with XOAUTH2.
    provider = models.CharField(_("provider"), max_length=30, blank=True, default="", db_default="")
    # Encrypted like a mailbox's: the password, a provider's key, or the JSON for OAuth.
    secret = models.TextField(blank=True, editable=False)
    backend = models.CharField(_("backend"), max_length=100, blank=True)
    # A letter knows its sender, not its store: stores with a sender address of their own have routes of their own.
    from_addresses = models.JSONField(_("only for these senders"), default=list, blank=True)
    mail_classes = models.JSONField(_("only for these kinds of mail"), default=list, blank=True)
    # The recipients' domain groups have buckets of their own; this is the whole route's. 0: no limit.
    per_minute = models.PositiveIntegerField(_("at most (mails a minute)"), default=600)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.ACTIVE)
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    problem_since = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(_("checked"), null=True, blank=True)
    check_result = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("mail route")
        verbose_name_plural = _("mail routes")
        ordering: ClassVar = ["position", "pk"]

    def __str__(self) -> str:
        return self.name


class RateBucket(models.Model):
    """Tokens for sending by one route to one group of domains ("3:docomo"); taken and refilled by one UPDATE."""

    key = models.CharField(max_length=60, primary_key=True)
    tokens = models.FloatField()
    refilled_at = models.DateTimeField()
    # Until then the rate is halved: the receiving side asked for patience (421, 450 4.2.1).
    slow_until = models.DateTimeField(null=True, blank=True)
    # The last moment that was given to a letter which had to wait: the next one is put behind it.
    queue_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.key


class DispatchGuard(models.Model):
    """One row: whether letters leave on their own. Held when this looks like a restored copy, when the clock jumped, or
    when far more mail is due than ever; a person looks and confirms."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        HELD = "held", _("held")

    fingerprint = models.CharField(max_length=64, blank=True)
    last_tick_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    reason = models.CharField(max_length=40, blank=True)
    since = models.DateTimeField(null=True, blank=True)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(name="one_dispatch_guard", condition=Q(id=1))]

    def __str__(self) -> str:
        return self.state
