"""The orders that a visitor has proven, kept in his session for two hours under random names.

The names stand in our addresses, so that no order's primary key does, and another visitor's name opens nothing.
"""

from datetime import datetime, timedelta

from django.http import HttpRequest

from returns.models import ReturnCase
from shopdesk import tokens
from shopdesk.shop.models import Order

_ORDERS = "returns.orders"
_TICKET = "returns.ticket"
LASTS = timedelta(hours=2)


def keep_ticket(request: HttpRequest, ticket: str) -> None:
    """Remember which look-up this browser asked for, so that its code may be typed here."""
    request.session[_TICKET] = ticket


def ticket_of(request: HttpRequest) -> str:
    """The ticket of the newest look-up; "" when there is none."""
    return str(request.session.get(_TICKET, ""))


def remember(request: HttpRequest, order: Order, *, now: datetime) -> str:
    """Keep a proven order and give its name in addresses. The session gets a new key, as at a sign-in."""
    alive = _alive(request, now)
    ref = next((known for known, pk in alive.items() if pk == order.pk), None) or tokens.new_secret(12)
    kept = {known: [pk, request.session[_ORDERS][known][1]] for known, pk in alive.items()}
    request.session.cycle_key()
    request.session[_ORDERS] = {**kept, ref: [order.pk, now.isoformat()]}
    request.session.pop(_TICKET, None)
    return ref


def order_of(request: HttpRequest, ref: str, *, now: datetime) -> Order | None:
    """The proven order of that name, or None."""
    pk = _alive(request, now).get(ref)
    return Order.objects.select_related("store", "customer").filter(pk=pk).first() if pk else None


def case_of(request: HttpRequest, number: str, *, now: datetime) -> ReturnCase | None:
    """A case of a proven order, or None: whose it is otherwise, nobody is told."""
    proven = set(_alive(request, now).values())
    if not proven or "\x00" in number:
        return None
    cases = ReturnCase.objects.filter(order__in=proven).select_related("order__store", "customer")
    return cases.filter(number=number.upper()).first()


def ref_of(request: HttpRequest, order_id: int, *, now: datetime) -> str:
    """The name of a proven order; "" when it is not proven."""
    return next((ref for ref, pk in _alive(request, now).items() if pk == order_id), "")


def _alive(request: HttpRequest, now: datetime) -> dict[str, int]:
    stored = request.session.get(_ORDERS, {})
    return {ref: int(pk) for ref, (pk, at) in stored.items() if datetime.fromisoformat(at) + LASTS > now}
