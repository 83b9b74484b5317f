"""The shop as we know it: stores, calendar, customers, products, and orders mirrored from the platform."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from shopdesk.addresses import AddressField
from shopdesk.shop import carriers


def named(ja: str, en: str) -> str:
    """The name in the language of the moment; the other one where it is empty."""
    return (en or ja) if get_language() == "en" else (ja or en)


class Store(models.Model):
    """One place where the shop sells: 本店, 楽天市場店 … with its own name, sender and signature."""

    code = models.SlugField(_("code"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    name_en = models.CharField(_("name (English)"), max_length=100, blank=True)
    legal_name = models.CharField(
        _("legal name"), max_length=100, blank=True, help_text=_("Shown in advertising mail, as the law demands.")
    )
    postal_code = models.CharField(_("postal code"), max_length=8, blank=True)
    address = models.CharField(_("address"), max_length=200, blank=True)
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    url = models.URLField(_("web address"), blank=True)
    sender_name = models.CharField(_("sender name"), max_length=100)
    sender_address = AddressField(_("sender address"))
    opening_ja = models.TextField(_("opening lines (Japanese)"), blank=True)
    opening_en = models.TextField(_("opening lines (English)"), blank=True)
    signature_ja = models.TextField(_("signature (Japanese)"), blank=True)
    signature_en = models.TextField(_("signature (English)"), blank=True)
    is_default = models.BooleanField(_("default store"), default=False)
    # How the desk works for this store.
    undo_seconds = models.PositiveSmallIntegerField(
        _("seconds to take a reply back"), default=10, validators=[MaxValueValidator(60)]
    )
    reopen_days = models.PositiveSmallIntegerField(
        _("days in which a solved inquiry is reopened"),
        default=14,
        help_text=_("Mail that comes later opens a new inquiry that points to the old one."),
    )
    requires_cause = models.BooleanField(_("a cause is needed to close"), default=True)
    requires_product = models.BooleanField(_("a product is needed to close"), default=False)

    class Meta:
        verbose_name = _("store")
        verbose_name_plural = _("stores")
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="one_default_store"),
            models.CheckConstraint(name="a_reply_is_held_a_minute_at_most", condition=Q(undo_seconds__lte=60)),
        ]

    def __str__(self) -> str:
        return named(self.name, self.name_en)

    @classmethod
    def default(cls) -> Store:
        """The store of everything that names none.

        Raises Store.DoesNotExist when the shop has no store yet.
        """
        return cls.objects.order_by("-is_default", "pk")[:1].get()


class BusinessHours(models.Model):
    """One slot of opening time on a weekday; a day may have several (10-12, 13-17). Local time of the shop."""

    class Weekday(models.IntegerChoices):
        MONDAY = 0, _("Monday")
        TUESDAY = 1, _("Tuesday")
        WEDNESDAY = 2, _("Wednesday")
        THURSDAY = 3, _("Thursday")
        FRIDAY = 4, _("Friday")
        SATURDAY = 5, _("Saturday")
        SUNDAY = 6, _("Sunday")

    weekday = models.PositiveSmallIntegerField(_("weekday"), choices=Weekday.choices)
    opens = models.TimeField(_("opens"))
    closes = models.TimeField(_("closes"))

    class Meta:
        verbose_name = _("business hours")
        verbose_name_plural = _("business hours")
        ordering: ClassVar = ["weekday", "opens"]
        constraints: ClassVar = [
            models.CheckConstraint(name="opens_before_it_closes", condition=Q(opens__lt=F("closes"))),
            models.UniqueConstraint(fields=["weekday", "opens"], name="one_slot_per_opening"),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens:%H:%M}-{self.closes:%H:%M}"


class Closure(models.Model):
    """Days on which nobody answers: public holidays (seeded from jpholiday), summer and year-end, the shop's own.

    ``active`` lets a shop work on a holiday without the next seeding undoing it.
    """

    class Kind(models.TextChoices):
        HOLIDAY = "holiday", _("public holiday")
        SEASON = "season", _("summer or year-end")
        OWN = "own", _("own closing day")

    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    name = models.CharField(_("name"), max_length=60)
    name_en = models.CharField(_("name (English)"), max_length=60, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.OWN)
    active = models.BooleanField(_("closed on these days"), default=True)

    class Meta:
        verbose_name = _("closing days")
        verbose_name_plural = _("closing days")
        ordering: ClassVar = ["first_day"]
        constraints: ClassVar = [
            models.CheckConstraint(name="closure_ends_after_it_begins", condition=Q(first_day__lte=F("last_day"))),
            models.UniqueConstraint(fields=["first_day", "name"], name="one_closure_per_day_and_name"),
        ]

    def __str__(self) -> str:
        return f"{named(self.name, self.name_en)} {self.first_day}"


class Customer(models.Model):
    """A person who bought or wrote."""

    name = models.CharField(_("name"), max_length=100)
    name_kana = models.CharField(_("name (kana)"), max_length=100, blank=True)
    phone = models.CharField(_("phone"), max_length=20, blank=True, help_text=_("Digits only."))
    prefecture = models.CharField(_("prefecture"), max_length=10, blank=True)
    language = models.CharField(
        _("language"), max_length=2, choices=[("ja", "日本語"), ("en", "English")], default="ja"
    )
    note = models.TextField(_("note"), blank=True)
    created_at = models.DateTimeField(_("known since"))
    # Found to be the same person as another one, to whom everything was moved; un-merging empties it again.
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged", editable=False
    )
    # Changes of name, kana or phone that whoever keeps copies has not followed yet (shop.changes); 0 for nearly all.
    untold = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [
            models.Index(fields=["phone"], name="customer_phone"),
            models.Index(fields=["id"], condition=models.Q(untold__gt=0), name="customer_untold"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def email(self) -> str:
        """The address to write to: the newest that is known; empty where there is none."""
        known = sorted(self.addresses.all(), key=lambda address: address.pk)
        return str(known[-1].address) if known else ""


class CustomerAddress(models.Model):
    """A mail address of a customer. An unmasked address belongs to one customer only."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="addresses")
    address = AddressField(_("mail address"))
    masked = models.BooleanField(_("marketplace relay"), default=False)

    class Meta:
        verbose_name = _("mail address")
        verbose_name_plural = _("mail addresses")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["address"], condition=Q(masked=False), name="one_customer_per_address"),
            models.UniqueConstraint(fields=["customer", "address"], name="one_row_per_customer_address"),
        ]

    def __str__(self) -> str:
        return str(self.address)


