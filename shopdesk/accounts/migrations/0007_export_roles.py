"""The manager may write inquiries to a file; roles of a shop's own are left alone."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

NEW = "inquiries.export"


def add(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for row in apps.get_model("accounts", "Role").objects.filter(code="manager"):
        row.permissions = sorted({*row.permissions, NEW})
        row.save(update_fields=["permissions"])


def take_away(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """From every role: the version before does not know it."""
    for row in apps.get_model("accounts", "Role").objects.filter(permissions__contains=[NEW]):
        row.permissions = [code for code in row.permissions if code != NEW]
        row.save(update_fields=["permissions"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_export_permission")]
    operations = [migrations.RunPython(add, take_away)]
