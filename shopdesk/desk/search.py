"""One question to every room: inquiries, customers, orders. Each answers from its own index."""

from dataclasses import dataclass, field

from inquiries import masking, searching
from inquiries.models import Inquiry, InquiryQuerySet
from inquiries.searching import Found
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.shop import customers, orders
from shopdesk.shop.models import Customer, Order

# Rows of another room beside the inquiries; the room's own list shows the rest.
BESIDE = 8
PER_PAGE = 25


@dataclass(frozen=True)
class Narrowed:
    """What the address narrows the inquiries to. Unknown values are no filter."""

    status: str = ""
    mine: bool = False

    def rows(self, user: User) -> InquiryQuerySet:
        rows = Inquiry.objects.all()
        if self.status in Inquiry.Status.values:
            rows = rows.filter(status=self.status)
        return rows.filter(assignee=user) if self.mine else rows


@dataclass
class Answer:
    """What was found for one person, in the rooms that they may enter."""

    query: str
    inquiries: Found | None = None
    customers: list[Customer] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    more_customers: bool = False
    more_orders: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.customers or self.orders or (self.inquiries and self.inquiries.hits))


def ask(query: str, *, user: User, narrowed: Narrowed, page: int = 1) -> Answer:
    """Search everything that ``user`` may see. At most a dozen queries, each answered by an index."""
    query = query.strip()[: searching.LONGEST]
    answer = Answer(query)
    if not query:
        return answer
    if user.has_perm(P.INQUIRIES_VIEW):
        answer.inquiries = searching.search(query, user=user, rows=narrowed.rows(user), page=page)
        masking.cover([hit.inquiry for hit in answer.inquiries.hits], user)
    if user.has_perm(P.ORDERS_VIEW) and page == 1:
        people = Customer.objects.filter(customers.matching(query), merged_into=None).prefetch_related("addresses")
        answer.customers = list(people.order_by("-pk")[: BESIDE + 1])
        found = Order.objects.filter(orders.matching(query)).select_related("store").defer("raw", "note")
        answer.orders = list(found.order_by("-ordered_at", "-pk")[: BESIDE + 1])
        answer.more_customers, answer.more_orders = len(answer.customers) > BESIDE, len(answer.orders) > BESIDE
        del answer.customers[BESIDE:], answer.orders[BESIDE:]
    return answer
