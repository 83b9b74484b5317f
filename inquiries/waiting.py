"""Why something is laid aside: codes that are kept, and their words."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Reason(models.TextChoices):
    """Why something waits."""

    SUPPLIER = "supplier", _("waiting for the supplier")
    CARRIER = "carrier", _("waiting for the carrier")
    STOCK = "stock", _("waiting for stock")
    CUSTOMER = "customer", _("the customer's wish")
    INTERNAL = "internal", _("to be settled among us")
