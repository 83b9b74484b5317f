"""Articles of the FAQ that may answer an inquiry, in the customer's language and ready to be put into a reply."""

from dataclasses import dataclass

from django.urls import reverse

from faq import search, suggesting
from faq.models import Article
from inquiries.models import Inquiry, Message
from shopdesk import tokens
from shopdesk.html import markdown_text

# Found at most.
MOST = 6
_LONGEST_QUESTION = 400
# With fewer articles than these the subject alone is asked, too.
_ENOUGH = 3


@dataclass(frozen=True)
class Offer:
    """An article and what a click puts into the reply; ``sure`` when it answers most of the question."""

    article: Article
    sure: bool = False

    @property
    def url(self) -> str:
        """Its public address."""
        return tokens.site_url(reverse("faq:article", args=[self.article.pk]))

    @property
    def link(self) -> str:
        return f"{self.article.title}\n{self.url}"

    @property
    def text(self) -> str:
        return markdown_text(self.article.body).strip()


def language_of(inquiry: Inquiry) -> str:
    """The language in which the customer reads articles."""
    return "en" if inquiry.language == "en" else "ja"


def offers(inquiry: Inquiry, words: str = "") -> list[Offer]:
    """Published articles, best first, that fit ``words`` or else what the customer asks. Fourteen queries at most."""
    question = words or _question(inquiry)
    hits = _hits(question, inquiry)
    sure: set[int] = set()
    if not words:
        if len(question.strip()) >= suggesting.MIN_LENGTH:
            sure = {hit.article.pk for hit in hits[: suggesting.SHOWN] if hit.coverage >= suggesting.CONFIDENCE}
        if len(hits) < _ENOUGH:  # a long story hides its own question; its subject may name it
            known = {hit.article.pk for hit in hits}
            hits += [hit for hit in _hits(inquiry.subject, inquiry) if hit.article.pk not in known]
    return [Offer(hit.article, hit.article.pk in sure) for hit in hits]


def _hits(words: str, inquiry: Inquiry) -> list[search.Hit]:
    return search.search(words, language=language_of(inquiry), limit=MOST)


def _question(inquiry: Inquiry) -> str:
    """What the customer asks: the subject and the beginning of the first message."""
    said = inquiry.messages.filter(kind=Message.Kind.RECEIVED).order_by("at", "pk")
    first = said.values_list("body", flat=True).first()
    return f"{inquiry.subject}\n{first or ''}"[:_LONGEST_QUESTION]
