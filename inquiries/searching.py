"""Finding inquiries by what was said in them: two characters are enough, spelling and width do not matter. What is
asked is the index (indexing.py).

A search asks in steps, because in one the planner guesses badly: count the rows that hold every piece, up to a
thousand; few are sorted; of many the newest inquiries are walked until the page is full. Where thousands were walked in
vain, the words are rare among what was asked for (a filter, or nobody writes of it any more): then all hits are taken
together. Each way is exact.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Value

from faq import analysing
from inquiries import indexing, masking
from inquiries.listing import is_like_a_contact
from inquiries.listing import search as look_through
from inquiries.models import Attachment, Inquiry, InquiryQuerySet, Message, SearchEntry
from inquiries.numbering import IS_NUMBER
from inquiries.numbering import normalise as normalise_number
from shopdesk import grams
from shopdesk.accounts.models import User
from shopdesk.statements import statement
from shopdesk.text import one_line

# Above this the number of hits is "1,000 and more".
COUNTED = 1_000
PER_PAGE = 25
MOST_PAGES = 40
# Inquiries that are walked for a page, the newest ones: some 2 ms.
WALKED = 5_000
MOST_WORDS = 6
LONGEST = 100
EXCERPT = 90
# Characters of a message in which another spelling is looked for: 1 ms.
_READ_FOR_PLACES = 2_000
# An amount is written with the sign before it, behind it as 円, or without.
_YEN = re.compile(r"(?<!\S)[¥￥\\](?=\d)")
_ABROAD = re.compile(r"[+＋]\s?(?:\d[-‐−－ー.()（）\s]{0,2}){10,14}(?=\s|$)")


@dataclass(frozen=True)
class Piece:
    """A stretch of shown text; ``hit`` when it is what was looked for."""

    text: str
    hit: bool = False


@dataclass(frozen=True)
class Hit:
    """A found inquiry and the words around the place."""

    inquiry: Inquiry
    excerpt: tuple[Piece, ...]


@dataclass(frozen=True)
class Found:
    """One page of hits. ``total`` counts up to COUNTED + 1; ``has_next`` says whether another page follows.

    ``is_open`` where a page was full before all were counted: there are ``total`` and more. ``is_cut`` on the last page
    that is shown at all, where older ones exist.
    """

    hits: list[Hit]
    total: int
    has_next: bool
    is_open: bool = False
    is_cut: bool = False

    @property
    def is_many(self) -> bool:
        return self.total > COUNTED


def words_of(query: str) -> list[str]:
    """The words of a search as typed; what stands in 「」 or quotes is one word, and so is a phone number with its
    country. Signs by themselves are none, and the yen before an amount is no part of it."""
    query = _ABROAD.sub(lambda phone: "".join(phone[0].split()), one_line(query)[:LONGEST])
    query = _YEN.sub("", query)
    for mark in '「」『』“”"':
        query = query.replace(mark, '"')
    words: list[str] = []
    for at, stretch in enumerate(query.split('"')):
        words += [stretch.strip()] if at % 2 else stretch.split()
    return [word for word in words if any(map(str.isalnum, unicodedata.normalize("NFKC", word)))][:MOST_WORDS]


def search(
    query: str, *, user: User, rows: InquiryQuerySet | None = None, page: int = 1, size: int | None = None
) -> Found:
    """One page of what ``user`` may see that holds every word of ``query``, newest first.

    ``rows`` narrows it further (a status, an assignee); ``size`` is PER_PAGE unless said. Staff who may not read
    contacts search only their own rows, and only in what they are shown: nobody puts a phone number together from the
    pieces that find something.
    """
    page, size = max(1, min(page, MOST_PAGES)), size or PER_PAGE
    visible = (Inquiry.objects.all() if rows is None else rows).visible_to(user)
    words = words_of(query)
    if not words:
        return Found([], 0, False)
    if IS_NUMBER.fullmatch(number := normalise_number(" ".join(words))):
        return _page(visible.filter(number=number), [], page, size)
    if not masking.sees_contacts(user):
        return _of_covered(_maybe_shown(visible, query, words), words, page, size)
    wanted = _condition(words)
    if wanted is None:
        return Found([], 0, False)
    known = SearchEntry.objects.filter(wanted)
    with _planned("enable_seqscan"):
        # Many hits by the letters alone are many hits: their other spellings need not be asked for.
        typed = _condition(words, stems=False)
        pks = _first(SearchEntry.objects.filter(typed)) if typed else []
        if len(pks) <= COUNTED and typed != wanted:
            pks = _first(known)
    if len(pks) <= COUNTED:
        return _page(visible.filter(pk__in=pks), words, page, size)
    return _of_many(visible, known, words, page, size)


def everything(query: str, *, user: User, rows: InquiryQuerySet) -> tuple[list[int], bool]:
    """The keys of what all pages of :func:`search` show together, newest first, and whether there is more than that.

    As one page of that size, so that it costs a few queries and not those of forty pages.
    """
    found = search(query, user=user, rows=rows, size=PER_PAGE * MOST_PAGES)
    return [hit.inquiry.pk for hit in found.hits], found.has_next or found.is_cut


def _of_many(
    visible: InquiryQuerySet, known: QuerySet[SearchEntry], words: Sequence[str], page: int, size: int
) -> Found:
    """A page of more hits than are counted."""
    start = (page - 1) * size
    every = Inquiry.objects.order_by("-last_activity_at", "-pk").values_list("last_activity_at", flat=True)
    walked = visible.filter(Exists(known.filter(pk=OuterRef("pk"))))
    # Asked by itself: only of a moment that it knows does the planner see how little there is to walk.
    for since in every[WALKED : WALKED + 1]:
        walked = walked.filter(last_activity_at__gte=since)
    # The newest one after the other, each looked up by its key, until the page is full.
    with _planned("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin"):
        shown = _cut(walked, start, size)
    if len(shown) > size:
        if not visible.query.where:
            return _found(shown, words, page, size, total=COUNTED + 1)
        return replace(_found(shown, words, page, size, total=start + len(shown)), is_open=True)
    with _planned("enable_seqscan"):
        # By a sum, which no index has in order: else the planner walks the newest again until it has enough.
        moment = ExpressionWrapper(F("last_activity_at") + Value(timedelta()), output_field=DateTimeField())
        rows = visible.filter(pk__in=known.values("pk")).order_by(moment.desc(), "-pk")
        pks = list(rows.values_list("pk", flat=True)[: max(PER_PAGE * MOST_PAGES, COUNTED) + 1])
    return _page(visible.filter(pk__in=pks), words, page, size, total=min(len(pks), COUNTED + 1))


def _first(found: QuerySet[SearchEntry]) -> list[int]:
    """The keys of the first COUNTED + 1, as one value: a thousand rows take longer to hand over than to find."""
    sql, params = found.values("pk")[: COUNTED + 1].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT ARRAY({sql})", params)  # compiled by Django, values apart
        keys: list[int] = cursor.fetchone()[0]
    return keys


def _maybe_shown(visible: InquiryQuerySet, query: str, words: Sequence[str]) -> InquiryQuerySet:
    """The rows, few as they are, that hold the words somewhere, or nearly; contacts are asked for nowhere."""
    found = look_through(visible, query, contacts=False)
    wanted = None if any(is_like_a_contact(word) for word in words) else _condition(words)
    if wanted is not None:
        known = SearchEntry.objects.filter(wanted, pk=OuterRef("pk"))
        found = visible.filter(Q(pk__in=found.order_by().values("pk")) | Exists(known))
    return found.live()


def _of_covered(rows: InquiryQuerySet, words: Sequence[str], page: int, size: int) -> Found:
    """A page of what still holds the words when contacts are covered in it."""
    found = _page(rows, [], page, size)
    hits = _hits([hit.inquiry for hit in found.hits], words, covered=True)
    return replace(found, hits=hits, total=found.total - len(found.hits) + len(hits))


@contextmanager
def _planned(*without: str) -> Iterator[None]:
    """Keep the planner from ways that it takes for cheap, because it does not know what unpacking the numbers costs."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET LOCAL {way} = off" for way in without))  # until the transaction ends
        yield


