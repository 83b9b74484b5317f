"""What every template knows about the installation."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from shopdesk.desk.navigation import counts_for, navigation_for
from shopdesk.shop.models import Store


def _store() -> Store | None:
    return Store.objects.order_by("-is_default", "pk").first()


def site(request: HttpRequest) -> dict[str, Any]:
    """``site_name``, ``demo``, ``store`` and, for staff, ``navigation`` with its counts; asked for when drawn."""
    return {
        "site_name": "shopdesk",
        "demo": settings.DEMO,
        "store": SimpleLazyObject(_store),
        "navigation": SimpleLazyObject(lambda: navigation_for(request)),
        "navigation_counts": SimpleLazyObject(lambda: counts_for(request)),
    }
