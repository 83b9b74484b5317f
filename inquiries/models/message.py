"""What was said: messages, their files, what is being written, and what happened besides words."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from inquiries.models.inquiry import Inquiry
from shopdesk.addresses import AddressField


class Message(models.Model):
    """One thing said: received from the customer, replied to them, or noted among staff.

    A note can never be mailed: the database refuses a note with a letter.
    """

    class Kind(models.TextChoices):
        RECEIVED = "received", pgettext_lazy("message", "received")
        REPLY = "reply", pgettext_lazy("message", "reply")
        NOTE = "note", _("internal note")
        AUTOMATIC = "automatic", _("automatic mail")

    inquiry = models.ForeignKey(Inquiry, on_delete=models.CASCADE, related_name="messages")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    body = models.TextField(_("text"))
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("author"), null=True, blank=True, on_delete=models.PROTECT
    )
    at = models.DateTimeField(_("when"))
    # Key of the letter in shopdesk.mail, where one was queued; its Message-ID, so that threads can be followed.
    mail_key = models.CharField(max_length=200, null=True, blank=True, unique=True)  # unique, so empty is NULL
    message_id = models.CharField(max_length=200, blank=True, db_index=True)
    # Of received mail: the mail itself, the sanitised HTML, the quoted rest (folded away, searched), who really wrote.
    incoming = models.OneToOneField(
        "mail.IncomingMail", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    html = models.TextField(blank=True)
    folded = models.TextField(blank=True)
    sender_name = models.CharField(_("sender name"), max_length=200, blank=True)
    sender_address = models.CharField(_("sender"), max_length=254, blank=True)
    # Who else got it. Of a received mail: whom else it was written to, without our own addresses.
    cc = ArrayField(AddressField(), default=list, blank=True)
    bcc = ArrayField(AddressField(), default=list, blank=True)
    # Until when a reply may be taken back: its letter is not handed to a worker before. And how the inquiry was, for
    # that case.
    held_until = models.DateTimeField(null=True, blank=True)
    before = models.JSONField(null=True, blank=True, editable=False)
    # A machine wrote it (an absence notice): it reopens nothing, starts no clock and is answered by nothing.
    automatic = models.BooleanField(default=False)
    # The receiving server said that the sender is not who the mail claims (SPF, DKIM, DMARC).
    unverified = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering: ClassVar = ["at", "pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="a_note_is_never_mailed",
                condition=~Q(kind__in=["note", "received"]) | Q(mail_key__isnull=True),
            ),
            models.CheckConstraint(
                name="staff_messages_have_an_author", condition=~Q(kind__in=["reply", "note"]) | Q(author__isnull=False)
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["inquiry", "at", "id"], name="message_of_inquiry")]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"


class Attachment(models.Model):
    """A file with a message. Stored under a random name; the shown name is cleaned; the type is sniffed by us."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attachments")
    storage_key = models.CharField(max_length=100, unique=True)
    name = models.CharField(_("file name"), max_length=150)
    media_type = models.CharField(_("type"), max_length=100)
    size = models.PositiveIntegerField(_("size (bytes)"))
    sha256 = models.CharField(max_length=64)
    inline = models.BooleanField(default=False)
    content_id = models.CharField(max_length=250, blank=True)
    # Came by mail and is of a kind that our own form refuses: kept, offered with a warning.
    suspicious = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_picture(self) -> bool:
        """Whether every browser draws it: what our reading of the bytes made sure of."""
        return self.media_type in {"image/png", "image/jpeg", "image/gif", "image/webp"}


class Draft(models.Model):
    """What somebody is writing, kept on the server; one for each person and inquiry. Drafts never send themselves."""

    inquiry = models.ForeignKey(Inquiry, on_delete=models.CASCADE, related_name="drafts")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    body = models.TextField(blank=True)
    cc = ArrayField(models.CharField(max_length=254), default=list, blank=True)
    bcc = ArrayField(models.CharField(max_length=254), default=list, blank=True)
    # From which of the store's addresses it is to leave; empty: the usual one, see inquiries.senders.
    sender = models.CharField(max_length=254, blank=True, default="", db_default="")
    # The templates that were inserted: approval may hang on them.
    templates = ArrayField(models.IntegerField(), default=list, blank=True)
    saved_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["inquiry", "author"], name="one_draft_per_author")]

    def __str__(self) -> str:
        return f"{self.inquiry_id} {self.author_id}"


class InquiryEvent(models.Model):
    """What happened to an inquiry besides words: a code and its data; the sentence is made when shown."""

    inquiry = models.ForeignKey(Inquiry, on_delete=models.CASCADE, related_name="events")
    code = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["at", "pk"]
        indexes: ClassVar = [models.Index(fields=["inquiry", "at"], name="event_of_inquiry")]

    def __str__(self) -> str:
        return self.code


class DraftFile(models.Model):
    """A file put into a reply that is being written. It goes with the reply, or is deleted with the draft."""

    inquiry = models.ForeignKey(Inquiry, on_delete=models.CASCADE, related_name="draft_files")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    storage_key = models.CharField(max_length=100)
    name = models.CharField(max_length=150)
    media_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    added_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            # The same file dropped twice is there once.
            models.UniqueConstraint(fields=["inquiry", "author", "sha256", "name"], name="one_draft_file_per_content")
        ]

    def __str__(self) -> str:
        return self.name


class Mention(models.Model):
    """A colleague named in a note (@name), until they have seen it."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="mentions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mentions")
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["message", "user"], name="one_mention_per_person")]
        indexes: ClassVar = [models.Index(fields=["user"], condition=Q(seen_at__isnull=True), name="mention_not_seen")]

    def __str__(self) -> str:
        return f"{self.message_id} @{self.user_id}"
