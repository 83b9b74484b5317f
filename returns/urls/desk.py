"""Staff addresses."""

from django.urls import URLPattern

app_name = "desk-returns"
urlpatterns: list[URLPattern] = []
