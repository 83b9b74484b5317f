"""People of the shop: users, their roles, and the log of what matters for security."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField, IntegerRangeField
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Lower
from django.utils.timezone import localtime
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from shopdesk.accounts.permissions import P

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase


# Counted once: a page asks for dozens of permissions.
EVERY_CODE = frozenset(P.values)


class Role(models.Model):
    """A named set of permission codes. The role ``owner`` holds every permission whatever its row says."""

    code = models.SlugField(_("code"), unique=True)
    name_ja = models.CharField(_("name (Japanese)"), max_length=60)
    name_en = models.CharField(_("name (English)"), max_length=60)
    permissions = ArrayField(
        models.CharField(max_length=60, choices=P.choices), verbose_name=_("permissions"), default=list, blank=True
    )
    require_two_factor = models.BooleanField(_("two-factor sign-in required"), default=False)

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.name_en if get_language() == "en" else self.name_ja

    def codes(self) -> frozenset[str]:
        """The permission codes that this role holds."""
        return EVERY_CODE if self.code == "owner" else frozenset(self.permissions)


class UserQuerySet(models.QuerySet["User"]):
    def active(self) -> Self:
        return self.filter(is_active=True)


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]  # a class made at run time
    """Makes users; the mail address is the login, kept in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        result: User = user
        return result

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """An owner; what ``manage.py createsuperuser`` makes."""
        fields["role"] = Role.objects.get(code="owner")
        return self.create_user(email, password, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        user: User = self.get(email__iexact=(username or "").strip())
        return user


class WithinOneWeek(models.Func):
    """Whether all ranges begin in the minutes of one week and end a day after it at most: shopdesk.working_hours."""

    template = "int4range(0, 11520) @> ALL (%(expressions)s)"
    output_field = models.BooleanField()


class User(AbstractBaseUser):
    """A member of staff. Customers have no accounts here; they are :class:`shopdesk.shop.models.Customer`."""

    email = models.EmailField(_("mail address"), max_length=254, unique=True)
    name = models.CharField(_("name"), max_length=60)
    alias = models.CharField(
        _("name shown to customers"),
        max_length=60,
        blank=True,
        help_text=_("Outsourced staff need not show their real name. Empty: the name."),
    )
    role = models.ForeignKey(Role, verbose_name=_("role"), on_delete=models.PROTECT, related_name="users")
    language = models.CharField(
        _("language"), max_length=2, choices=[("ja", "日本語"), ("en", "English")], default="ja"
    )
    time_zone = models.CharField(_("time zone"), max_length=40, default="Asia/Tokyo")
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("joined"), auto_now_add=True)
    # In minutes of the week, see shopdesk.working_hours; none: at any time. Here and not in rows of their own, so that
    # they come with whoever signed in and no page asks for them.
    work_hours = ArrayField(
        IntegerRangeField(), verbose_name=_("working hours"), default=list, db_default=[], blank=True
    )
    rests_on_closing_days = models.BooleanField(_("closing days of the shop are free"), default=False, db_default=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = ["name"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = _("member of staff")
        verbose_name_plural = _("staff")
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("email"), name="one_user_per_mail_address"),
            models.CheckConstraint(name="work_hours_within_one_week", condition=WithinOneWeek("work_hours")),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    @classmethod
    def anybody(cls, pk: int, codes: frozenset[str]) -> User:
        """Somebody who holds these permissions, for queries that are put into words before it is known who asks."""
        return cls(pk=pk, role=Role(permissions=sorted(codes)))

    @property
    def codes(self) -> frozenset[str]:
        """The permissions that the person holds."""
        return self.role.codes() if self.is_active else frozenset()

    @property
    def slots(self) -> list[tuple[int, int]]:
        """The working hours as :mod:`shopdesk.working_hours` knows them."""
        return [(one.lower, one.upper) for one in self.work_hours]

    @property
    def works_any_time(self) -> bool:
        return not self.work_hours and not self.rests_on_closing_days

    @property
    def public_name(self) -> str:
        """The name that customers read under a reply."""
        return self.alias or self.name

    # What Django's admin and its decorators ask of a user.
    @property
    def is_staff(self) -> bool:
        return self.is_active

    @property
    def is_superuser(self) -> bool:
        return self.is_active and self.role.code == "owner"

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_active and perm in self.role.codes()

    def has_perms(self, perm_list: list[str], obj: object = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and any(code.startswith(f"{app_label}.") for code in self.role.codes())

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name


class AuditEntry(models.Model):
    """One security-relevant act: a code and its data; the sentence is made when it is shown. Never changed."""

    at = models.DateTimeField(_("when"), db_index=True)
    actor = models.ForeignKey(
        User, verbose_name=_("who"), null=True, on_delete=models.PROTECT, related_name="audit_entries"
    )
    code = models.CharField(_("act"), max_length=60)
    data = models.JSONField(_("data"), default=dict)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering: ClassVar = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{localtime(self.at):%Y-%m-%d %H:%M} {self.code}"


class Session(AbstractBaseSession):
    """What a browser is known by. ``user`` is who signed in with it, so that both are read at once."""

    user = models.ForeignKey(
        User, verbose_name=_("member of staff"), on_delete=models.CASCADE, null=True, related_name="+"
    )

    class Meta(AbstractBaseSession.Meta):
        pass

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        from shopdesk.accounts.sessions import SessionStore  # which imports this class

        return SessionStore


class RateCount(models.Model):
    """How often something was tried in a window of time. Counted by one atomic upsert, so that a race cannot outrun it
    and a restart does not forget it."""

    key = models.CharField(max_length=100)
    window = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["key", "window"], name="one_rate_count_per_window")]

    def __str__(self) -> str:
        return f"{self.key} {self.window:%H:%M} {self.count}"
