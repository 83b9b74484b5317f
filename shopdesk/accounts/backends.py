"""Who may sign in, and what a role allows."""

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from shopdesk.accounts.models import User, UserQuerySet
from shopdesk.accounts.sessions import who_came
from shopdesk.statements import statement


@statement(keep=1)
def _active(*, pk: int) -> QuerySet[User]:
    """The active user with the role."""
    found: UserQuerySet = User.objects.active()
    return found.select_related("role").filter(pk=pk)


class RoleBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth ships no types
    """Signs in by mail address; permissions come from the user's role alone, see :meth:`User.has_perm`."""

    def get_user(self, user_id: object) -> User | None:
        """The active user with the role loaded, as they came with the session; asked for where they did not."""
        pk = int(str(user_id))
        return who_came(pk) or next(iter(_active(pk=pk)), None)

    def has_perm(self, user_obj: User | AnonymousUser, perm: str, obj: object = None) -> bool:
        return isinstance(user_obj, User) and user_obj.has_perm(perm, obj)
