"""Staff addresses of the letters."""

from django.urls import URLPattern

app_name = "desk-mail"
urlpatterns: list[URLPattern] = []
