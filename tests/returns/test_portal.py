"""The customer's way, and everybody else's who would like to take it."""

import re
import statistics
import time
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from returns import proving
from returns.models import LookUp, ReturnCase
from shopdesk import clock
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.returns.make import ask, bags, bring_to, counters

START = reverse("returns:start")
CODE = reverse("returns:code")


@pytest.fixture
def at(monkeypatch, now):
    """``at(timedelta)`` moves the clock of the views that far from Friday 10:00."""

    def move(later=timedelta()):
        monkeypatch.setattr(clock, "now", lambda: now + later)
        return now + later

    move()
    return move


def start(client, number="1001", email="hanako@mail.example", **extra):
    return client.post(START, {"number": number, "email": email}, **extra)


def letter():
    return OutgoingMail.objects.filter(key__startswith="returns.lookup:").latest("pk")


def link_and_code():
    text = letter().text
    link = re.search(r"http://testserver(/returns/enter/\S+)", text).group(1)
    return link, re.search(r"^(\d{6})$", text, re.MULTILINE).group(1)


def enter(client, order, now):
    """Prove the order by its link; gives the address of its form."""
    proving.ask(number=order.number, address=order.email, language="ja", ip="test", now=now)
    proving.sweep(now)
    return client.post(link_and_code()[0]).url


def fields(quantity=1, reason="DEFECT_INITIAL", answer="動きません", line=0, **more):
    return {f"item{line}-quantity": quantity, f"item{line}-reason": reason, f"item{line}-answer": answer, **more}


def send(client, url, **wanted):
    """From the second page on: confirm, then send; gives the answer to the last post."""
    page = client.post(url, {**fields(**wanted), "step": "confirm"})
    assert page.status_code == 200, page.content.decode()
    token = re.search(r'name="form_token" value="([^"]+)"', page.content.decode()).group(1)
    return client.post(url, {**fields(**wanted), "step": "send", "form_token": token})


# --- proving an order -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_known_and_unknown_pairs_get_the_same_answer(at):
    bags(1)
    answers = []
    for number, email in [
        ("1001", "hanako@mail.example"),
        ("1001", "stranger@mail.example"),
        ("9999", "hanako@mail.example"),
        ("9998", "nobody@mail.example"),
    ]:
        client = Client(REMOTE_ADDR=f"10.0.0.{len(answers)}")
        first = start(client, number, email)
        second = client.get(first.url)
        wrong = client.post(CODE, {"code": "000000"})
        body = [re.sub(r"csrfmiddlewaretoken\" value=\"[^\"]+|hx-headers='[^']+|nonce=\"[^\"]+", "", page.content.decode())
                for page in (second, wrong)]  # fmt: skip
        answers.append(
            (first.status_code, first.url, first.headers.get("Vary"), second.status_code, wrong.status_code, *body)
        )
    assert answers[1:] == [answers[0]] * 3
    assert answers[0][:2] == (302, CODE)
    # Nobody has looked at any order yet: all four only wait.
    assert LookUp.objects.waiting().count() == 4
    assert not OutgoingMail.objects.exists()
    assert proving.sweep(at()) == 4
    assert [mail.to_address for mail in OutgoingMail.objects.all()] == ["hanako@mail.example"]


@pytest.mark.django_db
def test_known_and_unknown_pairs_take_the_same_time(at):
    bags(1)
    spent = {"1001": [], "9999": []}
    for turn in range(42):
        for number in spent if turn % 2 else reversed(spent):
            client = Client(REMOTE_ADDR=f"10.{turn}.{number[0]}.1")
            at(timedelta(minutes=15 * turn))  # the count for one order number begins anew
            before = time.perf_counter()
            assert start(client, number).status_code == 302
            spent[number].append(time.perf_counter() - before)
    known, unknown = (statistics.median(times[2:]) * 1000 for times in spent.values())
    print(f"\nmedian of 40: known {known:.2f} ms, unknown {unknown:.2f} ms")
    assert abs(known - unknown) < max(5, unknown / 5)  # on a busy machine everything takes longer


@pytest.mark.django_db
def test_the_request_makes_the_same_queries_for_both(at, django_assert_num_queries):
    bags(1)
    statements = []
    for number in ("1001", "9999"):
        client = Client(REMOTE_ADDR=f"10.0.{number[0]}.1")
        with django_assert_num_queries(9) as seen:
            start(client, number)
        statements.append([re.sub(r"'[^']*'|\d+", "?", query["sql"])[:80] for query in seen.captured_queries])
    assert statements[0] == statements[1]
    assert not any("shop_order" in statement for statement in statements[0])


