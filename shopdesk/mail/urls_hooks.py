"""Addresses for providers. Mailgun sends the original bytes only to an address with "mime" in it."""

from django.urls import URLPattern, path

from shopdesk.mail import views_hooks

app_name = "mail-hooks"
urlpatterns: list[URLPattern] = [
    path("<str:secret>/", views_hooks.mail, name="mail"),
    path("<str:secret>/mime/", views_hooks.mail, name="mime"),
]
