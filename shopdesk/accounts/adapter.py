"""What we ask of allauth beyond its defaults."""

import contextvars
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core.mail import get_connection
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from shopdesk import clock
from shopdesk.accounts import audit, ratelimit
from shopdesk.accounts.models import User
from shopdesk.accounts.secretbox import key_of
from shopdesk.tokens import site_url

logger = logging.getLogger(__name__)

# Seconds for the mail server. The outbox is not used here: its rows keep the words of each letter, and these open an
# account; and they have to leave also while workers stand still and automatic mail is held.
_MAIL_PATIENCE = 10
# A letter is made and sent this many seconds after the page was answered. Within the request, and also beside it, the
# work would be felt in the time of the answer, which then tells whether the address is known.
_AFTER_SECONDS = 0.5

_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="account-mail")


def later(work: Callable[[], None]) -> None:
    """Do it shortly, on another thread; what is lost with the process is asked for again by the person."""

    def run() -> None:
        time.sleep(_AFTER_SECONDS)
        try:
            work()
        finally:
            connections.close_all()

    _threads.submit(run)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Staff are invited by the owner, nobody signs up; wrong passwords are counted; sign-ins are recorded."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    # --- limits and records ---------------------------------------------------------------------------------------

    def _keys(self, request: HttpRequest, credentials: dict[str, Any]) -> tuple[str, str, str]:
        address = str(credentials.get("email") or credentials.get("username") or "").strip().lower()
        place = ratelimit.client_place(request)
        return f"sign-in {place} {address}", f"sign-in {place}", f"sign-in {address}"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Five tries in five minutes for one address from one place; wider limits against sweeping attacks."""
        now, minutes = clock.now(), timedelta(minutes=5)
        here, place, address = self._keys(request, credentials)
        within = [
            ratelimit.allow(here, limit=5, window=minutes, now=now),
            ratelimit.allow(place, limit=50, window=minutes, now=now),
            ratelimit.allow(address, limit=100, window=timedelta(hours=1), now=now),
        ]
        if not all(within):
            raise self.validation_error("too_many_login_attempts")

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        user = User.objects.filter(email__iexact=str(credentials.get("email", ""))).first()
        # An unknown address is not written down: it may be a customer's, or a password typed in the wrong field.
        audit.record(
            "sign_in.failed",
            actor=None,
            now=clock.now(),
            user=user.pk if user else None,
            ip=ratelimit.client_ip(request),
        )

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        ratelimit.reset(self._keys(request, {"email": user.email})[0])
        audit.record("sign_in.done", actor=user, now=clock.now(), ip=ratelimit.client_ip(request))
        response: HttpResponse = super().post_login(request, user, **kwargs)
        return response

    def reauthenticate(self, user: User, password: str) -> bool:
        """Confirm the password of somebody who is signed in, under the same limits."""
        request = self.request
        self.pre_authenticate(request, email=user.email)
        if not user.check_password(password):
            self.authentication_failed(request, email=user.email)
            return False
        ratelimit.reset(self._keys(request, {"email": user.email})[0])
        return True

    # --- letters --------------------------------------------------------------------------------------------------

    def get_from_email(self) -> str:
        return str(settings.DEFAULT_FROM_EMAIL)

    def format_email_subject(self, subject: str) -> str:
        return f"[shopdesk] {subject}"

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Built from SITE_URL: a Host header can not turn the link elsewhere."""
        from django.urls import reverse

        return site_url(reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})).replace(
            "UID-KEY", key
        )

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send once the page is answered, and keep no copy. A mail server that is away is logged, not shown: neither
        the page nor its time may tell whether the address is known."""
        same = contextvars.copy_context()  # allauth looks up the request there
        language = translation.get_language()
        later(lambda: same.run(self._send, template_prefix, email, context, language))

    def _send(self, template_prefix: str, email: str, context: dict[str, Any], language: str | None) -> None:
        try:
            with translation.override(language):
                self._send_now(template_prefix, email, context)
        except Exception as error:  # noqa: BLE001  # nobody waits for this thread; the log is where it is told
            logger.error("account mail %s could not be sent: %s", template_prefix, type(error).__name__)

    def _send_now(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        message = self.render_mail(
            template_prefix, email, {"request": self.request, "email": email, "site_url": settings.SITE_URL, **context}
        )
        message.connection = get_connection(timeout=_MAIL_PATIENCE)
        message.extra_headers["Auto-Submitted"] = "auto-generated"
        message.send()

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """Tell people about changes to their sign-in; their address is the login itself."""
        super().send_notification_mail(template_prefix, user, context, email or user.email)


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types
    """Two-factor secrets are encrypted at rest with a key made from SECRET_KEY (and its fallbacks, for rotation)."""

    def _box(self) -> MultiFernet:
        return MultiFernet([Fernet(key_of(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])

    def encrypt(self, text: str) -> str:
        return self._box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return self._box().decrypt(encrypted_text.encode()).decode()

    def _get_site_name(self) -> str:
        return "shopdesk"
