"""Addresses of screens over several rooms."""

from django.urls import path

from shopdesk.desk import views
from shopdesk.desk import views_customers as customers

app_name = "desk"
urlpatterns = [
    path("search/", views.search, name="search"),
    path("customers/<int:pk>/merge/<int:into>/", customers.merge, name="customer-merge"),
    path("customers/merges/<int:pk>/undo/", customers.unmerge, name="customer-unmerge"),
    path("customers/<int:pk>/note/", customers.note, name="customer-note"),
    path("settings/", views.settings_page, name="settings"),
    path("design/", views.design, name="design"),
]
