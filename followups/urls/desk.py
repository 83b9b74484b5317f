"""Staff addresses."""

from django.urls import URLPattern

app_name = "desk-followups"
urlpatterns: list[URLPattern] = []
