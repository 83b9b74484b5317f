"""The beginning of the newest message, as the list shows it."""

import re

from inquiries import families
from inquiries.models import Inquiry, Message
from shopdesk.text import one_line

LENGTH = 160  # inquiries.Inquiry.preview
# Lines that every letter begins with and that say nothing about this one.
_GREETING = re.compile(
    r"^\s*(?:.{1,40}(?:様|さま|御中|殿|です|でございます|と申します)[。、,.]?"
    r"|(?:いつも|いつもお|平素|大変|お世話|初めまして|はじめまして|こんにちは|こんばんは|おはよう|拝啓|突然).{0,40}"
    r"|(?:このたびは|この度は)?お問い合わせ.{0,12}ありがとう.{0,12}"
    r"|dear .{1,40}|(?:hello|hi)\b.{0,30}|thank you for (?:contacting|your).{0,40})\s*$",
    re.IGNORECASE,
)
# What an address or a phone number may be cut out of: letters and digits of either width, and what joins them.
_TORN = re.compile(r"[!-~！-～‐‑‒–—―−ー]+$")
_TORN_NUMBER = re.compile(r"[\d０-９‐‑‒–—―−ー().（）+＋\s-]+$")


def of(text: str) -> str:
    """At most LENGTH characters of one line, from the first line that is more than a greeting."""
    lines = [line for line in text.splitlines() if line.strip()]
    while len(lines) > 1 and _GREETING.match(lines[0]):
        lines.pop(0)
    return " ".join(one_line(" ".join(lines[:12])).split())[:LENGTH]


def untorn(preview: str) -> str:
    """A preview that ends before an address or a number which its length may have cut in two: what is cut is not
    recognised any more when contacts are covered. Shorter ones stay as they are."""
    if len(preview) < LENGTH - 1:
        return preview
    return _TORN_NUMBER.sub("", _TORN.sub("", preview))


def keep(inquiry: Inquiry, text: str) -> None:
    """The newest words of an inquiry are these, in the caller's transaction."""
    inquiry.preview = of(text)
    Inquiry.objects.filter(pk=inquiry.pk).update(preview=inquiry.preview)


def renew(inquiry: Inquiry) -> None:
    """Read the preview again from the messages, with those of what was merged here: after one was taken back, moved
    away, or came from another inquiry."""
    said = Message.objects.filter(inquiry__in=families.family(inquiry), automatic=False).exclude(
        kind=Message.Kind.AUTOMATIC
    )
    keep(inquiry, said.order_by("-at", "-pk").values_list("body", flat=True).first() or "")
