import django.contrib.postgres.fields
import django.contrib.postgres.fields.ranges
from django.db import migrations, models

import shopdesk.accounts.models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_export_roles")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="work_hours",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=django.contrib.postgres.fields.ranges.IntegerRangeField(),
                blank=True,
                db_default=[],
                default=list,
                verbose_name="working hours",
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="rests_on_closing_days",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="closing days of the shop are free"
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=shopdesk.accounts.models.WithinOneWeek("work_hours"), name="work_hours_within_one_week"
            ),
        ),
    ]
