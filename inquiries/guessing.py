"""What a mail is about, where no form asked for it: a first guess that staff correct with one click."""

import re
import unicodedata

from inquiries.models import Category
from shopdesk.shop import orders
from shopdesk.shop.models import Customer, Order

_NOT_HERE = "届かな|届いていな|届きませ|届いていませ"
_NOT_COMING = "来な|来ていな|来ませ|来ていませ"
_WHERE = "where is my (?:order|parcel|package)"
_HOW = r"how (?:do|can|to)\b.{0,20}\b(?:use|wash|clean|care|assemble)"

# The first row that finds its words wins; what hurts most when it is overlooked stands first. Codes of Category.
_WORDS: tuple[tuple[str, str], ...] = (
    ("wrong_item", r"違う(?:商品|もの|物)|別の商品|誤配送|商品が違|間違った商品|wrong (?:item|product)"),
    ("defect", r"不良|壊れ|破損|故障|割れて|動かな|動きませ|キズ|傷が|破れ|\bbroken|defect|damaged|faulty"),
    ("image_gap", r"(?:写真|イメージ|画像|思って).{0,6}(?:違|ちが)|色が違|not as (?:pictured|described)"),
    ("return", r"返品|返金|交換|\breturn|refund|exchange"),
    ("mail_missing", rf"メール.{{0,8}}(?:{_NOT_HERE}|{_NOT_COMING})|no (?:confirmation )?e?-?mail"),
    ("delay", rf"(?:{_NOT_HERE}|まだ(?:届|発送)|遅れ|遅延)|(?:not|n't) (?:yet )?arrived|{_WHERE}|late delivery"),
    ("order_change", r"キャンセル|変更|取り消|領収書|住所|cancel|change (?:my|the) (?:order|address)|receipt|invoice"),
    ("usage", r"使い方|使用方法|使用法|手入れ|洗い方|組み立て|" + _HOW),
    ("restock", r"入荷|再販|在庫|納期|restock|in stock|available again"),
    ("payment", r"支払|決済|クレジット|後払い|代引|振込|payment|credit card"),
    ("shipping", r"配送|送料|発送|海外|配達|shipping|deliver"),
    ("site_error", r"誤字|表記|ページ.{0,8}(?:エラー|間違|表示)|typo|error on (?:the|your) (?:site|page)"),
)  # fmt: skip
_TABLE = tuple((code, re.compile(words, re.IGNORECASE)) for code, words in _WORDS)
_JAPANESE = re.compile(r"[ぁ-ヿㇰ-ㇿ㐀-䶿一-鿿ｦ-ﾝ]")
_LETTER = re.compile(r"[A-Za-z]")
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{2,30}")
_MOST_NUMBERS = 20
_READ = 4000


def language(text: str) -> str:
    """ "ja" where kana or kanji stand, else "en"; "ja" where there are no letters at all."""
    return "en" if _LETTER.search(text) and not _JAPANESE.search(text) else "ja"


def category(text: str, customer: Customer) -> Category:
    """The category whose words the text holds; else a question about an order from who has one, else about a product.

    Raises Category.DoesNotExist when the shop offers none.
    """
    offered = {row.slug: row for row in Category.objects.filter(is_active=True)}
    plain = unicodedata.normalize("NFKC", text[:_READ])
    for code, words in _TABLE:
        if code in offered and words.search(plain):
            return offered[code]
    usual = "order_change" if customer.orders.exists() else "spec"
    known = offered.get(usual) or next(iter(offered.values()), None)
    if known is None:
        return Category.objects.all()[:1].get()
    return known


def order(text: str, address: str) -> Order | None:
    """The one order that the text names and that belongs to the address; None where there is none, or several."""
    if not address:
        return None
    plain = unicodedata.normalize("NFKC", text[:_READ])
    numbers = [one for one in dict.fromkeys(_NUMBER.findall(plain)) if any(letter.isdigit() for letter in one)]
    forms = [form for number in numbers[:_MOST_NUMBERS] for form in orders.spellings(number)]
    if not forms:
        return None
    found = Order.objects.filter(number__in=forms).select_related("store", "customer")[:20]
    own = [row for row in found if orders.belongs_to(row, address)]
    return own[0] if len(own) == 1 else None
