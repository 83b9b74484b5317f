"""Whether an article helped."""

from datetime import datetime

from faq.models import Article, Feedback
from shopdesk.tokens import digest


def visitor_key(session_key: str) -> str:
    """What is stored of a visitor: a hash that leads back to nobody."""
    return digest(f"faq.vote:{session_key}")


def vote(article: Article, *, visitor: str, helpful: bool, now: datetime) -> None:
    """Count one vote; a second of the same visitor replaces the first (the database sees to it, also in a race)."""
    Feedback.objects.bulk_create(
        [Feedback(article=article, visitor=visitor, helpful=helpful, at=now)],
        update_conflicts=True,
        unique_fields=["article", "visitor"],
        update_fields=["helpful", "at"],
    )


def voted(article: Article, visitor: str) -> bool | None:
    """How this visitor voted; None when not at all."""
    return Feedback.objects.filter(article=article, visitor=visitor).values_list("helpful", flat=True).first()
