"""Where sessions are kept: Django's own table, asked with a statement that is put into words once."""

from datetime import datetime

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone

from shopdesk.statements import statement


@statement(keep=1)
def _alive(*, key: str, now: datetime) -> QuerySet[Session]:
    return Session.objects.filter(session_key=key, expire_date__gt=now)


class SessionStore(DatabaseSessions):
    """Django's database sessions; every page of the desk begins by reading one."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _get_session_from_db(self) -> Session | None:
        # A cookie may say anything; PostgreSQL takes no NUL.
        if self.session_key and "\x00" not in self.session_key:
            for found in _alive(key=self.session_key, now=timezone.now()):
                return found
        self._session_key = None
        return None
