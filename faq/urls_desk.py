"""Staff addresses of the FAQ."""

from django.urls import URLPattern

app_name = "desk-faq"
urlpatterns: list[URLPattern] = []
