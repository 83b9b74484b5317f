"""The help centre of the demo shop: categories, 40 articles, votes and a few searches that found nothing."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction

from faq import indexing, misses, voting
from faq.models import Article, Category

_TEXTS = Path(__file__).parent / "faqs.yaml"
_MISSES = (("店頭受け取り", 4), ("法人割引", 3), ("アルバイト", 1), ("修理代 見積もり だけ", 1))


def _article(category: Category, text: dict[str, Any], position: int, *, now: datetime, **fields: Any) -> Article:
    written = now - timedelta(days=90 - position * 2, hours=position % 7)
    return Article.objects.create(
        category=category,
        title=text["q"].strip(),
        body=text["a"].strip(),
        status=Article.Status.PUBLISHED,
        published_at=written,
        updated_at=written,
        position=position,
        **fields,
    )


@transaction.atomic
def load(now: datetime) -> None:
    """Fill an empty help centre; where there are articles already, nothing is changed."""
    if Article.objects.exists():
        return
    texts = yaml.safe_load(_TEXTS.read_text("utf-8"))
    shelves = {
        row["slug"]: Category.objects.get_or_create(
            slug=row["slug"], defaults={"name_ja": row["ja"], "name_en": row["en"], "position": position}
        )[0]
        for position, row in enumerate(texts["categories"])
    }
    for position, row in enumerate(texts["articles"]):
        category = shelves[row["category"]]
        words = "\n".join(row.get("words", ()))
        japanese = _article(category, row, position, now=now, customer_words=words)
        if "en" in row:
            _article(category, row["en"], position, now=now, language="en", original=japanese)
        for number in range(position * 5 % 9):
            voting.vote(
                japanese,
                visitor=voting.visitor_key(f"demo-{number}"),
                helpful=number % 4 != 3,
                now=now - timedelta(days=number, minutes=position),
            )
    Article.objects.create(
        category=shelves["returns"],
        title="ギフトで受け取った商品は返品できますか。",
        body="贈り主さまのご注文番号があれば、同じきまりで承ります。(確認中)",
        updated_at=now - timedelta(hours=3),
        position=len(texts["articles"]),
    )
    indexing.reindex()
    for query, count in _MISSES:
        for number in range(count):
            misses.record(query, language="ja", now=now - timedelta(days=number * 3))
