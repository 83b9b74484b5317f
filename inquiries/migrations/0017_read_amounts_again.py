"""Amounts are kept without their commas now (shopdesk.grams): the sweep reads everything again, the newest first."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("inquiries", "0016_what_a_person_has_to_answer")]

    operations = [
        migrations.RunSQL("UPDATE inquiries_inquiry SET indexed_version = NULL", migrations.RunSQL.noop),
    ]
