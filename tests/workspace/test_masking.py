"""Staff who see assigned work only never read a customer's phone, mail address or postal address."""

import html
import re
import unicodedata
from collections import Counter
from urllib.parse import unquote

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inquiries import approving, indexing, masking, merging, previews, texts
from inquiries.answers import Answer
from inquiries.models import (
    Draft,
    DraftFile,
    Happening,
    Inquiry,
    InquiryEvent,
    Message,
    PreparedReply,
    Presence,
    Rule,
    RuleHit,
    SavedView,
    Tag,
    Template,
)
from inquiries.views import menus
from shopdesk.accounts.models import Role
from shopdesk.accounts.permissions import P
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop.models import Customer, CustomerAddress, Order
from tests import make
from tests.access.rows import address_of, attach, one_of_everything
from tests.access.test_matrix import MATRIX
from tests.inquiries.make import make_inquiry

PHONE, MAIL = "09012345678", "hanako.y@mail.example"
STREET = "東京都千代田区丸の内1-2-3 海辺マンション405"
LATER = "横浜市西区みなとみらい２丁目３番５号"


@pytest.fixture
def known(db):
    """An inquiry in hand whose customer's contacts are known; the texts below need no database any more."""
    customer = make.make_customer(address=MAIL, phone=PHONE)
    order = make.make_order(
        customer=customer, email=MAIL, phone="0312345678", address=STREET, prefecture="東京都", postal_code="100-0005"
    )
    make.make_order("1002", customer=customer, email="work@mail.example", phone="0612345678", address=LATER)
    inquiry = make_inquiry(customer=customer, phone=PHONE, order=order)
    masking.learn([inquiry])
    return inquiry


# --- spellings --------------------------------------------------------------------------------------------------------

# The row in hand is only read.
ONE_ROW = [HealthCheck.function_scoped_fixture]
MARKS = ["", "-", "－", "ー", "−", "‐", "―", " ", "　", ".", "・", "/", " - ", "\n", "〜"]
DIGITS = {digit: [digit, chr(ord(digit) + 0xFEE0)] for digit in "0123456789"}


@st.composite
def phones(draw, number=PHONE):
    """The number as somebody might type it: either width, any marks, with the country or without the zero."""
    head = draw(st.sampled_from(["0", "+81", "+81 ", "＋８１－", "81-", "+81(0)", "(0", "0"]))
    told = head
    for digit in number[1:]:
        told += draw(st.sampled_from(MARKS)) + draw(st.sampled_from(DIGITS[digit]))
    return told


@st.composite
def addresses(draw, address=MAIL):
    told = ""
    for letter in address:
        wide = chr(ord(letter) + 0xFEE0)
        told += draw(st.sampled_from([letter, letter.upper(), wide]))
    at = draw(st.sampled_from(["@", "＠", " @ ", "(at)", "[at]", "（アット）", "アットマーク"]))
    return told.replace("@", at).replace("＠", at) if at not in told else told


@st.composite
def streets(draw, street="千代田区丸の内1-2-3"):
    """A postal address without its prefecture: widths, hyphens, 丁目, blanks."""
    told = street.replace(
        "1-2-3", draw(st.sampled_from(["1-2-3", "1丁目2番3号", "一丁目2-3", "1ー2ー3", "１の２の３", "1 − 2 − 3"]))
    )
    gaps = draw(st.lists(st.integers(1, len(told) - 1), max_size=2))
    for gap in sorted(gaps, reverse=True):
        told = told[:gap] + draw(st.sampled_from([" ", "　", "\n"])) + told[gap:]
    return told


def digits_of(text):
    return "".join(letter for letter in unicodedata.normalize("NFKC", text) if letter.isdecimal())


BEFORE = ["", "電話は", "TEL:", "よろしく。", "(", "注文1001の件、"]
AFTER = ["", "です。", " まで", ")", "\nお願いします", "に"]


