"""Imports tell how far they are, how many errors there were, and how many carts were no orders yet."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shop', '0002_unit_amounts'),
    ]

    operations = [
        migrations.AddField(
            model_name='importjob',
            name='errors_total',
            field=models.PositiveIntegerField(default=0, verbose_name='errors'),
        ),
        migrations.AddField(
            model_name='importjob',
            name='progress_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='importjob',
            name='skipped',
            field=models.PositiveIntegerField(default=0, verbose_name='not orders yet'),
        ),
        migrations.AlterField(
            model_name='importjob',
            name='errors',
            field=models.JSONField(default=list, help_text='The first of them: [{line, column, value, code, data}]', verbose_name='errors'),
        ),
    ]