def _condition(words: Sequence[str], *, stems: bool = True) -> Q | None:
    """Every word by its pieces, or by its stems where spelling varies (取消, 取り消し); None where neither exists."""
    whole = Q()
    for word in words:
        ways = Q()
        if pieces := grams.wanted(word):
            ways |= Q(grams__contains=sorted(pieces))
        if meant := _meant(word) if stems else set():
            ways |= Q(grams__contains=sorted(grams.word_number(stem) for stem in meant))
        if not ways:
            return None
        whole &= ways
    return whole


_KANJI = re.compile(r"[一-鿿々]")


def _meant(word: str) -> set[str]:
    """The stems that stand for a word in any of its spellings; empty where they would stand for less than the word:
    an address or an amount has none that says more than its letters, and of 名入 only 入 is left, which is nearly
    everywhere."""
    found = set() if grams.folded(word).isascii() else {one.stem for one in analysing.words(word, "ja")}
    # What counts something (第2便) is cut between its letters: there the stems are all that can be looked up.
    is_counted = any(map(str.isdecimal, word))
    says_it_all = len(_KANJI.findall("".join(found))) >= len(set(_KANJI.findall(word)) - {"御"})
    return found if is_counted or says_it_all else set()


# What a line of the result tells, and what the words are looked for in.
_SHOWN = (
    "number", "subject", "name", "email", "phone", "order_number", "product_text", "status", "last_activity_at",
    "customer__name", "customer__name_kana", "customer__phone", "product__name", "order__number",
    "category__name_ja", "category__name_en", "label__name_ja", "label__name_en",
)  # fmt: skip
_BESIDE_IT = ("customer", "category", "assignee", "label", "order", "product")


