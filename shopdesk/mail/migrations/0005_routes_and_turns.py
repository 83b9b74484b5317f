import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mail", "0004_reading_and_bounces"),
    ]

    operations = [
        migrations.RenameField(model_name="mailroute", old_name="store_codes", new_name="from_addresses"),
        migrations.AlterField(
            model_name="mailroute",
            name="from_addresses",
            field=models.JSONField(blank=True, default=list, verbose_name="only for these senders"),
        ),
        migrations.AddField(
            model_name="outgoingmail",
            name="delivered_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="delivered"),
        ),
        migrations.AddField(
            model_name="outgoingmail",
            name="route",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="mail.mailroute",
                verbose_name="route",
                db_index=False,
            ),
        ),
        migrations.AddField(
            model_name="sendattempt",
            name="route",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="mail.mailroute",
                db_index=False,
            ),
        ),
        migrations.AddField(
            model_name="ratebucket", name="queue_until", field=models.DateTimeField(blank=True, null=True)
        ),
    ]
