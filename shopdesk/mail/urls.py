"""Staff addresses of the letters."""

from django.urls import URLPattern, path

from shopdesk.mail import views, views_incoming, views_mailboxes, views_routes

app_name = "desk-mail"
urlpatterns: list[URLPattern] = [
    path("", views.letters, name="list"),
    path("stopped/", views.stopped, name="stopped"),
    path("stopped/<int:pk>/release/", views.release, name="release"),
    path("errors/", views_incoming.index, name="incoming-list"),
    path("errors/<int:pk>/", views_incoming.detail, name="incoming"),
    path("errors/<int:pk>/eml/", views_incoming.eml, name="incoming-eml"),
    path("errors/<int:pk>/read-again/", views_incoming.read_again, name="incoming-read-again"),
    path("errors/<int:pk>/ignore/", views_incoming.ignore, name="incoming-ignore"),
    path("mailboxes/", views_mailboxes.index, name="mailboxes"),
    path("mailboxes/add/<str:word>/", views_mailboxes.add, name="mailbox-add"),
    path("mailboxes/<int:pk>/", views_mailboxes.detail, name="mailbox"),
    path("mailboxes/<int:pk>/edit/", views_mailboxes.edit, name="mailbox-edit"),
    path("mailboxes/<int:pk>/test/", views_mailboxes.test, name="mailbox-test"),
    path("mailboxes/<int:pk>/status/", views_mailboxes.status, name="mailbox-status"),
    path("mailboxes/<int:pk>/address/", views_mailboxes.address, name="mailbox-address"),
    path("routes/", views_routes.index, name="routes"),
    path("routes/add/", views_routes.add, name="route-add"),
    path("routes/<int:pk>/", views_routes.detail, name="route"),
    path("routes/<int:pk>/edit/", views_routes.edit, name="route-edit"),
    path("routes/<int:pk>/check/", views_routes.check, name="route-check"),
    path("routes/<int:pk>/status/", views_routes.status, name="route-status"),
    path("resume/", views_routes.resume, name="resume"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/html/", views.html, name="html"),
    path("<int:pk>/eml/", views.eml, name="eml"),
    path("<int:pk>/cancel/", views.cancel, name="cancel"),
    path("<int:pk>/mark-sent/", views.mark_sent, name="mark-sent"),
    path("<int:pk>/send-again/", views.send_again, name="send-again"),
]
