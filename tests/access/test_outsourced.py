"""Outsourced staff see the inquiries that are assigned to them, without the customer's address and phone; assistants
write drafts and send nothing."""

import pytest
from django.urls import reverse

from faq.models import Article
from inquiries.models import Draft, Inquiry, Message
from shopdesk import clock
from shopdesk.accounts.models import Role
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.access.rows import address_of, admin_addresses, attach
from tests.access.test_matrix import MATRIX
from tests.faq.make import make_article
from tests.inquiries.make import make_inquiry

MAIL, PHONE = "hanako@mail.example", "09012345678"
# The same as people write them.
SPELLINGS = [
    MAIL,
    PHONE,
    "Hanako@Mail.Example",
    "090-1234-5678",
    "090 1234 5678",
    "０９０－１２３４－５６７８",
    "ｈanako@mail.example",
]
NAMES = [name for name in MATRIX if name.startswith("desk-inquiries:") and "pk" in admin_addresses()[name][0]]


@pytest.fixture(autouse=True)
def _frozen(monkeypatch, now):
    monkeypatch.setattr(clock, "now", lambda: now)


@pytest.fixture
def helper(db):
    return make.make_user("nami@shop.example", name="白波 外", alias="在宅 白波", role="outsourced")


@pytest.fixture
def own(helper, agent):
    """An inquiry assigned to the helper, whose texts are full of the customer's address and phone."""
    customer = make.make_customer(phone=PHONE)
    order = make.make_order(customer=customer, name="山田 花子", email=MAIL, phone=PHONE)
    everything = " / ".join(SPELLINGS)
    inquiry = make_inquiry(
        customer=customer, assignee=helper, phone=PHONE, order=order, order_number="1001",
        subject=f"{SPELLINGS[3]} と {MAIL} へ連絡", body=f"連絡先: {everything}",
    )  # fmt: skip
    attach(inquiry.messages.get())
    Message.objects.create(inquiry=inquiry, kind="note", body=f"電話した {everything}", author=agent, at=make.NOW)
    Draft.objects.create(inquiry=inquiry, author=agent, body=f"下書き {everything}", saved_at=make.NOW)
    return inquiry


@pytest.fixture
def others(own, agent):
    """What is not the helper's business: another customer's inquiry, and an older one of the same customer."""
    customer = make.make_customer(name="秘密 次郎", address="jiro@mail.example", phone="08087654321")
    inquiry = make_inquiry("Q-HIDDEN", customer=customer, subject="極秘の相談", body="極秘の本文", assignee=agent)
    attach(inquiry.messages.get())
    Draft.objects.create(inquiry=inquiry, author=agent, body="極秘の下書き", saved_at=make.NOW)
    make_inquiry("Q-OLDER1", customer=own.customer, subject="極秘の以前", body="極秘", assignee=None, status="solved")
    return inquiry


def _arguments(name, inquiry):
    if name == "desk-inquiries:attachment":
        return [inquiry.messages.exclude(attachments=None).get().attachments.get().pk]
    if name == "desk-inquiries:take-draft":
        return [inquiry.pk, inquiry.drafts.get().pk]
    if name in {"desk-inquiries:template-use", "desk-inquiries:faq-use", "desk-inquiries:macro-run"}:
        return [inquiry.pk, 1]
    if name in {"desk-inquiries:draft-file-remove", "desk-inquiries:read-note"}:
        return [inquiry.pk, 1]
    if name in {"desk-inquiries:menu", "desk-inquiries:undo-status"}:
        return [inquiry.pk, "status" if name.endswith("menu") else 1]
    return [inquiry.pk]


def test_nothing_of_other_inquiries_and_no_address_on_any_page(helper, own, others, signed_in):
    client = signed_in(helper)
    list_address = reverse("desk-inquiries:list")
    searches = ["極秘", "Q-HIDDEN", "Q-OLDER1", "jiro@mail.example", "08087654321", "秘密", MAIL, PHONE]
    pages = [
        reverse("admin:index"),
        *[f"{list_address}?tab={tab}" for tab in ("open", "mine", "pending", "solved", "all")],
    ]
    pages += [f"{list_address}?tab=all&q={words}" for words in searches]
    pages += [f"{list_address}?tab=unassigned", f"{list_address}?tab=all&assignee={others.assignee_id}"]
    article = make_article()
    for name in MATRIX:
        if name in NAMES:
            pages.append(address_of(name, _arguments(name, own)))
        elif "<path:" not in (path := admin_addresses()[name][0]):
            word = ["imap"] if "<str:word>" in path else ["shop"] if "app_label" in path else []
            number = [article.pk] * path.count("<int:") or word
            pages.append(address_of(name, number))
    opened = 0
    for page in dict.fromkeys(pages):
        response = client.get(page)
        words = b"".join(response).decode("utf-8", "replace")
        opened += response.status_code == 200
        # What was typed into the search box comes back; nothing else may name anybody.
        typed = page.partition("q=")[2]
        found = [
            secret
            for secret in [*SPELLINGS, "極秘", "Q-HIDDEN", "Q-OLDER1", "秘密 次郎", "jiro@", "08087654321"]
            if secret in words and secret not in typed
        ]
        assert found == [], page
    assert opened > 15
    assert own.number in client.get(list_address).content.decode()


