"""What a writer should look at once more before a reply leaves. Nothing here sends or stops anything by itself.

Quoted lines (``>``) are not the writer's words and are not read.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from inquiries import masking, naming, own, texts
from inquiries.models import Inquiry, Message, Template, WarningWord
from shopdesk import addresses, tokens
from shopdesk.accounts.models import User
from shopdesk.mail.models import Suppression
from shopdesk.shop.models import CustomerAddress, Order
from shopdesk.shop.orders import spellings
from shopdesk.text import MASK


@dataclass(frozen=True)
class Finding:
    """One thing to look at. ``blocks``: it must be mended; otherwise a second press sends."""

    code: str
    blocks: bool
    text: str


# 添付 and 同封 in any inflection; "attached", "attachment", "I attach", "enclosed".
_ATTACHED = re.compile(r"添付|同封|\battach(?:ed|ing|ments?|es)?\b|\benclos(?:ed|ing|ure|ures)\b", re.IGNORECASE)
_QUOTE = (">", "＞", "》")
# What may be an order number: letters, digits and hyphens with a digit among them.
_NUMBER = re.compile(r"(?<![0-9A-Za-z-])#?[0-9A-Za-z][0-9A-Za-z-]{2,39}(?![0-9A-Za-z-])")
_CUE = re.compile(r"(?:注文|受注|オーダー|order|番号|\bno\.?|№|#)[^\n]{0,12}$", re.IGNORECASE)
# A short bare number is an order's only where something says so; a long one is looked up anyway.
_SURELY = 6
# The words right before a number that make it an order's, and not a parcel's or a product's.
_ORDERS = re.compile(
    r"(?:注文|受注|オーダー)(?:番号)?\s?(?:no\.?|№|#)?[\s:(「『]{0,3}$"
    r"|\border(?: number)?[\s:#(]{0,3}(?:no\.?|#)?\s?$",
    re.IGNORECASE,
)
_UNIT = re.compile(r"\s*(?:円|年|月|日|時|分|秒|個|点|枚|本|%|cm|mm|kg|g\b|ml)")
_MOST_NUMBERS = 50
# Everybody has an address there: sharing the provider with the shop makes nobody a colleague.
_PUBLIC_PROVIDERS = frozenset(
    {
        "gmail.com", "googlemail.com", "yahoo.co.jp", "ymail.ne.jp", "yahoo.com", "outlook.jp", "outlook.com",
        "hotmail.com", "hotmail.co.jp", "live.jp", "icloud.com", "me.com", "docomo.ne.jp", "ezweb.ne.jp", "au.com",
        "softbank.ne.jp", "i.softbank.jp", "nifty.com", "biglobe.ne.jp", "ocn.ne.jp", "aol.com", "rakuten.jp",
    }
)  # fmt: skip


def findings(
    inquiry: Inquiry,
    *,
    body: str,
    cc: Sequence[str] = (),
    bcc: Sequence[str] = (),
    file_count: int,
    by: User,
    templates: Sequence[int] = (),
) -> list[Finding]:
    """What stands out in a reply, what must be mended first. ``templates``: ids of those that were inserted.

    At most seven queries, none of which grows with the text.
    """
    written = own_words(body)
    found = blockers(body, templates=templates)
    found += _copies(inquiry, [*cc, *bcc])
    found += _stopped([inquiry.email, *cc, *bcc])
    if not file_count and _ATTACHED.search(written):
        text = _("The text speaks of an attachment, but there is no file.")
        found.append(Finding("no_file", blocks=False, text=text))
    found += _warning_words(written)
    found += _numbers(inquiry, written) if masking.sees_contacts(by) else _named_orders(inquiry, written)
    found += _names(inquiry, written)
    return found


def blockers(body: str, *, templates: Sequence[int] = ()) -> list[Finding]:
    """Of :func:`findings` what must be mended first; a query only where templates are named."""
    return [*_unfilled(body, templates), *_covered(own_words(body))]


def own_words(body: str) -> str:
    """The text without quoted lines, in one width of letters."""
    lines = (line for line in body.splitlines() if not line.lstrip().startswith(_QUOTE))
    return unicodedata.normalize("NFKC", "\n".join(lines))


def digest(found: Iterable[Finding]) -> str:
    """What a writer confirms by the second press: just these findings. Another one is asked about anew."""
    return tokens.digest("inquiries.checked:" + "\n".join(f"{one.code}:{one.text}" for one in found))[:32]


def _unfilled(body: str, templates: Sequence[int]) -> list[Finding]:
    rows = Template.objects.filter(pk__in=templates) if templates else []
    names = texts.unfilled(body, templates=rows)
    if not names:
        return []
    text = _("Still to be filled in: %(names)s") % {"names": "、".join(names)}
    return [Finding("unfilled", blocks=True, text=text)]


def _covered(written: str) -> list[Finding]:
    """What was hidden from the writer came along from a text that they took over, or with a variable."""
    if MASK not in written:
        return []
    text = _("“%(mask)s” stands for something that is hidden from you. Please write it in other words.")
    text %= {"mask": MASK}
    return [Finding("covered", blocks=True, text=text)]


def _copies(inquiry: Inquiry, copies: Sequence[str]) -> list[Finding]:
    wanted = [addresses.normalise(one) for one in copies]
    if not wanted:
        return []
    ours = own.addresses()
    domains = {one.rpartition("@")[2] for one in ours} - _PUBLIC_PROVIDERS
    known = {inquiry.email, *ours}
    known |= set(
        CustomerAddress.objects.filter(customer=inquiry.customer_id, address__in=wanted).values_list(
            "address", flat=True
        )
    )
    found = []
    for one in wanted:
        if one not in known and one.rpartition("@")[2] not in domains:
            text = _("%(address)s is neither the customer's nor ours.") % {"address": one}
            found.append(Finding("outside_copy", blocks=False, text=text))
    return found


def _stopped(recipients: Sequence[str]) -> list[Finding]:
    """Addresses that take no mail. The page's banner tells why; here it is said before the text is lost on nobody."""
    wanted = {addresses.normalise(one) for one in recipients if one}
    rows = Suppression.objects.filter(address__in=wanted, scope=Suppression.Scope.ALL)
    dead = rows.exclude(reason=Suppression.Reason.UNSUBSCRIBED).values_list("address", flat=True)
    if not dead:
        return []
    return [Finding("stopped", blocks=False, text=_("Mail to one of the addresses is stopped: it would not be sent."))]


