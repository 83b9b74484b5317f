"""What the browser's content policy and a slow phone ask of the files."""

import re
from pathlib import Path

import django_htmx
import pytest
from django.conf import settings
from django.template.loader import get_template, render_to_string
from django.utils import translation

from shopdesk.static_storage import SmallStaticFilesStorage, smaller

ROOT = Path(settings.BASE_DIR)
CSS = (ROOT / "static/css/shopdesk.css").read_text()
# templates/mail are letters: mail programs read inline styles only.
TEMPLATES = [p for p in sorted((ROOT / "templates").rglob("*.html")) if "mail" not in p.relative_to(ROOT).parts[:2]]


def test_the_stylesheet_stays_small_as_it_is_served():
    assert len(smaller(CSS, ".css").encode()) <= 40_960


def test_the_scripts_of_a_staff_page_stay_small_as_they_are_served():
    htmx = Path(django_htmx.__file__).parent / "static/django_htmx/htmx-2.min.js"
    elsewhere = {"contact.js", "passkeys.js", "faq-editor.js", "admin_labels.js"}  # of other pages than the desk's
    own = [smaller(file.read_text(), ".js") for file in (ROOT / "static/js").glob("*.js") if file.name not in elsewhere]
    assert htmx.stat().st_size + sum(len(text.encode()) for text in own) <= 61_440


def test_collecting_makes_our_own_files_smaller_and_names_them_by_content(tmp_path):
    storage = SmallStaticFilesStorage(location=tmp_path, base_url="/static/")
    (tmp_path / "css").mkdir()
    (tmp_path / "css/a.css").write_text("/* why */\na  {  color: red;  }\n")
    done = list(storage.post_process({"css/a.css": (storage, "css/a.css")}))
    hashed = next(new for old, new, processed in done if old == "css/a.css")
    assert hashed != "css/a.css"
    assert (tmp_path / hashed).read_text() == "a{color:red}"


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def tokens(text):
    found = {}
    for name, colour in re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{3,6})\b", text):
        found.setdefault(name, colour if len(colour) == 7 else "#" + "".join(c * 2 for c in colour[1:]))
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_colour_can_be_read_on_every_ground_it_stands_on(theme):
    start = CSS.index(":root {") if theme == "light" else CSS.index("prefers-color-scheme: dark")
    t = tokens(CSS[start:])
    pairs = [(text, ground) for text in ("text", "text-2", "text-3") for ground in ("bg", "surface", "sunken")]
    pairs += [("text-2", "hover"), ("accent-text", "surface"), ("accent-text", "accent-soft"), ("on-accent", "accent")]
    pairs += [(x, g) for x in ("ok", "warn", "danger", "info") for g in (f"{x}-soft", "surface")]
    low = {pair: round(contrast(t[pair[0]], t[pair[1]]), 2) for pair in pairs if contrast(t[pair[0]], t[pair[1]]) < 4.5}
    assert low == {}
    # The edge of an input is not text: 3 to 1.
    assert contrast(t["control"], t["surface"]) >= 3


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(ROOT / "templates")))
def test_no_template_carries_inline_style_or_script(path):
    text = path.read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=\"|javascript:|\|safe\b", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(ROOT / "templates")))
def test_a_table_stacks_on_the_phone_or_can_be_scrolled_by_keyboard(path):
    narrow = {"merge_customers.html"}  # three short columns that wrap
    for wrap in re.findall(r"<div class=\"table-wrap[^>]*>\s*<table class=\"table\"", path.read_text()):
        assert path.name in narrow or "tabindex=" in wrap


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(ROOT / "templates")))
def test_every_template_can_be_read_by_django(path):
    get_template(str(path.relative_to(ROOT / "templates")))


@pytest.mark.parametrize(
    ("language", "words"), [("ja", "システムエラーが発生しました"), ("en", "Something broke on our side")]
)
def test_the_500_page_needs_neither_request_nor_database(language, words):
    with translation.override(language):
        html = render_to_string("500.html")
    assert words in html
    assert f'<html lang="{language}">' in html
