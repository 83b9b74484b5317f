"""Which way a letter goes: a MailRoute row that suits its sender and its class, or the settings' own way.

Rows are asked in the order of their position; the first active one that suits is taken. Where none suits, the settings'
EMAIL_URL or EMAIL_BACKEND serves, as it does without any row. Where all that suit are stopped, the letter waits.
"""

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self

from django.conf import settings
from django.core.mail import get_connection
from django.db import transaction

from shopdesk import addresses
from shopdesk.accounts import audit, secretbox
from shopdesk.accounts.models import User
from shopdesk.fields import save_columns
from shopdesk.mail import backend, outbox, smtp
from shopdesk.mail.models import Mailbox, MailRoute, OutgoingMail
from shopdesk.mail.receiving import oauth
from shopdesk.mail.receiving.problems import MailboxProblem
from shopdesk.text import one_line

State = OutgoingMail.State
Security = Mailbox.Security

SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
# django-anymail's name of a provider -> the argument that takes its key.
PROVIDERS: dict[str, str] = {
    "brevo": "api_key",
    "mailersend": "api_token",
    "mailgun": "api_key",
    "mailtrap": "api_token",
    "mandrill": "api_key",
    "postmark": "server_token",
    "resend": "api_key",
    "sendgrid": "api_key",
    "sparkpost": "api_key",
}
# Enhanced codes 5.7.x: the receiver refuses us, not the letter's address (RFC 3463: security or policy).
_POLICY = "5.7."
# How the words of a failure begin where the account's provider gave no access token; a code of receiving.problems
# follows.
NO_ACCESS = "The account's provider gave no access"


class Way(Protocol):
    """A way to the recipient: smtp.SmtpRoute or backend.BackendRoute."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def open(self) -> None: ...
    def send(self, mail: OutgoingMail, raw: bytes) -> smtp.Accepted: ...


class AllStopped(Exception):
    """Routes suit the letter, and all of them are stopped."""


def all_routes() -> list[MailRoute]:
    """Every route in the order in which they are asked."""
    return list(MailRoute.objects.order_by("position", "pk"))


def choose(mail: OutgoingMail, routes: Sequence[MailRoute]) -> MailRoute | None:
    """The route for a letter; None is the settings' own. Raises AllStopped."""
    suiting = [route for route in routes if _suits(route, mail)]
    if not suiting:
        return None
    for route in suiting:
        if route.status == MailRoute.Status.ACTIVE:
            return route
    raise AllStopped


def _suits(route: MailRoute, mail: OutgoingMail) -> bool:
    if route.mail_classes and mail.mail_class not in route.mail_classes:
        return False
    return not route.from_addresses or addresses.normalise(mail.from_address) in route.from_addresses


def open_way(route: MailRoute | None) -> Way:
    """What speaks to the server or provider of a route. Raises smtp.NoRoute when its secret cannot be read."""
    if route is None:
        return smtp.SmtpRoute() if settings.EMAIL_BACKEND == SMTP_BACKEND else backend.BackendRoute()
    try:
        secret = secretbox.open_(route.secret)
    except secretbox.CannotOpen:
        raise smtp.NoRoute(None, "The secret was sealed under another SECRET_KEY; enter it again.") from None
    if route.kind == MailRoute.Kind.SMTP:
        by_token = route.auth == Mailbox.Auth.XOAUTH2
        return smtp.SmtpRoute(
            smtp.Server(
                host=route.host,
                port=route.port,
                tls=route.security == Security.TLS,
                starttls=route.security == Security.STARTTLS,
                username=route.username,
                password="" if by_token else secret,
                tokens=_Tokens(route, secret) if by_token else None,
            )
        )
    path = route.backend if "." in route.backend else f"anymail.backends.{route.backend}.EmailBackend"
    options: dict[str, Any] = {}
    if secret and route.backend in PROVIDERS:
        options[PROVIDERS[route.backend]] = secret
    try:
        connection = get_connection(path, fail_silently=False, **options)
    except Exception as error:  # noqa: BLE001  # each provider's backend has its own complaints about its settings
        raise smtp.NoRoute(None, smtp.without_secrets(f"{type(error).__name__}: {error}", secret)) from None
    return backend.BackendRoute(connection, secret)


class _Tokens:
    """The access tokens of a route's account (smtp.Tokens)."""

    def __init__(self, route: MailRoute, secret: str) -> None:
        self._route, self._secret = route, secret
        self._was_kept = False

    def get(self) -> str:
        self._was_kept = oauth.is_kept(self._route)
        try:
            return oauth.access_token(self._route, self._secret)
        except MailboxProblem as problem:
            words = f"{NO_ACCESS}: {problem.code} {problem.detail}".strip()
            later = problem.code in {"busy", "answer"}
            raise (smtp.NoRoute if later else smtp.NoAccess)(None, words) from None
        except OSError as error:
            raise smtp.NoRoute(None, f"{NO_ACCESS}: unreachable {type(error).__name__}") from None

    def refused(self) -> bool:
        oauth.forget(self._route)
        return self._was_kept


# --- stopping and starting ----------------------------------------------------------------------------------------


def blames_route(error: smtp.NotAccepted) -> bool:
    """Whether a refusal is about us rather than about this letter: 5.7.x, or a sign-in or a token that was refused."""
    if isinstance(error, smtp.NoRoute):
        return isinstance(error, smtp.NoAccess) or (error.code is not None and 500 <= error.code < 600)
    return isinstance(error, smtp.Refused) and error.words.startswith(_POLICY)


def stop(route: MailRoute, *, problem: str, now: datetime) -> bool:
    """Stop a route by itself: what went wrong is shown, nothing more leaves this way. False when it was stopped."""
    active = MailRoute.objects.filter(pk=route.pk, status=MailRoute.Status.ACTIVE)
    route.status = MailRoute.Status.STOPPED
    return bool(active.update(status=MailRoute.Status.STOPPED, problem=one_line(problem)[:300], problem_since=now))


@transaction.atomic
def set_active(route: MailRoute, active: bool, *, by: User, now: datetime) -> None:
    """A person stops a route, or starts it again; what waited for it is due at once."""
    row = MailRoute.objects.select_for_update().get(pk=route.pk)
    row.status = MailRoute.Status.ACTIVE if active else MailRoute.Status.STOPPED
    row.problem, row.problem_since = "", None
    row.save(update_fields=["status", "problem", "problem_since"])
    audit.record("mail.route_started" if active else "mail.route_stopped", actor=by, now=now, route=row.pk)
    if active:
        OutgoingMail.objects.filter(state=State.PLANNED, reason="route_stopped").update(
            due_at=now, reason="", changed_at=now
        )
        outbox.ring_after_commit()


@transaction.atomic
def save(route: MailRoute, *, secret: str | None, by: User, now: datetime) -> None:
    """Write a new or changed route. ``secret`` None keeps the present one; it is sealed and never shown again."""
    is_new = route.pk is None
    if secret is not None:
        route.secret = secretbox.seal(secret)
    route.check_result, route.checked_at = {}, None
    # A route that is stopped meanwhile stays stopped.
    kept = {"id", "status", "problem", "problem_since"}
    save_columns(route, {column.name for column in route._meta.concrete_fields} - kept)
    oauth.forget(route)  # another account, perhaps
    audit.record("mail.route_added" if is_new else "mail.route_changed", actor=by, now=now, route=route.pk)