@settings(max_examples=300, deadline=None, suppress_health_check=ONE_ROW)
@given(phone=phones(), before=st.sampled_from(BEFORE), after=st.sampled_from(AFTER))
def test_a_phone_in_any_spelling(known, phone, before, after):
    told = masking.text(before + phone + after, known)
    assert "5678" not in digits_of(told)
    assert digits_of(told) in {"", "1001"}
    assert told.startswith(before.rstrip("(")[:3])


@settings(max_examples=200, deadline=None, suppress_health_check=ONE_ROW)
@given(address=addresses(), before=st.sampled_from(BEFORE), after=st.sampled_from(AFTER))
def test_a_mail_address_in_any_spelling(known, address, before, after):
    told = unicodedata.normalize("NFKC", masking.text(before + address + after, known)).lower()
    assert "hanako" not in told
    assert before[:2].lower() in told


@settings(max_examples=200, deadline=None, suppress_health_check=ONE_ROW)
@given(
    street=streets(),
    before=st.sampled_from(["", "住所は", "届け先:", "東京都"]),
    after=st.sampled_from(["", "です", "　海辺マンション405"]),
)
def test_a_postal_address_in_any_spelling(known, street, before, after):
    told = masking.text(before + street + after, known)
    assert "丸の内" not in told
    assert "千代田" not in told
    assert "海辺マンション" not in told
    assert digits_of(told) == ""


# --- every address ----------------------------------------------------------------------------------------------------

SPELLINGS = [
    MAIL, "Hanako.Y@Mail.Example", "ｈａｎａｋｏ．ｙ＠ｍａｉｌ．ｅｘａｍｐｌｅ", PHONE, "090-1234-5678", "０９０（１２３４）５６７８", "+81 90-1234-5678",
    "03-1234-5678", "〒100-0005", STREET, "千代田区丸の内１丁目２番３号", "work@mail.example", LATER,
    # What nobody but the customer knows.
    "080-5555-4444", "family@home.example", "福岡県福岡市中央区天神9-8-7",
]  # fmt: skip
EVERYTHING = " / ".join(SPELLINGS)
LETTERS = [
    "hanako.y", "work@mail", "family@", "丸の内", "千代田区", "海辺マンション", "みなとみらい", "横浜市西区", "天神9", "福岡市中央",
]  # fmt: skip
NUMBERS = ["9012345678", "312345678", "8055554444", "1000005"]
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s\-‐‑‒–—―−ー().]{1,3}(?=\d)")


def leaks(text):
    """What of the customer's contacts stands in a page, in whatever width or division."""
    folded = unicodedata.normalize("NFKC", html.unescape(text)).lower()
    divided = _BETWEEN_DIGITS.sub("", folded)
    return [one for one in LETTERS if one in folded] + [one for one in NUMBERS if one in divided]


@pytest.fixture
def plus(db):
    """Somebody with every permission of the desk but to see everything and to enter the rooms of contacts."""
    rooms = {P.INQUIRIES_VIEW_ALL, P.STAFF_MANAGE, P.AUDIT_VIEW, P.SETTINGS_CHANGE}
    rooms |= {one for one in P if one.partition(".")[0] in {"shop", "mail", "returns", "followups"}}
    role = Role.objects.create(code="plus", name_ja="外注リーダー", name_en="Lead", permissions=[*set(P) - rooms])
    return make.make_user("plus@shop.example", name="外注 長", role=role.code)


