"""Finding an inquiry again, as people type."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inquiries import indexing, masking, replying, searching, triage
from inquiries.answers import Answer
from inquiries.models import Attachment, Inquiry, Message, SearchEntry
from shopdesk import grams
from shopdesk.shop import customers
from shopdesk.shop.models import Customer
from tests.inquiries.make import make_inquiry
from tests.make import make_customer, make_user

pytestmark = pytest.mark.django_db

BODY = "先日のﾊﾞｯｸﾞ（１２，８００円）を返品\nしたいです。注文番号 EC-2026-00123、電話は０９０－１２３４－５６７８です。"


def asked(number, body, now, **fields):
    known = Inquiry.objects.select_related("customer").first()
    inquiry = make_inquiry(number, **{"customer": known.customer} if known else {}, **fields)
    Message.objects.create(inquiry=inquiry, kind="received", body=body, at=now)
    Inquiry.objects.filter(pk=inquiry.pk).update(version=2)
    return inquiry


def numbers_found(query, user, **more):
    indexing.sweep(None)
    return [hit.inquiry.number for hit in searching.search(query, user=user, **more).hits]


@pytest.mark.parametrize(
    "typed",
    [
        "返品", "返品したい", "バッグ", "ばっぐ", "ﾊﾞｯｸﾞ", "EC-2026-00123", "ec202600123", "00123", "09012345678",
        "090-1234-5678", "1234-5678", "５６７８", "返品 バッグ", "「返品したい」", "+81-90-1234-5678", "+819012345678",
        "+81 90 1234 5678", "＋８１　９０（１２３４）５６７８", "+81(0)90-1234-5678", "090 1234 5678", "(090)1234-5678",
        "返品 、 バッグ", "返品 ？", "返品 & バッグ",
    ],
)  # fmt: skip
def test_what_was_said_is_found_however_it_is_typed(typed, agent, now):
    asked("Q-000001", BODY, now)
    asked("Q-000002", "営業時間を教えてください。", now)
    assert numbers_found(typed, agent) == ["Q-000001"]


@pytest.mark.parametrize(
    "written", ["+81-90-1234-5678", "+819012345678", "＋８１　９０−１２３４−５６７８", "+81 (0)90 1234 5678"]
)
def test_a_phone_with_its_country_is_the_one_with_the_zero(written, agent, now):
    asked("Q-000001", f"電話は{written}です。", now)
    asked("Q-000002", "電話は080-1234-5678です。", now)
    for typed in ("090-1234-5678", "09012345678", "+81 90-1234-5678", "０９０１２３４５６７８"):
        assert numbers_found(typed, agent) == ["Q-000001"], typed


@pytest.mark.parametrize("written", ["12,800円でした", "¥12800でした", "１２，８００円でした", "合計￥12,800-です"])
def test_an_amount_is_found_with_its_comma_or_without(written, agent, now):
    asked("Q-000001", f"代金は{written}。", now)
    asked("Q-000002", "代金は1,280円で、112,801円ではありません。", now)
    for typed in ("12800", "12,800", "１２，８００", "¥12,800"):
        assert numbers_found(typed, agent) == ["Q-000001"], typed


def test_a_list_of_numbers_is_no_amount(agent, now):
    asked("Q-000001", "品番は101,102,1003,12です。", now)
    for typed in ("101", "102", "1003", "101,102,1003"):
        assert numbers_found(typed, agent) == ["Q-000001"], typed


def test_signs_alone_find_nothing(agent, now):
    asked("Q-000001", BODY, now)
    for typed in ("？", "- &", "「」", "・・・"):
        assert numbers_found(typed, agent) == [], typed


@pytest.mark.parametrize(
    ("typed", "marked"),
    [
        ("09012345678", "０９０－１２３４－５６７８"),
        ("+81 90-1234-5678", "０９０－１２３４－５６７８"),
        ("ec202600123", "EC-2026-00123"),
        ("ばっぐ", "ﾊﾞｯｸﾞ"),
        ("12800", "１２，８００"),
    ],
)
def test_the_place_is_marked_as_it_was_written(typed, marked, agent, now):
    asked("Q-000001", BODY, now)
    indexing.sweep(now)
    (hit,) = searching.search(typed, user=agent).hits
    assert [piece.text for piece in hit.excerpt if piece.hit] == [marked]


@pytest.mark.parametrize(
    ("written", "typed", "marked"),
    [
        ("引越しをしました", "引っ越し", ["引越し"]),
        ("注文を取り消したい", "取消", ["取り消し"]),
        ("昨日振込みました", "振り込み", ["振込み"]),
        ("表を見て下さい", "表", ["表"]),
        ("第2便のお届けは", "第２便", ["第2便"]),
        ("3個入りを2つ", "３個", ["3個"]),
        ("見積をください", "御見積", ["見積"]),
    ],
)
def test_another_spelling_of_the_same_word_is_found_and_marked(written, typed, marked, agent, now):
    asked("Q-000001", written, now)
    indexing.sweep(now)
    (hit,) = searching.search(typed, user=agent).hits
    assert [piece.text for piece in hit.excerpt if piece.hit] == marked


NAMES = [("髙橋", "高橋"), ("渡邊", "渡辺"), ("齋藤", "斎藤"), ("𠮷田", "吉田"), ("宮﨑", "宮崎")]


@pytest.mark.parametrize(("old", "usual"), NAMES)
def test_a_name_is_found_in_either_form_of_its_characters(old, usual, agent, now):
    both = [("Q-000001", old), ("Q-000002", usual)]
    for number, name in both:
        asked(number, f"{name}です。届きません。", now)
        make_customer(f"{name} 花子", f"{number}@mail.example")
    for typed in (old, usual):
        assert sorted(numbers_found(typed, agent)) == ["Q-000001", "Q-000002"]
        found = Customer.objects.filter(customers.matching(typed)).values_list("name", flat=True)
        assert set(found) == {f"{old} 花子", f"{usual} 花子"}
        marked = {piece.text for hit in searching.search(typed, user=agent).hits for piece in hit.excerpt if piece.hit}
        assert marked == {old, usual}


def test_pieces_that_do_not_stand_together_are_no_hit(agent, now):
    asked("Q-000001", "田中です。中山さんへ。", now)
    assert numbers_found("田中山", agent) == []


def test_a_word_is_not_found_by_a_part_of_it(agent, now):
    """The dictionary takes 名 for a prefix and drops it: 入 alone would be in every second letter."""
    asked("Q-000001", "領収書に宛名を入れてください。", now)
    asked("Q-000002", "名入れの書体を選びたい。", now)
    outsider = make_user("soto@shop.example", role="outsourced")
    Inquiry.objects.update(assignee=outsider)
    for user in (agent, outsider):
        assert numbers_found("名入", user) == ["Q-000002"]
        assert numbers_found("名入れ", user) == ["Q-000002"]


def test_names_addresses_and_files_are_found(agent, now):
    inquiry = asked("Q-000001", "写真を送ります", now, name="鈴木 次郎")
    message = inquiry.messages.get(body="写真を送ります")
    Attachment.objects.create(
        message=message, storage_key="k", name="割れた皿.jpg", media_type="image/jpeg", size=1, sha256="0"
    )
    for typed in ("鈴木", "鈴木次郎", "割れた皿", "hanako@mail", "Q-000001", "q000001"):
        assert numbers_found(typed, agent) == ["Q-000001"], typed


def test_a_reply_is_found_after_the_next_sweep_and_not_twice(agent, now):
    inquiry = asked("Q-000001", "いつ届きますか", now)
    indexing.sweep(now)
    assert indexing.sweep(now) == 0
    replying.reply(inquiry, Answer("明日の便で発送いたします。"), by=agent, now=now)
    assert numbers_found("発送", agent) == ["Q-000001"]
    assert SearchEntry.objects.count() == 1


def test_the_place_is_shown_and_marked(agent, now):
    asked("Q-000001", "x" * 300 + "。お皿が割れていました。" + "y" * 300, now)
    indexing.sweep(now)
    (hit,) = searching.search("割れて", user=agent).hits
    assert [piece.text for piece in hit.excerpt if piece.hit] == ["割れて"]
    assert sum(len(piece.text) for piece in hit.excerpt) <= searching.EXCERPT + 2


def test_many_hits_are_paged_newest_first_and_counted_up_to_a_thousand(agent, now, monkeypatch):
    monkeypatch.setattr(searching, "COUNTED", 20)
    for n in range(30):
        inquiry = asked(f"Q-0001{n:02}", "返品の件", now)
        Inquiry.objects.filter(pk=inquiry.pk).update(last_activity_at=now + timedelta(minutes=n))
    found = numbers_found("返品", agent)
    assert found == [f"Q-0001{n:02}" for n in range(29, 4, -1)]
    assert numbers_found("返品", agent, page=2) == [f"Q-0001{n:02}" for n in range(4, -1, -1)]
    assert searching.search("返品", user=agent).is_many
    assert searching.search("返品", user=agent).has_next


@pytest.mark.parametrize("walked", [2, 8, 100])
def test_many_hits_are_exact_however_far_the_newest_are_walked(walked, agent, now, monkeypatch):
    monkeypatch.setattr(searching, "COUNTED", 5)
    monkeypatch.setattr(searching, "PER_PAGE", 3)
    monkeypatch.setattr(searching, "WALKED", walked)
    for n in range(24):
        word = "返品" if n < 12 or n % 4 == 0 else "配送"  # most of them long ago
        inquiry = asked(f"Q-0001{n:02}", f"{word}の件", now)
        status = "pending" if n % 3 else "solved"
        Inquiry.objects.filter(pk=inquiry.pk).update(
            last_activity_at=now + timedelta(minutes=n // 2), status=status, waiting_since=None,
            solved_at=None if n % 3 else now,
        )  # fmt: skip
    every = [n for n in range(24) if n < 12 or n % 4 == 0][::-1]
    narrow = {
        "all": (None, every),
        "solved": (Inquiry.objects.filter(status="solved"), [n for n in every if n % 3 == 0]),
        "old": (Inquiry.objects.filter(last_activity_at__lt=now + timedelta(minutes=4)), [n for n in every if n < 8]),
        "few": (Inquiry.objects.filter(number__in=["Q-000101", "Q-000110"]), [10, 1]),
        "none": (Inquiry.objects.filter(status="hold"), []),
    }
    for rows, wanted in narrow.values():
        for page in (1, 2, 3, 4, 5):
            on_page = wanted[3 * page - 3 : 3 * page]
            assert numbers_found("返品", agent, rows=rows, page=page) == [f"Q-0001{n:02}" for n in on_page]
            found = searching.search("返品", user=agent, rows=rows, page=page)
            assert found.has_next == (len(wanted) > 3 * page)
            if found.is_open:
                assert found.total <= len(wanted)
            else:
                assert found.total == min(len(wanted), 6)


def test_the_last_page_says_that_older_ones_exist(agent, now, monkeypatch, signed_in):
    monkeypatch.setattr(searching, "PER_PAGE", 2)
    monkeypatch.setattr(searching, "MOST_PAGES", 2)
    for n in range(5):
        asked(f"Q-00010{n}", "返品の件", now)
    assert len(numbers_found("返品", agent, page=2)) == 2
    last = searching.search("返品", user=agent, page=2)
    assert (last.has_next, last.is_cut) == (False, True)
    assert not searching.search("返品", user=agent).is_cut
    client = signed_in(agent)
    assert "これより古いものは" in client.get("/admin/search/?q=返品&page=2").content.decode()
    assert "これより古いものは" not in client.get("/admin/search/?q=返品").content.decode()


def test_a_page_that_was_full_early_does_not_say_how_many_there_are(agent, now, monkeypatch, signed_in):
    monkeypatch.setattr(searching, "COUNTED", 5)
    monkeypatch.setattr(searching, "PER_PAGE", 3)
    for n in range(8):
        inquiry = asked(f"Q-00010{n}", "返品の件", now)
        triage.take(inquiry, by=agent, now=now)
    assert len(numbers_found("返品", agent)) == 3
    client = signed_in(agent)
    assert "1,000件以上" in client.get("/admin/search/?q=返品").content.decode()
    mine = client.get("/admin/search/?q=返品&mine=1").content.decode()
    assert "4件以上" in mine
    assert "1,000" not in mine


def test_a_filter_narrows_the_hits(agent, now):
    asked("Q-000001", "返品の件", now)
    other = asked("Q-000002", "返品の件", now)
    triage.take(other, by=agent, now=now)
    assert numbers_found("返品", agent, rows=Inquiry.objects.filter(assignee=agent)) == ["Q-000002"]


def test_outsourced_staff_search_their_own_rows_and_never_by_contact(now):
    outsider = make_user("soto@shop.example", role="outsourced")
    mine = asked("Q-000001", BODY, now, phone="09012345678")
    asked("Q-000002", BODY, now)
    Inquiry.objects.filter(pk=mine.pk).update(assignee=outsider)
    assert numbers_found("返品", outsider) == ["Q-000001"]
    assert numbers_found("09012345678", outsider) == []
    assert numbers_found("hanako@mail.example", outsider) == []
    assert not masking.sees_contacts(outsider)
    # Spelled in another way, too; and what is shown of the place holds no contact.
    for typed in ("ばっぐ", "ﾊﾞｯｸﾞ", "返品 、 バッグ", "Ｑ－０００００１"):
        assert numbers_found(typed, outsider) == ["Q-000001"], typed
    (hit,) = searching.search("ばっぐ", user=outsider).hits
    assert [piece.text for piece in hit.excerpt if piece.hit] == ["ﾊﾞｯｸﾞ"]
    told = "".join(piece.text for piece in hit.excerpt)
    assert told == "先日のﾊﾞｯｸﾞ（１２，８００円）を返品 したいです。注文番号 EC-2026-00123、電話は•••です。"


def test_pieces_of_a_contact_find_nothing_either(agent, now):
    """Two characters are enough to find; who may try them all must not put an address together from them."""
    outsider = make_user("soto@shop.example", role="outsourced")
    body = "電話 090-1234-5678、メール hanako.y@mail.example、住所 東京都千代田区丸の内1-2-3。折り返しお願いします。"
    inquiry = asked("Q-000001", body, now, email="hanako.y@mail.example")
    message = inquiry.messages.get(body=body)
    Attachment.objects.create(
        message=message, storage_key="k", name="090-1234-5678.jpg", media_type="image/jpeg", size=1, sha256="0"
    )
    Inquiry.objects.filter(pk=inquiry.pk).update(assignee=outsider, subject=f"件名 {body[:40]}")
    indexing.sweep(now)
    for contact, sizes in (("090-1234-5678", (2, 3)), ("hanako.y@", (3, 4)), ("千代田区丸の内1-2", (2, 3))):
        for size in sizes:
            for start in range(len(contact) - size + 1):
                piece = contact[start : start + size]
                assert searching.search(piece, user=outsider).hits == [], piece
    assert searching.search("丸の", user=agent).hits
    for shown in ("折り返し", "折返し", "東京都", "件名 電話"):
        assert [hit.inquiry.pk for hit in searching.search(shown, user=outsider).hits] == [inquiry.pk], shown


@pytest.mark.parametrize("typed", ["", "   ", "!", "「」", "%_\\", "\x00", "'; DROP TABLE", "🙂", "a" * 5000])
def test_odd_input_finds_nothing_and_breaks_nothing(typed, agent, now):
    asked("Q-000001", "返品の件", now)
    assert numbers_found(typed, agent) == []


def test_a_page_of_hits_takes_a_fixed_number_of_queries(agent, now, django_assert_max_num_queries):
    for n in range(30):
        asked(f"Q-0001{n:02}", "返品の件", now)
    indexing.sweep(now)
    with django_assert_max_num_queries(9):  # two of them savepoints, which only a test needs
        searching.search("返品", user=agent)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.integers(0, 50), st.integers(2, 12))
def test_every_stretch_of_a_text_is_among_its_pieces(text, start, length):
    """Nothing that stands in a text is missed by the index: the true hits are all among the candidates."""
    stretch = "".join(letter for letter in text[start : start + length] if not letter.isascii() and letter.isalnum())
    if len(stretch) >= 2 and grams.folded(stretch) in grams.folded(text):
        runs = grams._JAPANESE.findall(grams.folded(text))
        if any(grams.folded(stretch) in run for run in runs):
            assert grams.wanted(stretch) <= grams.pieces(text)
