"""Who may sign in, and what a role allows."""

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import AnonymousUser

from shopdesk.accounts.models import User


class RoleBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth ships no types
    """Signs in by mail address; permissions come from the user's role alone, see :meth:`User.has_perm`."""

    def get_user(self, user_id: object) -> User | None:
        """The active user with the role loaded: every page asks for it."""
        user: User | None = User.objects.active().select_related("role").filter(pk=user_id).first()
        return user

    def has_perm(self, user_obj: User | AnonymousUser, perm: str, obj: object = None) -> bool:
        return isinstance(user_obj, User) and user_obj.has_perm(perm, obj)
