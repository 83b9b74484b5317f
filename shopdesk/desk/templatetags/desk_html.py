"""Bodies in templates, through the one sanitiser: ``{{ message.body|plain }}``, ``{{ article.body|markdown }}``."""

from django import template
from django.utils.safestring import SafeString

from shopdesk import html

register = template.Library()


@register.filter
def plain(text: str | None) -> SafeString:
    """Plain text with its line breaks and with links; None gives ""."""
    return html.linkify_plain(text or "")


@register.filter
def markdown(source: str | None) -> SafeString:
    """Markdown as sanitised HTML; None gives ""."""
    return html.markdown(source or "")
