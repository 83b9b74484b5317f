"""Facts that allauth tells by signal only: changed passwords and second factors go to the audit log."""

from typing import Any

from allauth.account import signals as account_signals
from allauth.mfa import signals as mfa_signals
from allauth.mfa.models import Authenticator
from django.dispatch import receiver

from shopdesk import clock
from shopdesk.accounts import audit
from shopdesk.accounts.models import User


@receiver([account_signals.password_changed, account_signals.password_set, account_signals.password_reset])
def password_changed(user: User, **kwargs: Any) -> None:
    audit.record("password.changed", actor=user, now=clock.now())


@receiver(mfa_signals.authenticator_added)
def factor_added(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    audit.record("two_factor.added", actor=user, now=clock.now(), type=authenticator.type)


@receiver(mfa_signals.authenticator_removed)
def factor_removed(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    audit.record("two_factor.removed", actor=user, now=clock.now(), type=authenticator.type)
