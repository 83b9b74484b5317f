"""Public addresses of the help centre."""

from django.urls import URLPattern

app_name = "faq"
urlpatterns: list[URLPattern] = []
