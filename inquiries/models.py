"""What customers ask, what is answered, and what happened to each question."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
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


class InquiryQuerySet(models.QuerySet["Inquiry"]):
    def visible_to(self, user: User) -> Self:
        """The one door to rows: everything, or what is assigned to the user, or nothing."""
        if user.has_perm(P.INQUIRIES_VIEW_ALL):
            return self
        if user.has_perm(P.INQUIRIES_VIEW):
            return self.filter(assignee=user)
        return self.none()

    def unsolved(self) -> Self:
        return self.exclude(status=Inquiry.Status.SOLVED)

    def unanswered(self) -> Self:
        """The customer waits for us."""
        return self.filter(status=Inquiry.Status.OPEN)

    def overdue(self, now: datetime) -> Self:
        return self.unanswered().filter(reply_due_at__lt=now)

    def open_complaints_of(self, customer: Customer) -> Self:
        """Unsolved complaints of a customer: they hold follow-ups."""
        return self.unsolved().filter(customer=customer, category__is_complaint=True)


class Inquiry(models.Model):
    """A question of one customer and everything said about it."""

    class Status(models.TextChoices):
        OPEN = "open", _("to answer")
        PENDING = "pending", _("waiting for the customer")
        SOLVED = "solved", _("solved")

    class Channel(models.TextChoices):
        FORM = "form", pgettext_lazy("channel", "form")
        EMAIL = "email", pgettext_lazy("channel", "mail")
        PHONE = "phone", pgettext_lazy("channel", "phone")
        LINE = "line", "LINE"

    number = models.CharField(_("reference number"), max_length=20, unique=True)
    store = models.ForeignKey(Store, verbose_name=_("store"), on_delete=models.PROTECT)
    customer = models.ForeignKey(
        Customer, verbose_name=_("customer"), on_delete=models.PROTECT, related_name="inquiries"
    )
    # As given with this question: the customer's master row may say something else.
    name = models.CharField(_("name"), max_length=100)
    email = AddressField(_("mail address"), blank=True)
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
    # After a merge, where everything said here is shown and answered; un-merging empties it again.
    merged_into = models.ForeignKey(
        "self", verbose_name=_("merged into"), null=True, blank=True, on_delete=models.SET_NULL, related_name="merged"
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
        ]
        indexes: ClassVar = [
            models.Index(fields=["reply_due_at", "id"], condition=Q(status="open"), name="inquiry_to_answer"),
            models.Index(fields=["status", "-last_activity_at", "-id"], name="inquiry_by_status"),
            models.Index(fields=["-last_activity_at", "-id"], name="inquiry_newest"),
            models.Index(fields=["assignee", "status", "-last_activity_at"], name="inquiry_of_assignee"),
            models.Index(fields=["customer", "-opened_at"], name="inquiry_of_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.subject}"


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
    body = models.TextField()
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
