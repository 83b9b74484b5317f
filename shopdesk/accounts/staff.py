"""Deeds about staff: inviting, changing, keeping at least one owner."""

from datetime import datetime

from allauth.account.adapter import get_adapter
from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from django.db import transaction

from shopdesk.accounts import audit
from shopdesk.accounts.models import Role, User
from shopdesk.fields import save_columns


class LastOwner(Exception):
    """The shop must keep one active owner."""


def owners_besides(user: User) -> int:
    """How many other active owners there are.

    Locks the rows of all owners, in one order: two owners who demote each other wait, and the second one is refused.
    """
    owners = User.objects.active().filter(role__code="owner").order_by("pk").select_for_update(of=("self",))
    return sum(owner.pk != user.pk for owner in owners)


@transaction.atomic
def save(user: User, *, by: User, now: datetime) -> User:
    """Store a new or changed member of staff. A former address opens nothing any more: no sign-in, no new password.

    Raises LastOwner when this would leave the shop without an active owner; nothing is stored then.
    """
    before = User.objects.select_related("role").filter(pk=user.pk).first() if user.pk else None
    stays_owner = user.is_active and user.role.code == "owner"
    if before and before.is_superuser and not stays_owner and not owners_besides(user):
        raise LastOwner
    if before is None:
        user.set_unusable_password()
    user.email = user.email.strip().lower()
    # Their own password, which they may be changing at this moment, is left alone.
    save_columns(user, {column.name for column in User._meta.concrete_fields} - {"id", "password", "last_login"})
    if before is None:
        audit.record("staff.added", actor=by, now=now, user=user.pk, role=user.role.code)
        return user
    moved = before.email != user.email
    if moved:
        EmailAddress.objects.filter(user=user).exclude(email__iexact=user.email).delete()
    if moved or (before.role_id, before.is_active) != (user.role_id, user.is_active):
        audit.record(
            "staff.changed",
            actor=by,
            now=now,
            user=user.pk,
            role_before=before.role.code,
            role=user.role.code,
            active=user.is_active,
            new_address=moved,
        )
    return user


def invite(user: User, *, by: User, now: datetime) -> None:
    """Mail a link with which the person chooses a password. The link dies with its first use or after three days."""
    key = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
    adapter = get_adapter()
    adapter.send_mail(
        "accounts/mail/invitation", user.email, {"user": user, "url": adapter.get_reset_password_from_key_url(key)}
    )
    audit.record("staff.invited", actor=by, now=now, user=user.pk)


@transaction.atomic
def save_role(role: Role, *, by: User, now: datetime) -> Role:
    """Store a role and write down what it gained and lost."""
    before = (
        set(Role.objects.filter(pk=role.pk).values_list("permissions", flat=True)[:1].first() or [])
        if role.pk
        else set()
    )
    role.save()
    after = set(role.permissions)
    audit.record(
        "role.changed",
        actor=by,
        now=now,
        role=role.code,
        gained=sorted(after - before),
        lost=sorted(before - after),
        two_factor=role.require_two_factor,
    )
    return role
