"""Staff addresses of the letters."""

from django.urls import URLPattern, path

from shopdesk.mail import views

app_name = "desk-mail"
urlpatterns: list[URLPattern] = [
    path("", views.letters, name="list"),
    path("stopped/", views.stopped, name="stopped"),
    path("stopped/<int:pk>/release/", views.release, name="release"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/html/", views.html, name="html"),
    path("<int:pk>/eml/", views.eml, name="eml"),
    path("<int:pk>/cancel/", views.cancel, name="cancel"),
    path("<int:pk>/mark-sent/", views.mark_sent, name="mark-sent"),
    path("<int:pk>/send-again/", views.send_again, name="send-again"),
]
