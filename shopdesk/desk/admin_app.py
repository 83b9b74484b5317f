"""Django's admin with our site as the default one; apart from apps.py, where Django wants one application only."""

from django.contrib.admin.apps import AdminConfig


class ShopdeskAdminConfig(AdminConfig):
    default_site = "shopdesk.desk.site.ShopdeskAdminSite"
