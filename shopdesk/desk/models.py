"""What the desk itself remembers: that its background is alive, and which customers were found to be one person."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from shopdesk.shop.models import Customer


class Heartbeat(models.Model):
    """The last moment at which beat rang and a worker answered. One row for each ``name``; read by /readyz."""

    name = models.CharField(max_length=40, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M:%S}"


class CustomerMerge(models.Model):
    """That two rows are one person. ``moved`` says what changed hands, so that it can go back:
    {"inquiries.inquiry": [pk, …]}."""

    gone = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+")
    kept = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+")
    moved = models.JSONField(default=dict)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["gone"], condition=Q(undone_at=None), name="a_customer_goes_once"),
            models.CheckConstraint(name="nobody_is_merged_into_themselves", condition=~Q(gone=F("kept"))),
        ]

    def __str__(self) -> str:
        return f"{self.gone_id} → {self.kept_id}"
