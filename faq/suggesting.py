"""Articles offered while somebody writes to us: only when we are fairly sure."""

from faq import search
from faq.models import Article

# Shorter texts name no question yet.
MIN_LENGTH = 8
# Above half of the question's words answered, no question outside of the FAQ opened the box in the evaluation.
CONFIDENCE = 0.55
SHOWN = 3


def suggest(text: str, language: str) -> list[Article]:
    """Up to three published articles that probably answer ``text``; often none. Six queries at most."""
    if len(text.strip()) < MIN_LENGTH:
        return []
    return confident(text, language)


def confident(text: str, language: str) -> list[Article]:
    """What passes the gate, however short the text is."""
    ranked = search.rank(search.understand(text, language), limit=SHOWN)
    sure = [pk for pk, _, coverage, _ in ranked if coverage >= CONFIDENCE]
    articles = Article.objects.published().select_related("category").in_bulk(sure) if sure else {}
    return [articles[pk] for pk in sure if pk in articles]
