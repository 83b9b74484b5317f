"""Staff addresses of orders, customers and imports."""

from django.urls import URLPattern

app_name = "desk-shop"
urlpatterns: list[URLPattern] = []