@pytest.mark.django_db
def test_the_sixth_try_for_one_order_is_refused_for_known_and_unknown(at):
    bags(1)
    for number in ("1001", "9999"):
        for place in range(5):
            assert start(Client(REMOTE_ADDR=f"10.{number[0]}.0.{place}"), number).status_code == 302
        refused = start(Client(REMOTE_ADDR=f"10.{number[0]}.0.9"), f"#{number[:2]}{number[2:]} ")
        assert refused.status_code == 429
        assert "15分ほど待って" in refused.content.decode()
    assert LookUp.objects.count() == 10
    at(timedelta(minutes=15))
    assert start(Client(REMOTE_ADDR="10.1.0.9"), "1001").status_code == 302


@pytest.mark.django_db
def test_the_sixth_try_from_one_place_is_refused(at, client):
    for number in range(5):
        assert start(client, f"77{number}").status_code == 302
    assert start(client, "779").status_code == 429


@pytest.mark.django_db
def test_nobody_fills_a_strangers_mailbox(at):
    customer = make.make_customer()
    for number in range(8):
        bags(1, number=f"20{number}", customer=customer)
        start(Client(REMOTE_ADDR=f"10.0.0.{number}"), f"20{number}")
    proving.sweep(at())
    assert OutgoingMail.objects.count() == proving.LETTERS == 6


@pytest.mark.django_db
def test_what_was_typed_is_forgotten_and_only_hashes_are_kept(at, client):
    order = bags(1)
    start(client, " #１００１", "ＨＡＮＡＫＯ@mail.example")
    proving.sweep(at())
    look_up = LookUp.objects.get()
    assert (look_up.number, look_up.address, look_up.order) == ("", "", order)
    link, code = link_and_code()
    stored = f"{look_up.token_hash} {look_up.code_hash} {look_up.ticket_hash}"
    assert link.split("/")[3] not in stored
    assert code not in stored
    assert letter().not_after == at() + proving.LIFETIME
    assert f'href="http://testserver{link}"' in letter().html
    for words in (letter().text, letter().html):
        assert code in words
        assert "1001" not in words
        assert "山田" not in words
    proving.sweep(at(timedelta(days=2)))
    assert not LookUp.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("number", "email"),
    [
        ("", "hanako@mail.example"),
        ("1001", ""),
        ("1001", "no address"),
        ("1" * 61, "a@b.example"),
        ("1\x001", "a@b.example"),
    ],
)
def test_nonsense_is_answered_with_what_was_typed(at, client, number, email):
    answer = start(client, number, email)
    assert answer.status_code == 422
    assert not LookUp.objects.exists()


@pytest.mark.django_db
def test_the_link_is_opened_by_a_scanner_and_used_once_by_the_customer(at, client):
    order = bags(1)
    start(client)
    proving.sweep(at())
    link, _code = link_and_code()
    for _scan in range(3):
        seen = Client().get(link)
        assert seen.status_code == 200
        assert seen["Referrer-Policy"] == "same-origin"
        assert "1001" not in seen.content.decode()
    answer = Client().post(link)
    assert answer.status_code == 302
    assert link.split("/")[3] not in answer.url
    assert str(order.pk) != answer.url.split("/")[-2]
    again = Client().post(link)
    assert again.status_code == 404
    assert "新しいリンクを受け取る" in again.content.decode()
    assert Client().get(link).status_code == 404


@pytest.mark.django_db
def test_used_expired_and_forged_links_are_one_page(at, client):
    bags(1)
    start(client)
    proving.sweep(at())
    link, _code = link_and_code()
    at(timedelta(minutes=11))
    pages = [
        Client().post(path)
        for path in (
            link,
            "/returns/enter/forged/",
            f"/returns/enter/{'x' * 400}/",
            "/returns/enter/%00/",
            "/returns/enter/%20/",
        )
    ]
    assert [page.status_code for page in pages] == [404] * 5
    clean = {re.sub(r"csrfmiddlewaretoken\" value=\"[^\"]+|hx-headers='[^']+|name=\"next\" value=\"[^\"]+", "", page.content.decode())
             for page in pages}  # fmt: skip
    assert len(clean) == 1