def world(user, agent, owner):
    """An inquiry of ``user`` with contacts in every text that anybody can write; the arguments of every address."""
    arguments = one_of_everything(user)
    inquiry = Inquiry.objects.get(number="Q-TEST01")
    customer = inquiry.customer
    Customer.objects.filter(pk=customer.pk).update(
        phone=PHONE, note=EVERYTHING, name_kana="ヤマダ ハナコ", prefecture="東京都"
    )
    CustomerAddress.objects.filter(address="hanako@mail.example").update(address=MAIL)
    order = Order.objects.filter(customer=customer).first()
    Order.objects.filter(pk=order.pk).update(
        email="work@mail.example", phone="0312345678", address=STREET, postal_code="100-0005", note=EVERYTHING
    )
    make.make_order("1002", customer=customer, email=MAIL, phone=PHONE, address=LATER)
    changes = {
        "assignee": user, "email": MAIL, "phone": PHONE, "order": order, "order_number": "090-1234-5678",
        "subject": f"090-1234-5678 {MAIL} 千代田区丸の内1-2-3 {'話' * 20}", "preview": previews.of(EVERYTHING), "product": None,
        "product_text": f"{STREET} のバッグ", "snooze_comment": EVERYTHING[:120],
    }  # fmt: skip
    Inquiry.objects.filter(pk=inquiry.pk).update(**changes)
    inquiry.refresh_from_db()
    words = {"inquiry": inquiry, "body": f"電話 {EVERYTHING}", "folded": f"> {EVERYTHING}", "at": make.NOW}
    mail = Message.objects.create(
        **words, kind="received", html=f"<p>{EVERYTHING}</p>", sender_name=f"花子 {MAIL} 090-1234-5678",
        sender_address=MAIL, cc=["family@home.example"],
    )  # fmt: skip
    Message.objects.create(**words, kind="note", author=agent)
    Message.objects.create(**words, kind="reply", author=agent, cc=["family@home.example"], bcc=[MAIL])
    Message.objects.create(**words, kind="automatic")
    attach(mail, name=f"{MAIL} 09012345678 丸の内1-2-3.png")
    Draft.objects.create(inquiry=inquiry, author=agent, body=f"下書き {EVERYTHING}", cc=[MAIL], saved_at=make.NOW)
    known_only = EVERYTHING.partition(" / 080")[0]  # the rest would be the writer's own words
    Draft.objects.filter(inquiry=inquiry, author=user).update(body=f"引き継ぎ {known_only}", cc=[MAIL], bcc=[MAIL])
    DraftFile.objects.filter(author=user).update(name=f"{MAIL} 090-1234-5678.pdf")
    files = [
        {
            "name": f"{MAIL} 090-1234-5678.pdf",
            "media_type": "application/pdf",
            "size": 1,
            "sha256": "",
            "storage_key": "x",
        }
    ]
    PreparedReply.objects.filter(inquiry=inquiry).update(
        body=f"直し {EVERYTHING}", original_body=EVERYTHING, cc=[MAIL], bcc=[MAIL], files=files, comment=EVERYTHING
    )
    PreparedReply.objects.create(
        inquiry=inquiry, author=user, body=EVERYTHING, original_body="元", comment=f"住所が違います {EVERYTHING}", state="returned",
        decided_by=agent, decided_at=make.NOW, seen_version=1, created_at=make.NOW, changed_at=make.NOW, cc=[MAIL],
    )  # fmt: skip
    for code, data in {
        "rule_note": {"text": EVERYTHING}, "pull_skipped": {"reason": "other", "comment": EVERYTHING},
        "snoozed": {"until": make.NOW.isoformat(), "reason": "x", "comment": EVERYTHING},
        "other_reply_to": {"address": "family@home.example"}, "answers_letter": {"subject": EVERYTHING},
    }.items():  # fmt: skip
        InquiryEvent.objects.create(inquiry=inquiry, code=code, data=data, at=make.NOW)
    other = make_inquiry("Q-MERGED", customer=customer, subject=EVERYTHING[:200], body=EVERYTHING, assignee=user)
    InquiryEvent.objects.create(inquiry=other, code="rule_note", data={"text": EVERYTHING}, at=make.NOW)
    merging.merge(other, into=inquiry, by=agent, now=make.NOW)
    make_inquiry(
        "Q-SECOND",
        customer=customer,
        subject=EVERYTHING[:200],
        preview=EVERYTHING[:160],
        assignee=user,
        name=MAIL.partition("@")[0],
    )
    found = (
        {"field": "from", "op": "contains", "value": MAIL},
        {"field": "subject", "op": "contains", "value": "09012345678"},
    )
    SavedView.objects.create(owner=owner, name="共有", shared=True, conditions={"all": [*found], "any": []})
    source = " ".join(f"{{{{ {name} }}}}" for name in texts.VARIABLES)
    Template.objects.create(name="全部", body_ja=source, body_en=source)
    Template.objects.filter(owner=user).update(body_ja=source)
    rule = Rule.objects.get()
    happening = Happening.objects.create(inquiry=inquiry, event="opened", at=make.NOW)
    RuleHit.objects.create(rule=rule, inquiry=inquiry, happening=happening, at=make.NOW)
    Presence.objects.create(inquiry=inquiry, user=agent, doing="viewing", since=make.NOW, seen_at=make.NOW)
    arguments["desk-inquiries:take-draft"] = [inquiry.pk, Draft.objects.get(author=agent).pk]
    indexing.sweep(make.NOW)
    inquiry.refresh_from_db()
    return inquiry, arguments


