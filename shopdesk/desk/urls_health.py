"""Probes for machines."""

from django.urls import path

from shopdesk.desk import health

app_name = "health"
urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
