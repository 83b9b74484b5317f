"""Words for people: every msgid has its Japanese, and the compiled catalogue is the written one."""

import re
from pathlib import Path

import allauth
import django
import polib

from tests.house.words import extract, from_python, from_template

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOGUE = ROOT / "shopdesk" / "locale" / "ja" / "LC_MESSAGES"
PLACEHOLDER = re.compile(r"%\([a-z_A-Z0-9]+\)[sd]|%[sd]|\{[a-z_0-9]*\}")


def written():
    return polib.pofile(str(CATALOGUE / "django.po"))


def key(entry):
    return (entry.msgctxt or "", entry.msgid)


def japanese(entry):
    """Every Japanese form; one without a plural."""
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_every_word_has_its_japanese():
    known = {key(entry) for entry in written() if all(japanese(entry)) and not entry.obsolete}
    missing = sorted({f"{w.path}:{w.line}: {w.msgid!r}" for w in extract(ROOT) if (w.context, w.msgid) not in known})
    assert missing == []


def packages_words():
    """What the packages in use say: the shop may say it better, in its own catalogue."""
    catalogues = [
        *Path(allauth.__file__).parent.glob("locale/ja/LC_MESSAGES/django.po"),
        *Path(django.__file__).parent.glob("**/locale/ja/LC_MESSAGES/django.po"),
    ]
    return {key(entry) for path in catalogues for entry in polib.pofile(str(path))}


def test_no_word_is_left_over():
    used = {(word.context, word.msgid) for word in extract(ROOT)} | packages_words()
    assert sorted(entry.msgid for entry in written() if entry.obsolete or key(entry) not in used) == []


def test_nothing_is_fuzzy():
    assert [entry.msgid for entry in written() if entry.fuzzy] == []


def test_placeholders_agree():
    wrong = []
    for entry in written():
        forms = {entry.msgid, entry.msgid_plural or entry.msgid}
        allowed = {tuple(sorted(PLACEHOLDER.findall(form))) for form in forms}
        wrong += [
            (entry.msgid, form) for form in japanese(entry) if tuple(sorted(PLACEHOLDER.findall(form))) not in allowed
        ]
    assert wrong == []


def test_the_compiled_catalogue_is_the_written_one():
    compiled = polib.mofile(str(CATALOGUE / "django.mo"))
    assert {key(e): japanese(e) for e in compiled} == {key(e): japanese(e) for e in written()}


def test_extraction_from_templates():
    source = (
        "{% translate \"Say \\\"hi\\\"\" %}{% trans 'May' context 'month' as may %}"
        "{% if x == _(\"Yes\") %}{{ a|default:_('None') }}{% endif %}\n"
        "{% blocktranslate trimmed count n=rows|length with who=user.name context 'row' %}\n  One 5% row\n  of {{ who }}"
        "{% plural %}{{ n }} rows{% endblocktranslate %}"
    )
    found = [(w.line, w.msgid, w.plural, w.context) for w in from_template(source, "t.html")]
    assert found == [
        (1, 'Say "hi"', "", ""),
        (1, "May", "", "month"),
        (1, "Yes", "", ""),
        (1, "None", "", ""),
        (2, "One 5%% row of %(who)s", "%(n)s rows", "row"),
    ]


def test_extraction_from_python():
    source = (
        "from django.utils.translation import gettext as _, ngettext as many, pgettext_lazy\n"
        "_('one ' 'string')\nmany('%(n)s row', '%(n)s rows', n)\npgettext_lazy('month', 'May')\n_(variable)\n"
    )
    found = [(w.line, w.msgid, w.plural, w.context) for w in from_python(source, "x.py")]
    assert found == [(2, "one string", "", ""), (3, "%(n)s row", "%(n)s rows", ""), (4, "May", "", "month")]