def _pages(name, address, inquiry):
    """The address with the questions that it answers."""
    asked = {
        "desk-inquiries:list": [
            *(f"?view={view}" for view in ("open", "mine", "pending", "hold", "solved", "all")), "?view=all&q=電話",
            "?view=all&q=山田", "?view=all&q=ヤマダ", "?view=all&filters=1&category=spec", "?view=mine&page=2",
        ],
        "desk-inquiries:poll": [f"?view=mine&inquiry={inquiry.pk}&version=0", f"?inquiry={inquiry.pk}&part=conversation"],
        "desk-inquiries:palette": ["?q=山田", "?q=電話", f"?q={inquiry.number}"],
        "desk-inquiries:detail": ["?all=1", "?to=all", "?view=all&page=1"],
        "desk-inquiries:thread": ["?all=1"],
        "desk-inquiries:template-picker": ["?q=全部"],
        "desk-inquiries:faq-picker": ["?q=色"],
        "desk-inquiries:menu": [f"?q={inquiry.number}", "?q=Q-SECOND"],
        "desk-inquiries:rule-hits": ["?page=1"],
        "desk:search": ["?q=山田", "?q=電話", f"?q={inquiry.number}", "?q=ヤマダ&mine=1"],
    }  # fmt: skip
    pages = [address, *(address + more for more in asked.get(name, ()))]
    if name == "desk-inquiries:menu":
        pages += [address.replace("/status/", f"/{kind}/") for kind in menus.TITLES]
    return pages


def _posts(inquiry):
    """What may be posted: nothing, nonsense that is refused, and what is in order."""
    nonsense = {
        "body": "", "version": "0", "then": "nothing", "action": "nothing", "reason": "nothing", "status": "nothing",
        "until": "never", "label": "99999", "product": "そんな商品", "cause": "99999", "category": "nothing", "into": "99999",
        "send_at": "2020-01-01T00:00", "cc": "a@b@c", "kind": "status", "ids": [str(inquiry.pk)], "value": "99999",
        "name": "", "body_ja": "{{ nothing }}", "view": "v99999", "to": "99999", "form_token": "x", "comment": "",
    }  # fmt: skip
    source = " ".join(f"{{{{ {name} }}}}" for name in texts.VARIABLES)
    told = {
        "body": "お待たせしました。",
        "version": str(inquiry.version),
        "then": "pending",
        "body_ja": source,
        "on": inquiry.number,
    }
    bulk = {"kind": "tag", "ids": [str(inquiry.pk)], "value": str(Tag.objects.first().pk), "try": "1"}
    second = Inquiry.objects.get(number="Q-SECOND").pk
    return [
        {}, nonsense, {**told, "version": "0"}, {**told, "then": "solved"}, {**told, "action": "approve"},
        {**told, "action": "schedule", "send_at": "2026-12-01T10:00", "preview": "1"}, {**told, **bulk},
        {**told, "body": "添付のとおり、絶対に大丈夫です。注文番号 99-1001 の鈴木様へ", "into": str(second)},
        {**told, "body": "•••へお電話します。", "kind": "merge", "reason": "other", "comment": "わかりません", "action": "return"},
    ]  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("who", "language"), [("outsourced", "ja"), ("plus", "en")])
