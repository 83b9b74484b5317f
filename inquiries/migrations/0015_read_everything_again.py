"""Phones with their country and characters of names are kept in one form now (shopdesk.grams): the sweep reads
everything again, the newest first; until then all is found as before."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("inquiries", "0014_replies_choose_their_sender")]

    operations = [
        migrations.RunSQL("UPDATE inquiries_inquiry SET indexed_version = NULL", migrations.RunSQL.noop),
    ]
