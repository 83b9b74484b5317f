"""The status goes with the index of what a person has to do: the home page counts what is to be answered from it alone."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("inquiries", "0015_read_everything_again")]

    operations = [
        migrations.RemoveIndex(model_name="inquiry", name="inquiry_of_person_by_due"),
        migrations.AddIndex(
            model_name="inquiry",
            index=models.Index(
                fields=["assignee", "escalation_at", "id"],
                condition=Q(status__in=["open", "pending", "hold"]),
                include=["status"],
                name="inquiry_of_person_by_due",
            ),
        ),
    ]
