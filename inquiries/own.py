"""The shop's own mail addresses: never copied to, never taken for a customer."""

from django.conf import settings

from shopdesk import addresses as mail_addresses
from shopdesk.mail.models import Mailbox
from shopdesk.shop.models import Store


def is_ours(address: str) -> bool:
    """Whether a letter to this address would come back to us: one of our own, also with ``+something`` in it. Two
    queries."""
    local, _at, domain = mail_addresses.normalise(address).rpartition("@")
    return not {f"{local}@{domain}", f"{local.partition('+')[0]}@{domain}"}.isdisjoint(addresses())


def addresses() -> set[str]:
    """Every address that we write from or fetch mail of. Two queries."""
    own = {*Store.objects.values_list("sender_address", flat=True), *Mailbox.objects.values_list("address", flat=True)}
    own.add(mail_addresses.normalise(settings.DEFAULT_FROM_EMAIL.rpartition("<")[2].rstrip(">")))
    return {mail_addresses.normalise(one) for one in own if one}