def test_no_address_of_the_desk_shows_a_contact(who, language, request, agent, owner, signed_in, refusals_untold):
    user = request.getfixturevalue(who)
    user.language = language
    user.save(update_fields=["language"])
    inquiry, arguments = world(user, agent, owner)
    client, wrong, seen = signed_in(user), [], Counter()
    client.raise_request_exception = False

    def check(response, what):
        words = (
            b"".join(response).decode("utf-8", "replace")
            if response.streaming
            else response.content.decode("utf-8", "replace")
        )
        heads = "\n".join(f"{key}: {unquote(value)}" for key, value in response.items())
        seen[response.status_code] += 1
        if response.status_code >= 500 or (found := leaks(words + heads)):
            wrong.append((*what, response.status_code, [] if response.status_code >= 500 else found))

    whole, part = {}, {"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": "conversation"}
    posts = _posts(inquiry)
    for name in MATRIX:
        address = address_of(name, arguments[name])
        is_ours = name.startswith("desk-inquiries:")
        for page in _pages(name, address, inquiry):
            for frame in (whole, part) if is_ours else (whole,):
                check(client.get(page, **frame), ("get", page, len(frame)))
        if is_ours:
            for number, posted in enumerate(posts):
                with transaction.atomic():
                    frame = part if number % 2 else whole
                    check(client.post(address, posted, follow=True, **frame), ("post", address, number))
                    transaction.set_rollback(True)
    assert not wrong, "\n".join(str(one) for one in wrong)
    assert seen[200] > 60
    assert {403, 404, 405} <= set(seen)
    assert language == "en" or {409, 422} <= set(seen)


# --- what the covering does to the work -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "注文番号 1001、11月20日 10:30 着、合計 12,800円です。", "追跡番号 1234-5678-9012 と 4012-3456-7890", "2026-11-20 10:00", "型番 LB-01 を2個",
        "再配達は 0120-123-456 へ。", "明日@店で", "佐藤様 @佐藤 彩 確認お願いします", "東京都内の店", "0.5 から 1.5", "丸いボタンの内側", "店は 03-9999-0000 です",
    ],
)  # fmt: skip
def test_what_is_no_contact_stays(known, words):
    known.store.phone = "03-9999-0000"  # the shop's own
    assert masking.text(words, known) == words


def test_words_around_a_contact_stay(known):
    said = "山田です。連絡先はhanako.y@mail.exampleまで、電話は090-1234-5678です。東京都千代田区丸の内1-2-3に届けてください。"
    assert (
        masking.text(said, known)
        == "山田です。連絡先はh•••@mail.exampleまで、電話は•••です。東京都•••に届けてください。"
    )


def test_who_gave_no_name_is_not_called_by_the_address(db, outsourced, agent, signed_in):
    customer = make.make_customer("hanako.y", MAIL)
    inquiry = make_inquiry(customer=customer, assignee=outsourced, email=MAIL)
    url = f"/admin/inquiries/{inquiry.pk}/"
    for page in (url, f"{url}panels/", "/admin/inquiries/?view=all", "/admin/"):
        assert "hanako" not in signed_in(outsourced).get(page).content.decode()
    assert "hanako.y" in signed_in(agent).get(url).content.decode()
    assert texts.fill("{{ customer.name }}", inquiry, by=outsourced).text == "•••"