@pytest.mark.django_db
def test_the_code_opens_the_order_in_the_browser_that_asked(at, client):
    bags(1)
    start(client)
    proving.sweep(at())
    link, code = link_and_code()
    stranger = Client(REMOTE_ADDR="10.9.9.9")
    start(stranger, "9999")
    assert stranger.post(CODE, {"code": code}).status_code == 422
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    answer = client.post(CODE, {"code": f" {wide[:3]}-{wide[3:]}"})
    assert answer.status_code == 302
    assert client.get(answer.url).status_code == 200
    # The link of the same letter is used up with it.
    assert Client().post(link).status_code == 404


@pytest.mark.django_db
def test_five_wrong_codes_kill_the_key(at, client):
    bags(1)
    start(client)
    proving.sweep(at())
    link, code = link_and_code()
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for _try in range(5):
        assert client.post(CODE, {"code": wrong}).status_code == 422
    assert client.post(CODE, {"code": code}).status_code == 422
    assert Client().post(link).status_code == 404
    assert LookUp.objects.get().used_at is None


@pytest.mark.django_db
def test_a_code_that_came_too_late(at, client):
    bags(1)
    start(client)
    proving.sweep(at())
    _link, code = link_and_code()
    at(timedelta(minutes=10))
    assert client.post(CODE, {"code": code}).status_code == 422


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "12345\x00"])
def test_what_is_no_code_costs_no_try(at, client, code):
    bags(1)
    start(client)
    assert client.post(CODE, {"code": code}).status_code == 422
    assert LookUp.objects.get().attempts == 0


@pytest.mark.django_db
def test_without_a_ticket_there_is_no_code_page(client):
    assert client.get(CODE).url == START
    assert client.post(CODE, {"code": "123456"}).url == START


@pytest.mark.django_db
def test_a_broker_that_is_away_stops_nobody(at, client, monkeypatch, django_capture_on_commit_callbacks):
    from returns import tasks

    def away(**_options):
        raise ConnectionError("no broker")

    monkeypatch.setattr(tasks.sweep_look_ups, "apply_async", away)
    bags(1)
    with django_capture_on_commit_callbacks(execute=True) as rings:
        assert start(client).status_code == 302
    assert len(rings) == 1
    assert LookUp.objects.waiting().count() == 1


@pytest.mark.django_db
def test_one_look_up_that_cannot_be_answered_does_not_stop_the_next(at, monkeypatch, caplog):
    bags(1)
    bags(1, number="1002", customer=make.make_customer("鈴木 一", "suzuki@mail.example"))
    real = proving.letters.with_key

    def broken(look_up, order, **rest):
        if order.number == "1001":
            raise RuntimeError("no template")
        real(look_up, order, **rest)

    monkeypatch.setattr(proving.letters, "with_key", broken)
    start(Client(REMOTE_ADDR="10.0.0.1"))
    start(Client(REMOTE_ADDR="10.0.0.2"), "1002", "suzuki@mail.example")
    assert proving.sweep(at()) == 2
    assert [mail.to_address for mail in OutgoingMail.objects.all()] == ["suzuki@mail.example"]
    assert not LookUp.objects.waiting().exists()
    assert "could not be answered" in caplog.text


# --- asking for a return --------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_whole_way(at, client):
    order = bags(2)
    url = enter(client, order, at())
    page = client.get(url)
    assert "革のトートバッグ" in page.content.decode()
    details = client.post(url, {"item0-quantity": "1", "item0-reason": "DEFECT_INITIAL", "step": "details"})
    assert "いつ気づかれましたか" in details.content.decode()
    assert "送料は当店負担で交換いたします" in details.content.decode()
    answer = send(client, url, quantity="1", comment="急ぎません")
    case = ReturnCase.objects.get()
    assert answer.url == f"/returns/case/{case.number}/"
    assert (case.order, case.comment, case.email) == (order, "急ぎません", "hanako@mail.example")
    assert [(line.quantity, line.reason.code, line.answer) for line in case.lines.all()] == [
        (1, "DEFECT_INITIAL", "動きません")
    ]
    assert counters(order) == [(1, 0)]
    shown = client.get(answer.url).content.decode()
    assert case.number in shown
    assert "確認中" in shown
    assert OutgoingMail.objects.filter(key=f"returns.case:{case.pk}:requested:0").count() == 1


