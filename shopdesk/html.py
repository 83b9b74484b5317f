"""The single sanitiser: the only module that may call something safe HTML.

nh3 (ammonia) parses as a browser does and keeps what is on the lists below. svg, math, style, title and textarea are
never on a list: the known ways around the parser go through them (CVE-2021-38193, CVE-2026-63430).
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

# ASCII only, so that Japanese may follow an address without a space; a closing dot or bracket belongs to the sentence.
_URL = re.compile(r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.IGNORECASE)
_TRAILING = ".,;:!?'*_~"
LINK_REL = "noopener nofollow"

_TEXT_TAGS = {
    "a", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6",
    "hr", "i", "img", "li", "ol", "p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot",
    "th", "thead", "tr", "u", "ul",
}  # fmt: skip
_MAIL_TAGS = _TEXT_TAGS | {"big", "caption", "center", "col", "colgroup", "font", "ins", "small", "strike", "tt"}
_CELL = {"align", "colspan", "rowspan", "valign", "width", "height", "bgcolor", "style"}
_MAIL_ATTRIBUTES = {
    "*": {"style", "align", "dir", "lang", "title"},
    "a": {"href"},
    "font": {"color", "face", "size"},
    "img": {"src", "alt", "width", "height", "data-remote"},
    "ol": {"start"},
    "table": {"border", "cellpadding", "cellspacing", "width", "bgcolor"},
    "td": _CELL,
    "th": _CELL,
}
# Nothing that positions, covers or loads: a letter must not draw over the desk.
_MAIL_STYLES = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-right",
    "border-spacing", "border-style", "border-top", "border-width", "color", "font-family", "font-size", "font-style",
    "font-weight", "height", "letter-spacing", "line-height", "list-style-type", "margin", "margin-bottom",
    "margin-left", "margin-right", "margin-top", "max-width", "padding", "padding-bottom", "padding-left",
    "padding-right", "padding-top", "text-align", "text-decoration", "text-indent", "vertical-align", "white-space",
    "width",
}  # fmt: skip
_BAD_STYLE = re.compile(r"url\s*\(|expression|image|\\|@|/\*|-moz-binding|javascript", re.IGNORECASE)
_INLINE_IMAGE = re.compile(r"data:image/(?:png|gif|jpeg|webp);base64,[A-Za-z0-9+/=\s]+", re.IGNORECASE)
# The address of a remote picture moves aside before the sanitiser reads the letter and judges it like any other.
_REMOTE = re.compile(r"https?://[^\s<>\"'\\]{1,2000}", re.IGNORECASE)
_REMOTE_SOURCE = re.compile(r"(<img\b[^<>]{0,2000}?\s)src(\s*=\s*[\"']?\s*https?://)", re.IGNORECASE)
_SET_ASIDE = re.compile(r"(<img\b[^<>]*? )data-remote=\"")
_ARTICLE_ATTRIBUTES = {
    "a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}, "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}  # fmt: skip


def joined(parts: Iterable[str]) -> SafeString:
    """Drawings one after the other; what is not safe is escaped."""
    return SafeString("".join([_escaped(part) for part in parts]))


def filled(parts: Sequence[str], values: Mapping[str, object]) -> SafeString:
    """A drawing in parts, of which each second is the name of the value that stands there (shopdesk.pieces)."""
    if len(parts) == 1:
        return SafeString(parts[0])
    told = [*parts]
    told[1::2] = [_escaped(values[name]) for name in parts[1::2]]
    return SafeString("".join(told))


def _escaped(value: object) -> str:
    """As conditional_escape, for one that is not lazy: a page has hundreds of these."""
    text = str(value) if not isinstance(value, str) else value
    return text if isinstance(text, SafeString) else escape(text)


def _mail_attribute(tag: str, name: str, value: str) -> str | None:
    if name == "style" and _BAD_STYLE.search(value):
        return None
    if tag == "img" and name == "src":
        # Remote pictures tell the sender who reads when; only pictures inside the letter are shown.
        inside = value.lower().startswith("cid:") or _INLINE_IMAGE.fullmatch(value)
        return value if inside else None
    if name == "data-remote":
        return value if _REMOTE.fullmatch(value) else None
    if (
        tag == "a"
        and name == "href"
        and not value.lower().strip().startswith(("http://", "https://", "mailto:", "tel:"))
    ):
        return None
    return value


def sanitise_mail(html: str) -> str:
    """The HTML of a letter without anything that runs, loads, posts or covers.

    Remote pictures are not loaded: their address stands in ``data-remote``, see :func:`with_remote_pictures`. ``cid:``
    and small inline pictures stay. The result is a string, not safe for a template: it is shown in a sandboxed frame.
    """
    return nh3.clean(
        _REMOTE_SOURCE.sub(r"\1data-remote\2", html),
        tags=_MAIL_TAGS,
        attributes=_MAIL_ATTRIBUTES,
        attribute_filter=_mail_attribute,
        filter_style_properties=_MAIL_STYLES,
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        link_rel=LINK_REL,
        clean_content_tags={"script", "style", "title", "textarea", "noscript", "template", "iframe", "object"},
    )


def with_remote_pictures(html: str) -> str:
    """HTML of :func:`sanitise_mail` with its remote pictures in place: for a reader who asked for them."""
    return _SET_ASIDE.sub(r'\1src="', html)


def _article_attribute(tag: str, name: str, value: str) -> str | None:
    own = value.startswith(("/", "#")) and not value.startswith("//") and "\\" not in value
    if name == "href" and not own and not value.lower().startswith(("http://", "https://", "mailto:", "tel:")):
        return None
    if tag == "img" and name == "src" and not own and not value.lower().startswith("https://"):
        return None
    return value


def _split_urls(text: str) -> list[tuple[str, bool]]:
    """The text in pieces, in order: (piece, whether it is an address)."""
    pieces: list[tuple[str, bool]] = []
    end = 0
    for match in _URL.finditer(text):
        url = match[0].rstrip(_TRAILING)
        while url.endswith((")", "]")) and url.count("(") + url.count("[") < url.count(")") + url.count("]"):
            url = url[:-1].rstrip(_TRAILING)
        if url.lower() in {"http://", "https://"} or len(url) <= len("http://"):
            continue
        pieces += [(text[end : match.start()], False), (url, True)]
        end = match.start() + len(url)
    pieces.append((text[end:], False))
    return [piece for piece in pieces if piece[0]]


def linkify_plain(text: str) -> SafeString:
    """Plain text as HTML: escaped, line breaks kept, http and https addresses made into links."""
    html = "".join(
        f'<a href="{escape(piece)}" rel="{LINK_REL}">{escape(piece)}</a>' if is_url else escape(piece)
        for piece, is_url in _split_urls(text.replace("\r\n", "\n").replace("\r", "\n"))
    )
    return mark_safe(html.replace("\n", "<br>\n"))  # noqa: S308  # every piece was escaped one line above


def _headings_below_title(state: StateCore) -> None:
    """The page's own h1 is the article's question: headings of the text begin at h2."""
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 1, 4)}"


def _bare_links(state: StateCore) -> None:
    """An address pasted into the text becomes a link, outside of links that are there already."""
    for block in state.tokens:
        if block.type != "inline" or "://" not in block.content:
            continue
        children: list[Token] = []
        depth = 0
        for token in block.children or []:
            depth += token.nesting if token.type in {"link_open", "link_close"} else 0
            if token.type != "text" or depth:
                children.append(token)
                continue
            for piece, is_url in _split_urls(token.content):
                text = Token("text", "", 0, content=piece)
                if is_url:
                    children += [Token("link_open", "a", 1, attrs={"href": piece}), text, Token("link_close", "a", -1)]
                else:
                    children.append(text)
        block.children = children


_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
_MARKDOWN.core.ruler.push("headings_below_title", _headings_below_title)
_MARKDOWN.core.ruler.push("bare_links", _bare_links)


def markdown(source: str) -> SafeString:
    """Markdown as safe HTML. Raw HTML in the source is shown as text; a single line break is a line break."""
    html = nh3.clean(
        _MARKDOWN.render(source),
        tags=_TEXT_TAGS,
        attributes=_ARTICLE_ATTRIBUTES,
        attribute_filter=_article_attribute,
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel=LINK_REL,
        clean_content_tags={"script", "style"},
    )
    return mark_safe(html)  # noqa: S308  # sanitised one line above


def _texts(tokens: Sequence[Token]) -> list[str]:
    found: list[str] = []
    for token in tokens:
        if token.type == "inline":
            found += _texts(token.children or [])
        elif token.type == "image":
            found.append(token.content)
        elif token.type in {"softbreak", "hardbreak"} or (token.nesting == -1 and token.block):
            found.append("\n")
        elif token.type in {"text", "code_inline", "code_block", "fence"}:
            found.append(token.content)
    return found


def markdown_text(source: str) -> str:
    """What a reader sees of Markdown, as plain text: for the search index and for excerpts."""
    lines = "".join(_texts(_MARKDOWN.parse(source))).split("\n")
    return "\n".join(line.strip() for line in lines if line.strip())