def test_covered_words_are_not_sent_to_the_customer(db, outsourced, agent, now, signed_in):
    inquiry = make_inquiry(assignee=outsourced, phone=PHONE)
    theirs = Draft.objects.create(inquiry=inquiry, author=agent, body="090-1234-5678 へお電話します。", saved_at=now)
    client, url = signed_in(outsourced), f"/admin/inquiries/{inquiry.pk}/"
    taken = client.post(f"{url}draft/{theirs.pk}/take/", follow=True).content.decode()
    assert "•••へお電話します。" in taken.replace(" ", "")
    refused = client.post(
        f"{url}reply/", {"body": "•••へお電話します。", "version": inquiry.version, "then": "pending"}
    )
    assert refused.status_code == 422
    assert "別の言葉に書き換えてください" in refused.content.decode()
    assert not OutgoingMail.objects.exists()
    words = {"body": "お電話します。", "version": inquiry.version, "then": "pending"}
    assert client.post(f"{url}reply/", words).status_code == 302
    assert OutgoingMail.objects.get().to_address == "hanako@mail.example"


def test_an_approvers_words_come_back_covered_and_ones_own_do_not(db, outsourced, owner, now):
    inquiry = make_inquiry(assignee=outsourced, phone=PHONE)
    own = "メーカー窓口 03-8888-0000 へどうぞ。"
    row = approving.ask(inquiry, Answer(own), by=outsourced, now=now)
    assert approving.withdraw(row, by=outsourced, now=now).body == own
    Draft.objects.all().delete()
    row = approving.ask(inquiry, Answer(own), by=outsourced, now=now)
    draft = approving.give_back(row, comment="直しました", body="080-5555-4444 へお電話します。", by=owner, now=now)
    assert draft.body == "•••へお電話します。".replace("へ", " へ")


def test_a_view_for_everybody_does_not_tell_whom_it_looks_for(db, outsourced, owner, signed_in):
    found = {"all": [{"field": "from", "op": "contains", "value": MAIL}], "any": []}
    SavedView.objects.create(owner=owner, name="山田様", shared=True, conditions=found)
    assert MAIL in signed_in(owner).get("/admin/inquiries/views/").content.decode()
    page = signed_in(outsourced).get("/admin/inquiries/views/").content.decode()
    assert "山田様" in page
    assert "hanako" not in page


def test_a_list_is_covered_in_one_query(db, outsourced, django_assert_num_queries):
    for number in range(8):
        customer = make.make_customer(f"客 {number}", f"c{number}@mail.example", phone=f"0901111000{number}")
        make_inquiry(f"Q-L1ST0{number}", customer=customer, assignee=outsourced, subject=f"0901111000{number} へ")
    rows = list(Inquiry.objects.select_related("customer"))
    with django_assert_num_queries(1):
        masking.cover(rows, outsourced)
    assert {row.subject for row in rows} == {"••• へ"}


def test_a_search_does_not_confirm_a_postal_address(db, outsourced, agent, signed_in, now):
    customer = make.make_customer(phone=PHONE)
    order = make.make_order(customer=customer, address=STREET, prefecture="東京都")
    inquiry = make_inquiry(
        customer=customer, order=order, assignee=outsourced, body="千代田区丸の内1-2-3 に引っ越しました。"
    )
    indexing.sweep(now)
    row = f"/admin/inquiries/{inquiry.pk}/"
    places = ("/admin/search/?q=", "/admin/inquiries/palette/?q=", "/admin/inquiries/?view=all&q=")
    for place in places:
        for guess in ("千代田区丸の内", "丸の内1-2-3", "千代田区 丸の内"):
            assert row not in signed_in(outsourced).get(place + guess).content.decode(), (place, guess)
        assert row in signed_in(outsourced).get(f"{place}引っ越しました").content.decode()
    assert row in signed_in(agent).get(f"{places[0]}千代田区丸の内").content.decode()
