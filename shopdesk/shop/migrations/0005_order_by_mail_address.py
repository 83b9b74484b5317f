"""Orders are found by their mail address in any case: unsubscribing asks whose it is."""

import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shop', '0004_import_attempts'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='order',
            index=models.Index(django.db.models.functions.text.Upper('email'), name='order_by_mail_address'),
        ),
    ]
