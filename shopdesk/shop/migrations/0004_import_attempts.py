"""Imports count how often they were begun."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shop', '0003_import_progress'),
    ]

    operations = [
        migrations.AddField(
            model_name='importjob',
            name='attempts',
            field=models.PositiveSmallIntegerField(default=0),
        ),
    ]
