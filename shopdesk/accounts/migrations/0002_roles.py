"""The roles that ship with the product. Later changes of the written matrix do not touch a shop's own edits."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from shopdesk.accounts.permissions import ROLES


def seed(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    role = apps.get_model("accounts", "Role")
    for code, (name_ja, name_en, permissions) in ROLES.items():
        role.objects.get_or_create(
            code=code, defaults={"name_ja": name_ja, "name_en": name_en, "permissions": sorted(permissions)}
        )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
