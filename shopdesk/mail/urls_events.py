"""Where providers post what became of letters; ANYMAIL_WEBHOOK_SECRET ("user:password") lets them in."""

from django.urls import URLPattern, path

from shopdesk.mail import views_events

app_name = "mail-events"
urlpatterns: list[URLPattern] = [path("<slug:provider>/", views_events.receive, name="receive")]