def test_a_search_by_address_or_phone_is_no_oracle(helper, own, signed_in):
    client = signed_in(helper)
    assert own.number in client.get(reverse("desk-inquiries:list"), {"q": "山田", "tab": "all"}).content.decode()
    for words in (MAIL, PHONE, "@mail.example", "1234", "５６７８"):
        found = client.get(reverse("desk-inquiries:list"), {"q": words, "tab": "all"}).content.decode()
        assert own.number not in found, words


@pytest.mark.parametrize("name", NAMES)
def test_a_foreign_inquiry_does_not_exist(name, helper, own, others, signed_in):
    client = signed_in(helper)
    before = list(Inquiry.objects.order_by("pk").values()), Message.objects.count(), Draft.objects.count()
    foreign, nothing = (
        address_of(name, _arguments(name, others)),
        address_of(name, [999999, 999999][: len(_arguments(name, own))]),
    )
    need = MATRIX[name][0]
    expected = 404 if all(helper.has_perm(permission) for permission in need) else 403
    for method in (client.get, client.post):
        answers = [method(address, {"body": "x", "version": "1", "then": "pending"}) for address in (foreign, nothing)]
        statuses = [answer.status_code for answer in answers]
        # Where the other method is served only, that is said for every number alike.
        assert statuses in ([expected] * 2, [405, 405])
        assert len(answers[0].content) == len(answers[1].content)
    assert before == (list(Inquiry.objects.order_by("pk").values()), Message.objects.count(), Draft.objects.count())


def test_a_draft_of_a_foreign_inquiry_is_not_reached_over_the_own_one(helper, own, others, signed_in):
    address = reverse("desk-inquiries:take-draft", args=[own.pk, others.drafts.get().pk])
    assert signed_in(helper).post(address).status_code == 404
    assert not Draft.objects.filter(author=helper).exists()


def test_he_answers_what_is_his(helper, own, signed_in):
    address = reverse("desk-inquiries:reply", args=[own.pk])
    response = signed_in(helper).post(
        address, {"body": "お待たせしました。", "version": own.version, "then": "pending"}, follow=True
    )
    assert response.status_code == 200
    assert OutgoingMail.objects.get().to_address == MAIL  # the letter goes out though he never saw the address
    assert MAIL not in response.content.decode()
    own.refresh_from_db()
    assert MAIL in own.subject  # masked when shown, kept as it is


def test_an_assistant_sends_nothing(own, signed_in):
    assistant = make.make_user("sakura@shop.example", name="補助 さくら", role="assistant")
    client = signed_in(assistant)
    said = Message.objects.count()
    for name in ("reply", "take-draft"):
        address = reverse(f"desk-inquiries:{name}", args=_arguments(f"desk-inquiries:{name}", own))
        assert client.post(address, {"body": "送ります", "version": own.version, "then": "pending"}).status_code == 403
    assert (Message.objects.count(), OutgoingMail.objects.count()) == (said, 0)
    client.post(reverse("desk-inquiries:draft", args=[own.pk]), {"body": "こう答えては"})
    assert Draft.objects.get(author=assistant).body == "こう答えては"
    assert Article.objects.count() == 0


def test_nobody_promotes_himself(helper, signed_in):
    owner_role = Role.objects.get(code="owner").pk
    more = {
        "role": owner_role,
        "role_id": owner_role,
        "email": "owner@shop.example",
        "is_active": "",
        "is_superuser": "on",
    }
    response = signed_in(helper).post(
        reverse("profile"), {"name": "白波", "alias": "白波", "language": "ja", "time_zone": "Asia/Tokyo", **more}
    )
    assert response.status_code == 302
    helper.refresh_from_db()
    assert (helper.role.code, helper.email, helper.is_active) == ("outsourced", "nami@shop.example", True)
    assert not helper.has_perm("inquiries.view_all")
