"""The roles that shipped get the permissions that are new with the desk; roles of a shop's own are left alone."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

NEW = {
    "manager": ["inquiries.approve", "inquiries.pull", "inquiries.templates"],
    "agent": ["inquiries.templates"],
    "outsourced": ["inquiries.pull"],
}


def add(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    role = apps.get_model("accounts", "Role")
    for row in role.objects.filter(code__in=NEW):
        row.permissions = sorted({*row.permissions, *NEW[row.code]})
        row.save(update_fields=["permissions"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_desk_permissions")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
