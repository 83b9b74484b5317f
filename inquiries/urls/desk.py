"""Staff addresses."""

from django.urls import URLPattern

app_name = "desk-inquiries"
urlpatterns: list[URLPattern] = []
