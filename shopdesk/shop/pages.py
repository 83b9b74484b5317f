"""Lists that stay cheap however much there is."""

from typing import TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

M = TypeVar("M", bound=Model)

PER_PAGE = 50
# Nobody turns 200 pages; whoever wants the 10,001st row searches. So neither count nor offset grows without end.
MOST = 10_000


class BoundedPaginator(Paginator[M]):
    """Counts and shows at most ``most`` rows."""

    most = MOST

    @cached_property
    def count(self) -> int:
        rows: QuerySet[M] = self.object_list  # type: ignore[assignment]  # only querysets are given
        return rows.order_by()[: self.most].count()


def page_of(rows: "QuerySet[M]", request: HttpRequest) -> Page[M]:
    """The page that ``?page=`` asks for; nonsense gives the first, too much gives the last."""
    return BoundedPaginator(rows, PER_PAGE).get_page(request.GET.get("page"))
