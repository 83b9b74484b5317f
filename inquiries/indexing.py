"""The index of what was said: each inquiry has one row of numbers (shopdesk.grams) made of its subject, names, numbers,
messages and file names, which searching.py asks.

A sweep keeps it up: it looks for inquiries whose version it has not read. Of the shop the index holds the customer's
name, kana and phone, the product's name and the order's number: of these the number never changes, and the sweep
follows the others where the shop has counted a change (shop.changes).
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from faq import analysing
from inquiries.models import Attachment, Inquiry, InquiryQuerySet, Message, SearchEntry
from shopdesk import grams, sweeps
from shopdesk.shop import changes
from shopdesk.shop.models import Customer, Product

logger = logging.getLogger(__name__)

# Text of one inquiry that the search knows; a conversation beyond it is found by its beginning.
LONGEST_TEXT = 200_000
# Inquiries that are held at once while they are read: 3 ms each, 0.1 s for a long conversation.
_AT_ONCE = 10
# Inquiries that are held at once while they are marked to be read again, and customers or products followed in one go.
_FORGOTTEN = 200
_FOLLOWED = 500


def sweep(now: datetime, limit: int = 200) -> int:
    """Read inquiries whose words have changed; how many were read. ``now`` is every sweep's argument.

    Must not be called inside a transaction: whoever waits for one of these rows waits for a few of them.
    """
    _follow(Customer, "customer")
    _follow(Product, "product")
    done = 0
    while done < limit and (read := _read_some(min(_AT_ONCE, limit - done))):
        done += read
    return done


def _follow(model: type[Customer] | type[Product], field: str) -> None:
    """Let what belongs to customers or products whose names have changed be read again."""
    while told := changes.waiting(model, _FOLLOWED):
        rows = Inquiry.objects.filter(**{f"{field}__in": list(told)}).order_by("pk")
        last = 0
        while pks := list(rows.filter(pk__gt=last).values_list("pk", flat=True)[:_FORGOTTEN]):
            with transaction.atomic():
                held = (
                    Inquiry.objects.filter(pk__in=pks).order_by("pk").select_for_update(skip_locked=True, no_key=True)
                )
                free = set(held.values_list("pk", flat=True))
                forget(free)
            for pk in pks:
                if pk not in free:  # waits for whoever holds it, and nobody waits for us meanwhile
                    forget([pk])
            last = pks[-1]
        changes.taken(model, told)
        if len(told) < _FOLLOWED:
            return


def _read_some(limit: int) -> int:
    """Read a few: they are held while they are read, and nobody is to wait for that with an answer."""
    with sweeps.alone(logger, "Some inquiries could not be read together."):
        return _read(limit)
    # One of them: each for itself, and the one that cannot be read is found by nothing until something is said there.
    done = 0
    for pk in list(_unread().order_by("-pk").values_list("pk", flat=True)[:limit]):
        with sweeps.alone(logger, "Inquiry %s could not be read.", pk) as attempt:
            done += _read(1, pk)
        if attempt.error is not None:
            Inquiry.objects.filter(pk=pk).update(indexed_version=F("version"))
            done += 1
    return done


def _unread() -> InquiryQuerySet:
    return Inquiry.objects.filter(Q(indexed_version=None) | ~Q(indexed_version=F("version")))


@transaction.atomic
def _read(limit: int, pk: int | None = None) -> int:
    due = _unread() if pk is None else _unread().filter(pk=pk)
    # The newest first: a product of many questions that gets another name does not keep them waiting.
    held = due.order_by("-pk").locked(skip_locked=True).values_list("pk", flat=True)
    # By a statement of its own, so that what was changed elsewhere before we held them is seen.
    rows = list(
        Inquiry.objects.filter(pk__in=list(held[:limit])).select_related("customer", "product", "order").order_by("pk")
    )
    if not rows:
        return 0
    texts = _texts(rows)
    SearchEntry.objects.bulk_create(
        [SearchEntry(inquiry=row, grams=numbers(texts[row.pk])) for row in rows],
        update_conflicts=True, unique_fields=["inquiry"], update_fields=["grams"],
    )  # fmt: skip
    Inquiry.objects.filter(pk__in=[row.pk for row in rows]).update(indexed_version=F("version"))
    return len(rows)


def forget(pks: Iterable[int]) -> None:
    """Let the next sweep read these again: a name, a number or a file has changed without a new message."""
    Inquiry.objects.filter(pk__in=list(pks)).update(indexed_version=None)


def _texts(rows: Sequence[Inquiry]) -> dict[int, str]:
    """Everything about each inquiry that one may search for, in one text each."""
    pks = [row.pk for row in rows]
    parts = {row.pk: fields(row) for row in rows}
    said = Message.objects.filter(inquiry__in=pks).order_by("inquiry", "at", "pk")
    for pk, body, folded, name, address in said.values_list(
        "inquiry_id", "body", "folded", "sender_name", "sender_address"
    ):
        parts[pk] += [body, folded, name, address]
    for pk, name in Attachment.objects.filter(message__inquiry__in=pks).values_list("message__inquiry_id", "name"):
        parts[pk].append(name)
    return {pk: "\n".join(filter(None, words))[:LONGEST_TEXT] for pk, words in parts.items()}


def fields(row: Inquiry) -> list[str]:
    """The short texts of an inquiry besides its messages."""
    return [
        row.number, row.subject, row.name, row.email, row.phone, row.order_number, row.product_text,
        row.customer.name, row.customer.name_kana, row.customer.phone,
        row.product.name if row.product else "", row.order.number if row.order else "",
    ]  # fmt: skip


def numbers(text: str) -> list[int]:
    """What the index keeps of a text: its pieces and the stems of its words."""
    found: set[int] = set()
    # Piecewise, so that neither the folding nor the tokenizer sees an endless line.
    for start in range(0, len(text), 10_000):
        part = text[max(0, start - 20) : start + 10_000]
        found |= grams.pieces(part)
        found |= {grams.word_number(stem) for stem in stems(part)}
    return sorted(found)


def stems(text: str) -> set[str]:
    """The stems of a text's words and of the words that they are put together of."""
    found: set[str] = set()
    for word in analysing.words(text, "ja"):
        found.add(word.stem)
        found.update(word.parts)
    return found
