"""Rows that are drawn once and shown often: never another person's, never an older one."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import translation
from django.utils.safestring import mark_safe

from inquiries.models import Inquiry, Presence, Tag
from inquiries.templatetags import inquiry_rows, inquiry_thread
from shopdesk import clock
from shopdesk.pieces import Piece
from tests import make
from tests.inquiries.make import make_inquiry

LIST = "/admin/inquiries/"


@pytest.fixture(autouse=True)
def _frozen(monkeypatch, now):
    monkeypatch.setattr(clock, "now", lambda: now)


@pytest.fixture(autouse=True)
def drawn():
    """How often a row was drawn anew, as a function."""
    inquiry_rows._ROW._drawn.cache_clear()
    return lambda: inquiry_rows._ROW._drawn.cache_info().misses


def row_of(page, inquiry):
    start = page.index(f'id="row-{inquiry.pk}"')
    return page[start : page.index("</li>", start)]


def test_a_row_is_drawn_once_for_what_it_shows(db, agent, signed_in, drawn):
    make_inquiry("Q-R0W001")
    client = signed_in(agent)
    first = client.get(LIST).content.decode()
    assert drawn() == 1
    assert client.get(LIST).content.decode().count("Q-R0W001") == first.count("Q-R0W001")
    assert drawn() == 1


def test_a_drawn_row_never_shows_contacts_to_who_may_not_read_them(db, agent, signed_in):
    """The same row is shown to somebody who reads all of it, then covered, then uncovered again."""
    outsourced = make.make_user("nami@shop.example", name="白波 外", role="outsourced")
    inquiry = make_inquiry(
        "Q-R0W001", subject="hanako@mail.example へ送って", preview="電話は090-1234-5678です", assignee=outsourced
    )
    inside = signed_in(agent)
    address = f"{LIST}?view=open"
    row = row_of(inside.get(address).content.decode(), inquiry)
    assert "hanako@mail.example" in row
    assert "090-1234-5678" in row
    outside = signed_in(outsourced)
    for _ in range(2):
        row = row_of(outside.get(address).content.decode(), inquiry)
        assert "hanako@mail.example" not in row
        assert "090-1234-5678" not in row
    assert "hanako@mail.example" in row_of(signed_in(agent).get(address).content.decode(), inquiry)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"name": "別名 太郎"}, "別名 太郎"),
        ({"subject": "変わった件名"}, "変わった件名"),
        ({"preview": "変わった本文"}, "変わった本文"),
        ({"priority": 2}, "badge-danger"),
        ({"phase": "shipped"}, "受注後・配送中"),
        ({"number": "Q-CHANG3"}, "Q-CHANG3"),
    ],
)
def test_a_row_follows_every_value(db, agent, signed_in, change, shown):
    inquiry = make_inquiry("Q-R0W001")
    client = signed_in(agent)
    assert shown not in row_of(client.get(f"{LIST}?view=all").content.decode(), inquiry)
    Inquiry.objects.filter(pk=inquiry.pk).update(**change)
    assert shown in row_of(client.get(f"{LIST}?view=all").content.decode(), inquiry)


def test_a_row_follows_people_tags_clock_and_language(db, agent, owner, now, signed_in, monkeypatch):
    inquiry = make_inquiry("Q-R0W001")
    client = signed_in(agent)

    def row():
        return row_of(client.get(f"{LIST}?view=all").content.decode(), inquiry)

    seen = {row()}
    Inquiry.objects.filter(pk=inquiry.pk).update(assignee=owner)
    seen.add(row())
    tag = Tag.objects.create(name="急ぎ", tone="warn")
    inquiry.tags.add(tag)
    seen.add(row())
    Tag.objects.filter(pk=tag.pk).update(tone="danger")
    seen.add(row())
    Presence.objects.create(inquiry=inquiry, user=owner, doing="viewing", since=now, seen_at=now)
    seen.add(row())
    Presence.objects.update(doing="replying")
    seen.add(row())
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=7))
    seen.add(row())
    agent.language = "en"
    agent.save()
    seen.add(row())
    assert len(seen) == 8


def test_what_is_equal_and_not_the_same_is_drawn_apart():
    """1 equals True, and a text that is safe equals one that must be escaped, also inside of a tuple."""
    piece = Piece("components/badge.html", keep=10)
    assert "<b>" in piece.draw(text=mark_safe("<b>"), tone="ok")
    assert "&lt;b&gt;" in piece.draw(text="<b>", tone="ok")
    assert "True" in piece.draw(text=True, tone="ok")
    assert ">1<" in piece.draw(text=1, tone="ok")
    assert piece.draw(text=(mark_safe("<b>"),), tone="ok") is not piece.draw(text=("<b>",), tone="ok")
    assert piece.draw(tone="ok", text="a") == piece.draw(text="a", tone="ok")


def test_a_piece_forgets_what_was_not_asked_for_longest_and_nothing_else_enters():
    piece = Piece("components/badge.html", keep=2)
    for text in ("a", "b", "c", "c"):
        piece.draw(text=text, tone="ok")
    assert piece._drawn.cache_info()[:] == (1, 3, 2, 2)
    with translation.override("en"):
        piece.draw(text="c", tone="ok")
    assert piece._drawn.cache_info().misses == 4


def test_a_piece_takes_plain_values_alone(db, agent):
    """Two rows with one key are equal and may look different: drawn once, an old name would be shown for ever."""
    piece = Piece("inquiries/_tabs.html", keep=5)
    with pytest.raises(TypeError, match="no plain value"):
        piece.draw(views=((agent, "", "", "", False),))
    with pytest.raises(TypeError, match="unhashable"):
        piece.draw(views=[])


def test_what_belongs_to_a_request_is_filled_in_and_never_kept(db, agent, signed_in):
    """The frame is drawn once; its forms carry the token and the address of each page."""
    client = signed_in(agent)
    pages = [client.get(path).content.decode() for path in (LIST, f"{LIST}?view=all&q=%22%3E", f"{LIST}?view=all")]
    tokens = [set(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)) for page in pages]
    assert [len(of_page) for of_page in tokens] == [1, 1, 1]
    assert len(set.union(*tokens)) == 3
    nexts = [set(re.findall(r'name="next" value="([^"]+)"', page)) for page in pages]
    assert nexts == [{LIST}, {f"{LIST}?view=all&amp;q=%22%3E"}, {f"{LIST}?view=all"}]


def test_a_hole_is_filled_as_text():
    piece = Piece("components/language.html", keep=5, holes=("csrf_token", "path"))
    drawn = piece.draw(filled={"csrf_token": "a", "path": '"><b>'})
    assert 'value="&quot;&gt;&lt;b&gt;"' in drawn
    assert "<b>" not in drawn
    assert 'value="b"' in piece.draw(filled={"csrf_token": "b", "path": "/"})


def test_a_template_asks_whether_a_hole_is_empty_and_nothing_else():
    """What is there and what is not are two drawings; 0 is there."""
    piece = Piece("components/badge.html", keep=5, holes=("text",))
    drawn = [piece.draw(tone="ok", filled={"text": text}) for text in ("a", "", "b", None, 0, mark_safe("<b>"))]
    assert [re.findall(">(.*)<", one) for one in drawn] == [["a"], [""], ["b"], [""], ["0"], ["<b>"]]
    assert piece._drawn.cache_info().misses == 2
    with pytest.raises(KeyError):
        piece.draw(tone="ok", filled={})


def test_each_is_told_their_own_name(db, agent, owner, signed_in):
    mine, theirs = (signed_in(user).get(LIST).content.decode() for user in (agent, owner))
    assert agent.name in mine
    assert agent.name not in theirs
    assert "/admin/accounts/user/" in theirs
    assert "/admin/accounts/user/" not in mine


def test_who_has_no_name_finds_their_menu_under_their_address(db, signed_in):
    page = signed_in(make.make_user("ken@shop.example", name="")).get("/admin/").content.decode()
    assert '<details class="user-menu"' in page
    assert '<span class="user-name"><span>ken@shop.example</span>' in page


def test_where_two_inquiries_stand_is_drawn_once_and_leads_to_each(db, agent, signed_in):
    inquiry_thread._STATUS_BAR._drawn.cache_clear()
    first = make_inquiry("Q-R0W001")
    second = make_inquiry("Q-R0W002", customer=first.customer)
    client = signed_in(agent)
    bars = []
    for inquiry in (first, second):
        page = client.get(f"{LIST}{inquiry.pk}/").content.decode()
        bars.append(page[page.index('id="status-bar"') : page.index('class="talk-scroll"')])
    assert inquiry_thread._STATUS_BAR._drawn.cache_info().misses == 1
    for bar, inquiry, other in zip(bars, (first, second), (second, first), strict=True):
        assert set(re.findall(r"/inquiries/(\d+)/", bar)) == {str(inquiry.pk)}
        assert f"/{other.pk}/" not in bar
    Inquiry.objects.filter(pk=second.pk).update(assignee=agent)
    page = client.get(f"{LIST}{second.pk}/").content.decode()
    assert agent.name in page[page.index('id="status-bar"') : page.index('class="talk-scroll"')]
    assert inquiry_thread._STATUS_BAR._drawn.cache_info().misses == 2


def test_what_is_said_is_filled_into_the_looks_of_a_message(db, agent, owner, signed_in):
    inquiry_thread._MESSAGE._drawn.cache_clear()
    first = make_inquiry("Q-R0W001", body="<b>一通目</b> https://shop.example/a?b=1&c=2\nつづき")
    second = make_inquiry("Q-R0W002", customer=first.customer, body="二通目")
    for inquiry, author in ((first, agent), (second, owner)):
        inquiry.messages.create(kind="note", author=author, body=f"{author.name}のメモ", at=clock.now())
    client = signed_in(agent)
    pages = [client.get(f"{LIST}{inquiry.pk}/").content.decode() for inquiry in (first, second)]
    pages = [page[page.index('id="thread"') : page.index('id="composer"')] for page in pages]
    assert inquiry_thread._MESSAGE._drawn.cache_info().misses == 2
    assert "&lt;b&gt;一通目&lt;/b&gt;" in pages[0]
    assert 'href="https://shop.example/a?b=1&amp;c=2"' in pages[0]
    assert "<br>" in pages[0]
    assert (agent.name in pages[0], owner.name in pages[0]) == (True, False)
    assert ("一通目" in pages[1], "二通目" in pages[1]) == (False, True)
    assert f"<strong>{owner.name}</strong>" in pages[1]
    assert agent.name not in pages[1]
    for page, inquiry in zip(pages, (first, second), strict=True):
        assert re.findall(r'id="message-(\d+)"', page) == [str(one.pk) for one in inquiry.messages.order_by("pk")]


def _reply_box(page):
    page = page[page.index('id="composer"') : page.index('id="about"')]
    return re.sub(r'(name="csrfmiddlewaretoken" value=")[^"]+', r"\1", page)


@pytest.mark.parametrize("role", ["owner", "agent", "assistant", "outsourced"])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_an_empty_reply_box_is_kept_and_looks_as_if_it_were_not(db, signed_in, monkeypatch, role, language):
    user = make.make_user("kai@shop.example", name="外海 介", role=role, language=language)
    first = make_inquiry("Q-R0W001", name='花子"<b>', assignee=user)
    second = make_inquiry("Q-R0W002", customer=first.customer, version=7, assignee=user)
    client = signed_in(user)
    inquiry_thread._REPLY_BOX._drawn.cache_clear()
    kept = [_reply_box(client.get(f"{LIST}{inquiry.pk}/").content.decode()) for inquiry in (first, second)]
    assert inquiry_thread._REPLY_BOX._drawn.cache_info()[:2] == (1, 1)
    monkeypatch.setattr(inquiry_thread, "_BEGUN", ("inquiry",))
    assert [_reply_box(client.get(f"{LIST}{inquiry.pk}/").content.decode()) for inquiry in (first, second)] == kept
    assert inquiry_thread._REPLY_BOX._drawn.cache_info()[:2] == (1, 1)
    assert "花子&quot;&lt;b&gt;" in kept[0]
    assert ('name="version" value="7"' in kept[0], 'name="version" value="7"' in kept[1]) == (False, True)


def test_the_kept_reply_box_knows_every_name_that_its_template_asks_for():
    """A name that it did not know would silently be empty on the page."""
    asked = _names("inquiries/_composer.html")
    piece = inquiry_thread._REPLY_BOX
    values = {"may_reply", "may_draft", "may_copy", "signature", "accept"}
    # Only with what a refused post brings back, or with what is fetched into its place.
    elsewhere = {"asked_action", "asked_then", "may_see_mail", "moved_to", "leaves_from", "alone"}
    rare = {*inquiry_thread._BEGUN, *elsewhere}
    assert {name for name in asked - {*piece._marks, *values, "inquiry"} if name.split(".")[0] not in rare} == set()
    assert {"inquiry.version", "thread.newest", "draft.templates", "check.digest", "labels"} <= asked


def _names(template, seen=None):
    """What a template and those that it includes look up, but for what they set themselves."""
    source = re.sub(
        r"{% comment %}.*?{% endcomment %}",
        "",
        (settings.BASE_DIR / "templates" / template).read_text(),
        flags=re.DOTALL,
    )
    found, own = set(), set()
    for tag in re.findall(r"{[{%](.*?)[%}]}", source):
        words = re.sub(r'"[^"]*"', '""', tag).split()
        own |= {words[place + 1] for place, word in enumerate(words) if word == "as" and words[0] in {"url", "firstof"}}
        if words[0] == "for":
            own |= {word.strip(",") for word in words[1 : words.index("in")]}
        if words[0] in {"blocktranslate", "include"}:
            own |= {word.split("=")[0] for word in words if "=" in word}
        for word in words:
            if name := re.fullmatch(r"(?:[a-z_]+=)?([a-z_]+(?:\.[a-z_]+)*)(?:\|.*)?", word):
                found.add(name[1])
    for part in re.findall(r'{% include "([^"]+)"', source):
        if part not in {"inquiries/_close_fields.html", "inquiries/_menu_labels.html"}:  # with needs, with labels
            found |= _names(part)
    return {name for name in found - _TAG_WORDS if name.split(".")[0] not in own}


_TAG_WORDS = {
    *(
        "load",
        "i18n",
        "desk_format",
        "desk_html",
        "url",
        "as",
        "if",
        "elif",
        "else",
        "endif",
        "for",
        "in",
        "endfor",
        "not",
    ),
    *("and", "or", "is", "translate", "blocktranslate", "endblocktranslate", "trimmed", "with", "context", "include"),
    *("csrf_token", "comment", "endcomment", "cycle"),
}
