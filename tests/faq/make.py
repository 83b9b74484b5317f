"""Makers of the help centre's rows."""

from datetime import datetime

from faq import publishing
from faq.models import Category
from tests.make import NOW


def make_category(slug="returns", *, name_ja="返品・交換", name_en="Returns", **fields):
    return Category.objects.get_or_create(slug=slug, defaults={"name_ja": name_ja, "name_en": name_en, **fields})[0]


def make_article(
    title="返品できますか", body="到着後8日以内にご連絡ください。", *, published=True, now: datetime = NOW, **fields
):
    """An article, published and indexed unless told otherwise."""
    fields.setdefault("category", make_category())
    article = publishing.create(title=title, body=body, by=fields.pop("by", None), now=now, **fields)
    if published:
        publishing.publish(article, by=None, now=now)
    return article
