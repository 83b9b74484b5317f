"""Addresses of screens over several rooms."""

from django.urls import URLPattern

app_name = "desk"
urlpatterns: list[URLPattern] = []