@pytest.mark.django_db
def test_the_form_sent_twice_is_one_case(at, client):
    order = bags(3)
    url = enter(client, order, at())
    data = {**fields(), "step": "send", "form_token": "0b5a5d3e-4f49-4f51-8a55-0c1d2e3f4a5b"}
    first, second = client.post(url, data), client.post(url, data)
    assert first.url == second.url
    assert ReturnCase.objects.count() == 1
    assert counters(order) == [(1, 0)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "quantity", ["-1", "1000000000", "1" * 400, "1.5", "一", "1e3", "0x1", "NaN", "1\x00", "²", "4", "1,5"]
)
@pytest.mark.parametrize("step", ["details", "send"])
def test_quantities_that_are_none(at, client, quantity, step):
    order = bags(3)
    url = enter(client, order, at())
    answer = client.post(url, {**fields(quantity), "step": step, "form_token": "0b5a5d3e-4f49-4f51-8a55-0c1d2e3f4a5b"})
    assert answer.status_code == 422
    assert not ReturnCase.objects.exists()
    assert counters(order) == [(0, 0)]


@pytest.mark.django_db
@pytest.mark.parametrize(("typed", "meant"), [("１", 1), (" 2 ", 2), ("2.0", 2)])
def test_quantities_as_people_type_them(at, client, typed, meant):
    url = enter(client, bags(3), at())
    assert send(client, url, quantity=typed).status_code == 302
    assert ReturnCase.objects.get().lines.get().quantity == meant


@pytest.mark.django_db
@pytest.mark.parametrize("quantity", ["", "0"])
def test_nothing_chosen(at, client, quantity):
    answer = client.post(enter(client, bags(3), at()), {**fields(quantity), "step": "details"})
    assert answer.status_code == 422
    assert "1点以上お選びください" in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"item0-quantity": ["1", "2"]}, "二重に入力されています"),
        ({"item0-reason": ["DEFECT_INITIAL", "GIFT"]}, "二重に入力されています"),
        ({"item7-quantity": "1"}, "ご注文の内容が変わりました"),
        ({"item0-reason": ""}, "理由をお選びください"),
        ({"item0-reason": "NOT_ARRIVED"}, "選択"),
        ({"item0-reason": "'; DROP TABLE"}, "選択"),
    ],
)
def test_forms_no_browser_makes(at, client, data, words):
    order = bags(3)
    answer = client.post(enter(client, order, at()), {**fields(), "step": "details", **data})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert counters(order) == [(0, 0)]


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["", "  ", "x" * 1001, "a\x00b"])
def test_the_answer_that_a_reason_asks_for(at, client, typed):
    url = enter(client, bags(3), at())
    for step in ("confirm", "send"):
        answer = client.post(url, {**fields(reason="IMAGE_DIFF", answer=typed), "step": step})
        assert answer.status_code == 422
        assert "どこが(色・大きさ" in answer.content.decode()
    assert not ReturnCase.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("token", [None, "", "not-a-uuid"])
def test_without_the_confirmation_page_nothing_is_sent(at, client, token):
    url = enter(client, bags(3), at())
    data = {**fields(), "step": "send"} | ({"form_token": token} if token is not None else {})
    assert client.post(url, data).status_code == 422
    assert client.post(url, {**fields(), "step": "nonsense"}).status_code == 422
    assert not ReturnCase.objects.exists()


@pytest.mark.django_db
def test_a_wish_after_the_window_is_refused_and_a_defect_is_not(at, client):
    order = bags(3, delivered_at=at() - timedelta(days=30))
    url = enter(client, order, at())
    refused = client.post(url, {**fields(reason="CHANGED_MIND"), "step": "details"})
    assert refused.status_code == 422
    assert "この理由での返品の受付は10月28日までです" in refused.content.decode()
    told = client.post(url, {**fields(), "step": "details"})
    assert told.status_code == 200
    assert "通常の受付は<time" in told.content.decode()
    assert send(client, url).status_code == 302