@statement(keep=1)
def _shown(*, pks: list[int]) -> QuerySet[Inquiry]:
    rows = Inquiry.objects.filter(pk__any_of=pks).select_related("customer", "category", "label", "order", "product")
    return rows.only(*_SHOWN).order_by("-last_activity_at", "-pk")


@statement(keep=1)
def _said(*, inquiries: list[int]) -> QuerySet[Message, tuple[Any, ...]]:
    said = Message.objects.filter(inquiry__any_of=inquiries).order_by("-at", "-pk")
    return said.values_list("inquiry_id", "body", "folded", "sender_name", "sender_address")


def _page(rows: InquiryQuerySet, words: Sequence[str], page: int, size: int, *, total: int | None = None) -> Found:
    start = (page - 1) * size
    shown = _cut(rows, start, size)
    if total is None:
        total = rows.count() if len(shown) > size or start else len(shown)
    return _found(shown, words, page, size, total=total)


def _cut(rows: InquiryQuerySet, start: int, size: int) -> list[Inquiry]:
    """A page of them and one more, newest first, with what a line of the result tells."""
    ordered = rows.order_by("-last_activity_at", "-pk")
    stop = start + size + 1
    if rows.query.annotations:  # of the list, which knows more about its rows
        return list(ordered.select_related(*_BESIDE_IT)[start:stop])
    pks = list(ordered.values_list("pk", flat=True)[start:stop])
    return _shown(pks=pks) if pks else []


def _found(shown: list[Inquiry], words: Sequence[str], page: int, size: int, *, total: int) -> Found:
    """``shown`` holds the rows of the page, and one more where another page follows."""
    more, is_last = len(shown) > size, page == MOST_PAGES
    return Found(_hits(shown[:size], words), total, more and not is_last, is_cut=more and is_last)


