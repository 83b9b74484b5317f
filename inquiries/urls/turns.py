"""Addresses of who gets new inquiries."""

from django.urls import path

from inquiries.views import hours, turns

urlpatterns = [
    path("availability/", turns.availability, name="availability"),
    path("turns/", turns.table, name="turns"),
    path("turns/<int:pk>/hours/", hours.edit, name="hours"),
    path("next/", turns.pull, name="pull"),
    path("next/bar/", turns.pull_bar, name="pull-bar"),
    path("next/<int:pk>/skip/", turns.skip, name="skip"),
    path("next/report/", turns.pulls, name="pulls"),
]
