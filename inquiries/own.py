"""The shop's own mail addresses: never copied to, never taken for a customer."""

from django.conf import settings

from shopdesk import addresses as mail_addresses
from shopdesk.mail.models import Mailbox
from shopdesk.shop.models import Store


def addresses() -> set[str]:
    """Every address that we write from or fetch mail of. Two queries."""
    own = {*Store.objects.values_list("sender_address", flat=True), *Mailbox.objects.values_list("address", flat=True)}
    own.add(mail_addresses.normalise(settings.DEFAULT_FROM_EMAIL.rpartition("<")[2].rstrip(">")))
    return {mail_addresses.normalise(one) for one in own if one}
