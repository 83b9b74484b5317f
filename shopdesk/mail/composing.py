"""Words of letters: our own from template folders, the shops' from texts that they edit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.template import Context, TemplateDoesNotExist, engines
from django.utils import translation

from shopdesk.mail import shop_text
from shopdesk.mail.shop_text import BadTemplate, UnknownVariable
from shopdesk.text import clean, one_line

__all__ = ["BadTemplate", "Letter", "UnknownVariable", "check_shop_text", "render", "render_shop_text"]


@dataclass(frozen=True)
class Letter:
    """The words of a letter: a subject of one line, the text, and the HTML or ""."""

    subject: str
    text: str
    html: str = ""


def render(name: str, context: Mapping[str, Any], language: str) -> Letter:
    """A letter from ``templates/mail/<name>/``: subject.txt, body.txt and, when it exists, body.html.

    ``context`` holds plain values. Subject and text are not HTML, so nothing in them is escaped; body.html is escaped
    as every page. The templates see ``language``, and translate tags speak it. Raises TemplateDoesNotExist when there
    is no such letter.
    """
    with translation.override(language):
        subject = _fill(f"mail/{name}/subject.txt", context, language, html=False)
        text = _fill(f"mail/{name}/body.txt", context, language, html=False)
        try:
            html = _fill(f"mail/{name}/body.html", context, language, html=True)
        except TemplateDoesNotExist:
            html = ""
    return Letter(subject=one_line(subject), text=clean(text).strip() + "\n", html=clean(html).strip())


def _fill(template_name: str, context: Mapping[str, Any], language: str, *, html: bool) -> str:
    template = engines["django"].engine.get_template(template_name)  # type: ignore[attr-defined]  # Django's own engine
    filled: str = template.render(Context({**context, "language": language}, autoescape=html))
    return filled


def render_shop_text(source: str, context: Mapping[str, Any]) -> str:
    """A text of the shop filled in from plain dicts; see shop_text.py for its few words.

    Raises UnknownVariable (``.names``) or BadTemplate (a sentence for the shop).
    """
    return shop_text.render(clean(source), context)


def check_shop_text(source: str, known: set[str]) -> None:
    """Raise what render_shop_text would when only the dotted names of ``known`` exist."""
    shop_text.check(clean(source), known)
