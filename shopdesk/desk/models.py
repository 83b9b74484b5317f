"""What the desk itself remembers: that its background is alive."""

from django.db import models


class Heartbeat(models.Model):
    """The last moment at which beat rang and a worker answered. One row for each ``name``; read by /readyz."""

    name = models.CharField(max_length=40, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M:%S}"