def _hits(rows: list[Inquiry], words: Sequence[str], *, covered: bool = False) -> list[Hit]:
    """The rows with an excerpt; what holds the pieces of a word but not the word is left out. ``covered``: looked for,
    and shown, in the texts without contacts."""
    if not words:
        return [Hit(row, ()) for row in rows]
    said: dict[int, list[str]] = {row.pk: [] for row in rows}
    for pk, *texts in _said(inquiries=list(said)) if said else ():
        said[pk] += filter(None, texts)
    beside = {row.pk: indexing.fields(row) for row in rows}
    if covered:
        masking.learn(rows)
        for row in rows:
            said[row.pk] = [masking.text(text, row) for text in said[row.pk]]
            beside[row.pk] = [masking.covered_name(row, text) for text in beside[row.pk]]
    # Most words stand there as they were typed; only the rest is folded, cut into words, and looked for in file names.
    doubtful = [row for row in rows if not _plainly([*said[row.pk], *beside[row.pk]], words)]
    files = _file_names(doubtful, covered=covered)
    wrong = {row.pk for row in doubtful if not _really([*said[row.pk], *beside[row.pk], *files[row.pk]], words)}
    spelled = {row.pk for row in doubtful}
    return [Hit(row, _excerpt(said[row.pk], words, row.pk in spelled)) for row in rows if row.pk not in wrong]


def _file_names(rows: Sequence[Inquiry], *, covered: bool) -> dict[int, list[str]]:
    names: dict[int, list[str]] = {row.pk: [] for row in rows}
    if rows:
        known = {row.pk: row for row in rows}
        files = Attachment.objects.filter(message__inquiry__in=list(names))
        for pk, name in files.values_list("message__inquiry_id", "name"):
            names[pk].append(masking.text(name, known[pk]) if covered else name)
    return names


def _plainly(texts: Sequence[str], words: Sequence[str]) -> bool:
    return all(any(word in text for text in texts) for word in words)


def _really(texts: Sequence[str], words: Sequence[str]) -> bool:
    everything = [text for text in texts if text]
    plain = "\n".join(grams.folded(text) for text in everything)
    missing = [word for word in words if not grams.holds(plain, word)]
    if not missing:
        return True
    stems = indexing.stems("\n".join(everything)[: indexing.LONGEST_TEXT // 20])
    # A word that has no stem, as grammar has none, stands there as it was typed or not at all.
    meant = [_meant(word) for word in missing]
    return all(one and one <= stems for one in meant)


def _excerpt(texts: Sequence[str], words: Sequence[str], is_spelled: bool) -> tuple[Piece, ...]:
    """The stretch of the newest text that has a word, the words marked; else nothing. ``is_spelled``: looked for in
    other spellings, too."""
    for places_in in (_as_typed, _as_folded, _as_meant)[: 3 if is_spelled else 2]:
        for text in texts:
            flat = " ".join(text.split())
            if places := sorted(place for word in words for place in places_in(flat, word)):
                return _stretch(flat, places)
    return ()


def _as_typed(text: str, word: str) -> list[tuple[int, int]]:
    return [(found.start(), found.end()) for found in re.finditer(re.escape(word), text)] if word in text else []


def _as_folded(text: str, word: str) -> list[tuple[int, int]]:
    return grams.places_of(text, word)


def _as_meant(text: str, word: str) -> list[tuple[int, int]]:
    if not (meant := _meant(word)):
        return []
    return [(one.start, one.end) for one in analysing.words(text[:_READ_FOR_PLACES], "ja") if one.stem in meant]


def _stretch(flat: str, places: Sequence[tuple[int, int]]) -> tuple[Piece, ...]:
    start = max(0, places[0][0] - EXCERPT // 4)
    stop = min(len(flat), start + EXCERPT)
    pieces = [Piece("…")] if start else []
    end = start
    for first, last in places:
        if first < end or last > stop:
            continue
        pieces += [Piece(flat[end:first]), Piece(flat[first:last], hit=True)]
        end = last
    pieces.append(Piece(flat[end:stop] + ("…" if stop < len(flat) else "")))
    return tuple(piece for piece in pieces if piece.text)
