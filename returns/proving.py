"""How a guest proves an order: order number and mail address bring a one-time key to the address on file.

What must not be learnt here is whether an order exists or whom it belongs to. So the visitor's request only writes down
what was typed: one insert, the same for every pair, and no look at any order. A sweep looks afterwards, where nobody
can measure it, and writes to the address on file when the pair is right. Both pairs leave a row, so that guesses at
the code are counted alike too.
"""

import hmac
import logging
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from returns import letters
from returns.models import LookUp
from shopdesk import addresses, sweeps, text, tokens
from shopdesk.accounts import ratelimit
from shopdesk.shop import orders
from shopdesk.shop.models import Order

logger = logging.getLogger(__name__)

LIFETIME = timedelta(minutes=10)
# Tries for one order number, and from one network address.
TRIES, TRIES_WINDOW = 5, timedelta(minutes=15)
# Letters to one address, whoever asks: nobody fills a stranger's mailbox from here.
LETTERS, LETTERS_WINDOW = 6, timedelta(hours=1)
KEPT = timedelta(days=1)


class TooManyTries(Exception):
    """Too many look-ups for this number or from this place; counted for known and unknown orders alike."""


class BadKey(Exception):
    """The link or code opens nothing: forged, mistyped, used, too old, or guessed at too often. Nobody is told."""


def ask(*, number: str, address: str, language: str, ip: str, now: datetime) -> str:
    """Write down a visitor's wish to prove an order, and give the ticket that his browser keeps.

    Raises TooManyTries. Does the same work whether or not there is such an order.
    """
    by_number = f"returns.lookup.number:{orders.bare_number(number).upper()}"
    allowed = [
        ratelimit.allow(by_number, limit=TRIES, window=TRIES_WINDOW, now=now),
        ratelimit.allow(f"returns.lookup.ip:{ip}", limit=TRIES, window=TRIES_WINDOW, now=now),
    ]
    if not all(allowed):
        raise TooManyTries
    ticket = tokens.new_secret()
    with transaction.atomic():
        LookUp.objects.create(
            ticket_hash=tokens.digest(ticket),
            number=text.one_line(number)[:60],
            address=addresses.normalise(text.one_line(address))[:254],
            language="en" if language == "en" else "ja",
            created_at=now,
            expires_at=now + LIFETIME,
        )
        transaction.on_commit(_ring, robust=True)
    return ticket


def _ring() -> None:
    """Wake the sweep; a broker that is away costs seconds, since beat rings it too."""
    from returns.tasks import sweep_look_ups  # the task imports this module

    try:
        sweep_look_ups.apply_async(expires=60)
    except Exception as error:  # noqa: BLE001  # whatever a broker does wrong, the wish is safe in its row
        logger.warning("The broker did not answer (%s); beat will ring for order look-ups.", type(error).__name__)


def sweep(now: datetime, limit: int = 50) -> int:
    """Answer look-ups that wait, one transaction each; returns how many. Any number of workers may run it at once."""
    done = sweeps.work_off(
        LookUp.objects.waiting().only("pk").order_by("pk"),
        lambda row: _answer_one(row.pk, now),
        limit=limit, log=logger, words="Order look-up %s could not be ended.",
    )  # fmt: skip
    LookUp.objects.filter(expires_at__lt=now - KEPT).delete()
    return done


@transaction.atomic
def _answer_one(pk: int, now: datetime) -> bool:
    look_up = LookUp.objects.waiting().filter(pk=pk).select_for_update(skip_locked=True).first()
    if look_up is None:
        return False
    number, address = look_up.number, look_up.address
    look_up.number = look_up.address = ""
    look_up.resolved_at = now
    with sweeps.alone(logger, "Order look-up %s could not be answered.", look_up.pk) as attempt, transaction.atomic():
        _answer(look_up, number, address, now)
    if attempt.error is not None:  # the visitor may ask again
        look_up.order, look_up.token_hash, look_up.code_hash = None, None, ""
    look_up.save(update_fields=["number", "address", "resolved_at", "order", "token_hash", "code_hash", "expires_at"])
    return True


def _answer(look_up: LookUp, number: str, address: str, now: datetime) -> None:
    order = _find(number, address) if look_up.expires_at > now else None
    if order is None or not _may_write_to(letters.address_on_file(order), now):
        return
    token, code = tokens.new_secret(), f"{secrets.randbelow(10**6):06d}"
    look_up.order = order
    look_up.token_hash = tokens.digest(token)
    look_up.code_hash = _code_hash(look_up.ticket_hash, code)
    # Counted from the letter, so that a slow worker does not eat the customer's minutes.
    look_up.expires_at = now + LIFETIME
    minutes = int(LIFETIME.total_seconds()) // 60
    letters.with_key(look_up, order, token=token, code=code, minutes=minutes, now=now)


def _find(number: str, address: str) -> Order | None:
    found = (order for order in orders.find(number) if orders.belongs_to(order, address))
    return next(found, None)


def _may_write_to(address: str, now: datetime) -> bool:
    if not addresses.is_valid(addresses.normalise(address)):
        return False
    return ratelimit.allow(f"returns.lookup.mail:{address}", limit=LETTERS, window=LETTERS_WINDOW, now=now)


def _code_hash(ticket_hash: str, code: str) -> str:
    """The code with its look-up: the same six digits elsewhere have another hash."""
    return tokens.digest(f"{ticket_hash}:{code}")


def link_is_usable(token: str, *, now: datetime) -> bool:
    """Whether a link would open an order. Changes nothing: mail scanners follow links."""
    return bool(token) and LookUp.objects.usable(now).filter(token_hash=tokens.digest(token)).exists()


def redeem_link(token: str, *, now: datetime) -> Order:
    """Use a link up, once; the database decides between two clicks. Raises BadKey."""
    if not token:
        raise BadKey
    rows = LookUp.objects.usable(now).filter(token_hash=tokens.digest(token))
    if not rows.update(used_at=now):
        raise BadKey
    return _order_of(token_hash=tokens.digest(token))


def redeem_code(ticket: str, code: str, *, now: datetime) -> Order:
    """Use a typed code up, in the browser that asked; every try counts, and after five the key is dead.

    Raises BadKey, the same for a wrong code, an old one and an order that does not exist.
    """
    ticket_hash = tokens.digest(ticket)
    rows = LookUp.objects.filter(ticket_hash=ticket_hash)
    counted = rows.filter(attempts__lt=LookUp.MAX_ATTEMPTS).update(attempts=F("attempts") + 1)
    look_up = rows.first()
    expected = look_up.code_hash if look_up else ""
    right = hmac.compare_digest(expected, _code_hash(ticket_hash, code))
    if not (counted and right):
        raise BadKey
    if not rows.filter(order__isnull=False, used_at=None, expires_at__gt=now).update(used_at=now):
        raise BadKey
    return _order_of(ticket_hash=ticket_hash)


def _order_of(**key: str) -> Order:
    return Order.objects.select_related("store", "customer").get(return_look_ups__in=LookUp.objects.filter(**key))
