"""Addresses for providers. Mailgun sends the original bytes only to an address with "mime" in it.

They are served without the last slash too: a redirect loses what was posted, and a 404 would be logged with the path.
"""

from django.urls import URLPattern, path

from shopdesk.mail import views_hooks

app_name = "mail-hooks"
urlpatterns: list[URLPattern] = [
    path("<str:secret>/", views_hooks.mail, name="mail"),
    path("<str:secret>", views_hooks.mail),
    path("<str:secret>/mime/", views_hooks.mail, name="mime"),
    path("<str:secret>/mime", views_hooks.mail),
]