class PlatformIdentity(models.Model):
    """What a platform calls a customer: the surest way to know a person again."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="identities")
    store = models.ForeignKey(Store, on_delete=models.PROTECT)
    platform_id = models.CharField(max_length=100)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["store", "platform_id"], name="one_customer_per_platform_id")
        ]

    def __str__(self) -> str:
        return self.platform_id


class ProductCategory(models.Model):
    """What kind of thing a product is; follow-ups choose their care tips by it."""

    slug = models.SlugField(_("code"), unique=True)
    name = models.CharField(_("name"), max_length=60)
    name_en = models.CharField(_("name (English)"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("product category")
        verbose_name_plural = _("product categories")
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return named(self.name, self.name_en)


class Product(models.Model):
    """A thing that the shop sells."""

    sku = models.CharField(_("SKU"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=200)
    name_en = models.CharField(_("name (English)"), max_length=200, blank=True)
    category = models.ForeignKey(
        ProductCategory, verbose_name=_("category"), null=True, blank=True, on_delete=models.PROTECT
    )
    price = models.PositiveIntegerField(_("price (yen, tax included)"), default=0)
    material = models.CharField(_("material"), max_length=100, blank=True)
    care_tip = models.TextField(_("care tip"), blank=True)
    warranty_months = models.PositiveSmallIntegerField(_("warranty (months)"), default=0)
    tags = ArrayField(models.CharField(max_length=40), verbose_name=_("tags"), default=list, blank=True)
    url = models.URLField(_("web address"), blank=True)
    is_active = models.BooleanField(_("on sale"), default=True)
    # Changes of its name that whoever keeps copies has not followed yet (shop.changes).
    untold = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering: ClassVar = ["sku"]
        indexes: ClassVar = [
            GinIndex(fields=["tags"], name="product_tags"),
            models.Index(fields=["id"], condition=models.Q(untold__gt=0), name="product_untold"),
        ]

    def __str__(self) -> str:
        return named(self.name, self.name_en)


class OrderQuerySet(models.QuerySet["Order"]):
    def of_customer(self, customer: Customer) -> Self:
        return self.filter(customer=customer).order_by("-ordered_at", "-pk")


class Order(models.Model):
    """An order as the shop's platform last told it. The platform is the source; nothing is invented here.

    Money is integer yen. ``goods_paid`` is what was paid for the goods after discounts, without shipping and fees; it
    equals the sum of ``OrderLine.paid_total``.
    """

    class Status(models.TextChoices):
        NEW = "new", _("received")
        PAID = "paid", _("paid")
        SHIPPED = "shipped", _("shipped")
        DELIVERED = "delivered", _("delivered")
        CANCELLED = "cancelled", _("cancelled")
        RETURNED = "returned", _("returned")

    store = models.ForeignKey(Store, verbose_name=_("store"), on_delete=models.PROTECT, related_name="orders")
    number = models.CharField(_("order number"), max_length=60)
    platform_id = models.CharField(_("platform's id"), max_length=60, blank=True)
    customer = models.ForeignKey(Customer, verbose_name=_("customer"), on_delete=models.PROTECT, related_name="orders")
    email = models.CharField(_("mail address"), max_length=254, blank=True)
    name = models.CharField(_("name"), max_length=100)
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=8, blank=True)
    prefecture = models.CharField(_("prefecture"), max_length=10, blank=True)
    address = models.CharField(_("address"), max_length=300, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.NEW)
    ordered_at = models.DateTimeField(_("ordered"))
    paid_at = models.DateTimeField(_("paid on"), null=True, blank=True)
    shipped_at = models.DateTimeField(_("shipped on"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered on"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled on"), null=True, blank=True)
    wish_date = models.DateField(_("wished delivery date"), null=True, blank=True)
    total = models.IntegerField(_("total (yen)"))
    goods_paid = models.IntegerField(_("paid for goods (yen)"))
    shipping_fee = models.IntegerField(_("shipping (yen)"), default=0)
    other_fee = models.IntegerField(_("fees (yen)"), default=0)
    discount = models.IntegerField(_("discount and points (yen)"), default=0)
    refunded = models.IntegerField(_("refunded (yen)"), default=0)
    payment_method = models.CharField(_("payment"), max_length=60, blank=True)
    note = models.TextField(_("note"), blank=True)
    content_hash = models.CharField(max_length=64, help_text="sha256 of the normalised order: says 'unchanged'")
    raw = models.JSONField(_("rows as imported"), default=list, blank=True)
    imported_at = models.DateTimeField(_("first imported"))
    updated_at = models.DateTimeField(_("last changed by an import"))
    # Follow-ups plan only for orders that allow it: importing old orders never plans mail unless asked.
    plan_followups = models.BooleanField(_("plan follow-ups"), default=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering: ClassVar = ["-ordered_at", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["store", "number"], name="one_order_per_store_and_number"),
            models.CheckConstraint(
                name="order_money_is_not_negative",
                condition=Q(total__gte=0, goods_paid__gte=0, shipping_fee__gte=0, refunded__gte=0),
            ),
            models.CheckConstraint(
                name="order_cancelled_at_iff_cancelled",
                condition=Q(status="cancelled", cancelled_at__isnull=False)
                | (~Q(status="cancelled") & Q(cancelled_at__isnull=True)),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["customer", "-ordered_at"], name="order_of_customer"),
            models.Index(fields=["number"], name="order_number"),
            models.Index(fields=["-ordered_at", "-id"], name="order_newest"),
            models.Index(fields=["updated_at", "id"], name="order_changed"),
            models.Index(Upper("email"), name="order_by_mail_address"),  # what iexact asks for
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_live(self) -> bool:
        return self.status not in {self.Status.CANCELLED, self.Status.RETURNED}


class OrderLine(models.Model):
    """Goods of one kind in an order.

    ``unit_amounts`` splits ``paid_total`` into whole yen for each unit, once, at import, so that a partial refund never
    has to round. ``qty_open`` units are in open returns or exchanges, ``qty_done`` in finished ones; the database
    refuses more than was shipped.
    """

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField()
    platform_id = models.CharField(max_length=60, blank=True)
    product = models.ForeignKey(Product, null=True, blank=True, on_delete=models.SET_NULL, related_name="order_lines")
    sku = models.CharField(_("SKU"), max_length=60, blank=True)
    name = models.CharField(_("name"), max_length=200)
    variant = models.CharField(_("variant"), max_length=100, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"), validators=[MinValueValidator(1)])
    unit_price = models.PositiveIntegerField(_("unit price (yen, tax included)"))
    tax_rate = models.PositiveSmallIntegerField(_("tax rate (%)"), default=10)
    paid_total = models.PositiveIntegerField(_("paid (yen)"))
    unit_amounts = ArrayField(models.IntegerField(), verbose_name=_("paid for each unit (yen)"))
    qty_shipped = models.PositiveIntegerField(_("shipped"), default=0)
    qty_open = models.PositiveIntegerField(_("in open returns"), default=0)
    qty_done = models.PositiveIntegerField(_("returned"), default=0)

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        ordering: ClassVar = ["order", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "position"], name="one_line_per_position"),
            models.CheckConstraint(name="line_has_a_quantity", condition=Q(quantity__gt=0)),
            models.CheckConstraint(name="shipped_at_most_what_was_bought", condition=Q(qty_shipped__lte=F("quantity"))),
            models.CheckConstraint(
                name="returned_at_most_what_was_shipped",
                condition=Q(qty_open__gte=0, qty_done__gte=0, qty_shipped__gte=F("qty_open") + F("qty_done")),
            ),
            # That the amounts sum up to paid_total is held by a second constraint, written in SQL by the migration.
            models.CheckConstraint(name="one_amount_per_unit", condition=Q(unit_amounts__len=F("quantity"))),
        ]

    def __str__(self) -> str:
        return f"{self.name} × {self.quantity}"

    @property
    def returnable(self) -> int:
        """Units that may still be asked back."""
        return self.qty_shipped - self.qty_open - self.qty_done

    @property
    def unit_groups(self) -> list[tuple[int, int]]:
        """What was paid for each unit, equal ones together: [(4767, 2), (4766, 1)]."""
        return [(amount, len(list(same))) for amount, same in groupby(self.unit_amounts)]


class Shipment(models.Model):
    """A parcel of an order."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="shipments")
    carrier = models.CharField(_("carrier"), max_length=20, choices=carriers.CHOICES, default="other")
    tracking_number = models.CharField(_("tracking number"), max_length=40, blank=True)
    shipped_at = models.DateTimeField(_("shipped on"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered on"), null=True, blank=True)

    class Meta:
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["order", "tracking_number"], name="one_shipment_per_tracking_number", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.tracking_number or f"#{self.pk}"

    @property
    def tracking_url(self) -> str:
        """The carrier's own page for this parcel; empty where it has none."""
        return carriers.tracking_url(self.carrier, self.tracking_number, get_language() or "ja")

    @property
    def number_looks_wrong(self) -> bool:
        """Whether the check digit fails: a warning, never a refusal."""
        return bool(self.tracking_number) and not carriers.number_is_plausible(self.carrier, self.tracking_number)


class ImportJobQuerySet(models.QuerySet["ImportJob"]):
    def startable(self, now: datetime) -> Self:
        """Confirmed and waiting, failed, or running without a word for five minutes (its worker was lost)."""
        waiting = Q(status__in=[ImportJob.Status.STORED, ImportJob.Status.FAILED])
        silent = Q(status=ImportJob.Status.RUNNING, progress_at__lt=now - timedelta(minutes=5))
        return self.filter(waiting | silent, dry_run=False)

    def left_lying(self, now: datetime) -> Self:
        """Confirmed half a minute ago and not begun (a lost ring), or silent; not those that failed three times."""
        unheard = Q(progress_at__lt=now - timedelta(seconds=30))
        return self.startable(now).filter(unheard, attempts__lt=3).exclude(status=ImportJob.Status.FAILED)


class ImportJob(models.Model):
    """One uploaded file: its bytes are committed before anything is read from them."""

    class Status(models.TextChoices):
        STORED = "stored", _("received")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    file_name = models.CharField(_("file"), max_length=200)
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField(editable=False)
    profile = models.CharField(_("format"), max_length=20, blank=True)
    encoding = models.CharField(_("encoding"), max_length=20, blank=True)
    store = models.ForeignKey(Store, verbose_name=_("store"), on_delete=models.PROTECT)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, verbose_name=_("by"), null=True, on_delete=models.PROTECT)
    dry_run = models.BooleanField(_("dry run"), default=False)
    plan_followups = models.BooleanField(_("plan follow-ups for these orders"), default=False)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.STORED)
    created_at = models.DateTimeField(_("uploaded"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    orders_total = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(_("new"), default=0)
    updated = models.PositiveIntegerField(_("updated"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    # Carts whose payment is not finished: they come again, as orders, in a later export.
    skipped = models.PositiveIntegerField(_("not orders yet"), default=0)
    errors = models.JSONField(
        _("errors"), default=list, help_text="The first of them: [{line, column, value, code, data}]"
    )
    errors_total = models.PositiveIntegerField(_("errors"), default=0)
    # When a running import last told how far it is: a silent one has lost its worker and may be started again.
    progress_at = models.DateTimeField(null=True)
    # How often it was begun: one that takes its worker down each time is left to people.
    attempts = models.PositiveSmallIntegerField(default=0)
    failure = models.CharField(_("failure"), max_length=200, blank=True)

    objects = ImportJobQuerySet.as_manager()

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return self.file_name
