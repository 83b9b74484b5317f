"""What other rooms show of returns."""

from returns.models import ReturnCase
from shopdesk.shop.models import Customer, Order


def open_cases_of(customer: Customer) -> list[ReturnCase]:
    """A customer's open cases, newest first; one query, orders included."""
    return list(ReturnCase.objects.open().filter(customer=customer).select_related("order").order_by("-pk"))


def for_order(order: Order) -> list[ReturnCase]:
    """All cases of an order, newest first, lines included; two queries."""
    return list(order.returns.prefetch_related("lines__order_line", "lines__reason").order_by("-pk"))
