"""Where sessions are kept: in a table of ours that names who signed in.

Every page of the desk begins with two questions, which session and whose; here they are one.
"""

from contextvars import ContextVar
from datetime import datetime
from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.db.models import QuerySet
from django.utils import timezone

from shopdesk.accounts.models import Session, User
from shopdesk.statements import statement

# Who came with the session that was read last, until they are asked for: Django's way from a session to its user hands
# nothing on but the key.
_came: ContextVar[User | None] = ContextVar("came", default=None)


def who_came(pk: int) -> User | None:
    """The active user with this key, with the role, if they came with the session that was just read. Tells it once."""
    user = _came.get()
    _came.set(None)
    return user if user and user.pk == pk and user.is_active else None


@statement(keep=1)
def _alive(*, key: str, now: datetime) -> QuerySet[Session]:
    return Session.objects.select_related("user__role").filter(session_key=key, expire_date__gt=now)


class SessionStore(DatabaseSessions):
    """Django's database sessions, with their users."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = cast("Session", super().create_model_instance(data))  # of get_model_class
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        return row

    def _get_session_from_db(self) -> Session | None:
        _came.set(None)
        # A cookie may say anything; PostgreSQL takes no NUL.
        if self.session_key and "\x00" not in self.session_key:
            for found in _alive(key=self.session_key, now=timezone.now()):
                _came.set(found.user)
                return found
        self._session_key = None
        return None
