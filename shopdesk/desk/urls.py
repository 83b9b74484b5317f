"""Addresses of screens over several rooms."""

from django.urls import path

from shopdesk.desk import views

app_name = "desk"
urlpatterns = [
    path("search/", views.search, name="search"),
    path("settings/", views.settings_page, name="settings"),
    path("design/", views.design, name="design"),
]
