"""Screens over several rooms: the home page."""

from django.http import HttpResponse
from django.shortcuts import render

from shopdesk.accounts.decorators import StaffRequest, staff_view


@staff_view()
def home(request: StaffRequest) -> HttpResponse:
    """What waits for whom."""
    return render(request, "desk/home.html", {"nav_active": "home"})