def _warning_words(written: str) -> list[Finding]:
    folded = written.casefold()
    found = []
    for row in WarningWord.objects.all():
        if unicodedata.normalize("NFKC", row.word).casefold() in folded:
            text = _("Warning word: “%(word)s”") % {"word": row.word}
            note = f" ({row.note})" if row.note else ""
            found.append(Finding("warning_word", blocks=False, text=text + note))
    return found


def _numbers(inquiry: Inquiry, written: str) -> list[Finding]:
    """Numbers of orders that belong to somebody else."""
    named = _possible_numbers(written)
    if not named:
        return []
    forms = {form: number for number in named for form in spellings(number)}
    theirs: dict[str, bool] = {}
    for number, customer in Order.objects.filter(number__in=forms).values_list("number", "customer_id"):
        shown = forms[number]
        # Stores number alike: a number that one of the customer's orders has, too, is theirs.
        theirs[shown] = theirs.get(shown, False) or customer == inquiry.customer_id
    return [
        Finding(
            "other_order", blocks=False, text=_("Order %(number)s belongs to another customer.") % {"number": number}
        )
        for number, is_theirs in theirs.items()
        if not is_theirs
    ]


def _named_orders(inquiry: Inquiry, written: str) -> list[Finding]:
    """For who sees assigned work only: numbers that the text calls an order's and that are none of this customer's,
    whether there is such an order or not. Else they could try out which numbers there are."""
    named = _possible_numbers(written, called=_ORDERS)
    if not named:
        return []
    forms = {form: number for number in named for form in spellings(number)}
    orders = Order.objects.filter(number__in=forms, customer=inquiry.customer_id)
    theirs = {forms[number] for number in orders.values_list("number", flat=True)}
    return [
        Finding("other_order", blocks=False, text=_("%(number)s is no order of this customer.") % {"number": number})
        for number in named
        if number not in theirs
    ]


def _possible_numbers(written: str, *, called: re.Pattern[str] | None = None) -> list[str]:
    """What may be the number of an order; with ``called`` only what the words before it call one."""
    found: dict[str, None] = {}
    for match in _NUMBER.finditer(written):
        shown = match[0]
        bare = shown.lstrip("#")
        if not any(letter.isdigit() for letter in bare):
            continue
        line = written[max(written.rfind("\n", 0, match.start()) + 1, match.start() - 40) : match.start()]
        is_amount = bool(_UNIT.match(written, match.end()))
        if called is not None:
            if is_amount or not called.search(line):
                continue
        elif bare.isdigit() and len(bare) < _SURELY and (
            is_amount or not (shown.startswith("#") or _CUE.search(line))
        ):  # fmt: skip
            continue
        found[shown] = None
        if len(found) >= _MOST_NUMBERS:
            break
    return list(found)


def _names(inquiry: Inquiry, written: str) -> list[Finding]:
    """「佐藤様」 and "Dear Mr Smith" in a letter to somebody else."""
    addressed = naming.addressed(written)
    if not addressed:
        return []
    known = [inquiry.name, inquiry.customer.name, inquiry.customer.name_kana]
    if inquiry.order is not None:
        known.append(inquiry.order.name)
    # Others who take part in the conversation: a husband who answers, a secretary.
    senders = Message.objects.filter(inquiry=inquiry.pk, kind=Message.Kind.RECEIVED).exclude(sender_name="")
    known += senders.values_list("sender_name", flat=True).distinct()[:20]
    return [
        Finding(
            "other_name",
            blocks=False,
            text=_("The text names %(name)s, who is not this customer.") % {"name": one.shown},
        )
        for one in addressed
        if not naming.is_known(one, known)
    ]