@pytest.mark.django_db
def test_two_tabs_cannot_ask_for_more_than_there_is(at, client):
    order = bags(3)
    url = enter(client, order, at())
    pages = [client.post(url, {**fields("2"), "step": "confirm"}).content.decode() for _tab in range(2)]
    tokens = [re.search(r'name="form_token" value="([^"]+)"', page).group(1) for page in pages]
    first, second = (client.post(url, {**fields("2"), "step": "send", "form_token": token}) for token in tokens)
    assert (first.status_code, second.status_code) == (302, 422)
    assert "この商品の返品は1点までです" in second.content.decode()
    assert counters(order) == [(2, 0)]


@pytest.mark.django_db
def test_the_session_of_another_order_opens_nothing(at, client):
    mine = bags(1)
    theirs = bags(1, number="2002", customer=make.make_customer("鈴木 一", "suzuki@mail.example"))
    case = ask(theirs, 1, code="DEFECT_INITIAL")
    thief, owner = client, Client()
    enter(thief, mine, at())
    url = enter(owner, theirs, at())
    for path in (url, f"/returns/case/{case.number}/", f"/returns/case/{case.number}/withdraw/", "/returns/case/%00/"):
        assert thief.get(path).status_code == 404
    assert thief.post(url, {**fields(), "step": "details"}).status_code == 404
    assert thief.post(f"/returns/case/{case.number}/withdraw/").status_code == 404
    case.refresh_from_db()
    assert case.status == "submitted"
    assert owner.get(f"/returns/case/{case.number}/").status_code == 200
    at(timedelta(hours=2))
    assert owner.get(f"/returns/case/{case.number}/").status_code == 404


@pytest.mark.django_db
def test_script_in_every_text_stays_text(at, client, agent, signed_in):
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    url = enter(client, bags(1), at())
    data = {**fields(answer=evil, comment=evil)}
    for step in ("items", "details", "confirm"):
        assert "<script>alert" not in client.post(url, {**data, "step": step}).content.decode()
    answer = send(client, url, answer=evil, comment=evil)
    case = ReturnCase.objects.get()
    pages = [client.get(answer.url), signed_in(agent).get(reverse("desk-returns:detail", args=[case.pk]))]
    for page in pages:
        assert "<script>alert" not in page.content.decode()
        assert "<img src=x" not in page.content.decode()
    assert case.comment == evil


@pytest.mark.django_db
def test_withdrawing_until_the_goods_are_here(at, client, agent):
    order = bags(3)
    url = enter(client, order, at())
    page = send(client, url, quantity="2").url
    case = ReturnCase.objects.get()
    asked = client.get(f"{page}withdraw/")
    assert asked.status_code == 200
    assert ReturnCase.objects.get().status == "submitted"
    assert client.post(f"{page}withdraw/").url == page
    assert counters(order) == [(0, 0)]
    assert "取り下げ" in client.get(page).content.decode()
    for _again in ("get", "post"):
        assert getattr(client, _again)(f"{page}withdraw/").status_code == 409
    late = bring_to(ask(order, 1, code="DEFECT_INITIAL"), "received", by=agent)
    answer = client.post(f"/returns/case/{late.number}/withdraw/")
    assert answer.status_code == 409
    assert "商品が到着しました" in answer.content.decode()
    assert counters(order) == [(1, 0)]
    assert OutgoingMail.objects.filter(key=f"returns.case:{case.pk}:withdrawn:1").count() == 1


@pytest.mark.django_db
def test_pages_speak_english(at, client):
    url = enter(client, bags(2), at())
    client.cookies["django_language"] = "en"
    assert "Choose the items to return" in client.get(url).content.decode()
    details = client.post(url, {**fields(reason="WRONG_ITEM"), "step": "details"}).content.decode()
    assert "What is the name or item number" in details
    send(client, url)
    assert ReturnCase.objects.get().language == "en"


@pytest.mark.django_db
def test_an_order_that_was_not_shipped_has_nothing_to_return(at, client):
    url = enter(client, bags(2, status="paid"), at())
    assert "返品できる商品がありません" in client.get(url).content.decode()
    assert client.post(url, {**fields(), "step": "details"}).status_code == 422


@pytest.mark.django_db
def test_queries_of_the_form(at, client, django_assert_max_num_queries):
    order = make.make_order(lines=[(make.make_product(f"P{place}"), 3) for place in range(8)])
    url = enter(client, order, at())
    with django_assert_max_num_queries(9):
        client.get(url)
    with django_assert_max_num_queries(9):
        client.post(url, {**fields(), **fields(line=5), "step": "details"})
