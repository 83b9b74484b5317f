"""Naming what one may not see, in whatever form or address takes a number or a key, shows nothing of it and changes
nothing in it: not by the page, its title, a notice of the next page, a header, nor by an error."""

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.db import transaction
from django.urls import reverse

from inquiries import indexing, merging
from inquiries.models import Draft, Inquiry, Message, PreparedReply, Presence, Pull, SavedView, Tag, Template
from inquiries.views import menus
from shopdesk.mail import suppressions
from tests import make
from tests.access.rows import address_of, attach, one_of_everything
from tests.access.test_matrix import MATRIX
from tests.inquiries.make import make_inquiry
from tests.workspace.test_masking import plus  # noqa: F401  # a fixture

SECRETS = ["極秘", "秘密 次郎", "jiro@", "8087654321", "himitsu"]


@pytest.fixture
def hidden(db, agent):
    """A colleague's inquiry of another customer, with everything that hangs on it."""
    make.make_store()
    customer = make.make_customer(name="秘密 次郎", address="jiro@mail.example", phone="08087654321")
    inquiry = make_inquiry("Q-HIDDEN", customer=customer, subject="極秘の相談", body="極秘の本文", assignee=agent)
    attach(inquiry.messages.get(), name="himitsu.png")
    Draft.objects.create(inquiry=inquiry, author=agent, body="極秘の下書き", saved_at=make.NOW)
    Template.objects.create(name="極秘の定型文", body_ja="極秘", owner=agent)
    SavedView.objects.create(name="極秘の一覧", owner=agent)
    return inquiry


def state_of(inquiry):
    row = Inquiry.objects.filter(pk=inquiry.pk).values().get()
    counts = (inquiry.messages.count(), inquiry.events.count(), inquiry.drafts.count(), inquiry.prepared.count())
    return row, counts, Presence.objects.filter(inquiry=inquiry).count(), Pull.objects.filter(inquiry=inquiry).count()


def _questions(hidden):
    """What may be asked of any address: by key and by number."""
    message, pk, number = hidden.messages.get().pk, hidden.pk, hidden.number
    view, template = SavedView.objects.get(name="極秘の一覧"), Template.objects.get(name="極秘の定型文")
    return [
        f"?q={number}", f"?q={quote('秘密')}", "?q=jiro@mail.example", "?q=08087654321", f"?inquiry={pk}&version=0",
        f"?on={number}&into={pk}&ids={pk}&message={message}", f"?view=v{view.pk}", f"?view=all&assignee={hidden.assignee_id}",
        f"?view=all&q={number}&template={template.pk}", "?view=unassigned", f"?customer={hidden.customer_id}",
    ]  # fmt: skip


def _posts(hidden, own):
    template = Template.objects.get(name="極秘の定型文")
    body = "お待たせしました。"
    return [
        {"into": hidden.pk, "other_customer": "1"}, {"on": hidden.number, "body_ja": "{{ customer.name }} {{ inquiry.subject }}"},
        {"kind": "tag", "ids": f"{hidden.pk},{own.pk}", "value": Tag.objects.first().pk, "form_token": "0" * 32},
        {"kind": "tag", "ids": str(hidden.pk), "value": Tag.objects.first().pk, "try": "1"},
        {"body": body, "version": own.version, "then": "pending", "templates": template.pk, "inquiry": hidden.pk},
        {"inquiry": hidden.pk, "customer": hidden.customer_id, "order": "1001", "name": "x", "body": body},
        {"next": reverse("desk-inquiries:detail", args=[hidden.pk]), "event": "opened", "name": "試し", "try": "1"},
    ]  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("who", ["outsourced", "plus"])
def test_no_form_and_no_address_shows_what_is_named_in_it(who, request, hidden, signed_in):
    user = request.getfixturevalue(who)
    arguments = one_of_everything(user)
    own = Inquiry.objects.get(number="Q-TEST01")
    Inquiry.objects.filter(pk=own.pk).update(assignee=user)
    own.refresh_from_db()
    indexing.sweep(make.NOW)
    client, wrong, before = signed_in(user), [], state_of(hidden)
    client.raise_request_exception = False

    def check(response, what, typed=""):
        words = b"".join(response) if response.streaming else response.content
        text = words.decode("utf-8", "replace") + str(dict(response.items()))
        found = [one for one in SECRETS if one in text and one not in typed]
        if found or response.status_code >= 500:
            wrong.append((*what, response.status_code, found))

    for name in MATRIX:
        if not name.startswith(("desk-inquiries:", "desk:", "admin:index")):
            continue
        address = address_of(name, arguments[name])
        pages = [address]
        if name == "desk-inquiries:menu":
            pages += [address.replace("/status/", f"/{kind}/") for kind in menus.TITLES]
        for page in pages:
            for asked in _questions(hidden):
                typed = "秘密 次郎 jiro@ 8087654321" if "?q=" in asked else ""
                check(client.get(page + asked), ("get", page + asked), typed)
        if name.startswith("desk-inquiries:"):
            for number, posted in enumerate(_posts(hidden, own)):
                with transaction.atomic():
                    check(client.post(address, posted, follow=True), ("post", address, number))
                    if state_of(hidden) != before:
                        wrong.append(("changed", address, number))
                    transaction.set_rollback(True)
    assert not wrong, "\n".join(str(one) for one in wrong)
    assert state_of(hidden) == before


def test_what_one_had_is_nobodys_business_after_it_was_given_away(outsourced, agent, hidden, signed_in, now):
    """The reply, the prepared reply and the claim of somebody whose inquiry went to a colleague."""
    Inquiry.objects.filter(pk=hidden.pk).update(assignee=outsourced)
    reply = Message.objects.create(
        inquiry=hidden, kind="reply", body="極秘の返事", author=outsourced, at=now, mail_key="x", held_until=now
    )
    returned = PreparedReply.objects.create(
        inquiry=hidden, author=outsourced, body="極秘", original_body="極秘", state="returned", seen_version=1,
        created_at=now, changed_at=now,
    )  # fmt: skip
    Draft.objects.create(inquiry=hidden, author=outsourced, body="極秘の続き", saved_at=now)
    claim = Pull.objects.create(inquiry=hidden, user=outsourced, at=now, expires_at=now)
    Inquiry.objects.filter(pk=hidden.pk).update(assignee=agent)
    client = signed_in(outsourced)
    for address in (
        reverse("desk-inquiries:take-back", args=[reply.pk]),
        reverse("desk-inquiries:prepared-seen", args=[returned.pk]),
        reverse("desk-inquiries:prepared-withdraw", args=[returned.pk]),
        reverse("desk-inquiries:skip", args=[claim.pk]),
    ):
        answer = client.post(address, {"inquiry": hidden.pk, "reason": "other", "comment": ""}, follow=True)
        assert not [one for one in SECRETS if one in answer.text], address
    for address in (reverse("admin:index"), reverse("desk-inquiries:list"), reverse("desk-inquiries:pull-bar")):
        assert not [one for one in SECRETS if one in client.get(address).text], address


def test_where_ones_own_inquiry_went_is_not_told(outsourced, agent, hidden, signed_in, now):
    """Merged into a colleague's: its page shows what was one's own, and nothing of the other."""
    own = make_inquiry("Q-MINE01", customer=make.make_customer(), assignee=outsourced)
    merging.merge(own, into=hidden, by=agent, now=now, other_customer=True)
    Inquiry.objects.filter(pk=own.pk).update(assignee=outsourced)
    client = signed_in(outsourced)
    page = client.get(reverse("desk-inquiries:detail", args=[own.pk]))
    assert page.status_code == 200
    assert not [one for one in [*SECRETS, "Q-HIDDEN"] if one in page.text]
    posted = {"body": "お待たせしました。", "version": own.version, "then": "pending"}
    for name in ("reply", "ask", "draft", "note"):
        answer = client.post(reverse(f"desk-inquiries:{name}", args=[own.pk]), posted, follow=True)
        assert not [one for one in [*SECRETS, "Q-HIDDEN"] if one in answer.text], name


@pytest.mark.parametrize("action", ["send", "schedule", "approve"])
@pytest.mark.parametrize("field", ["cc", "bcc"])
def test_copies_do_not_confirm_an_address(db, outsourced, agent, now, signed_in, action, field):
    """Whether a guess is the customer's, the shop's, a colleague's customer's or nobody's: one answer to all."""
    customer = make.make_customer(address="hanako@mail.example")
    customer.addresses.create(address="hanako@work.example")
    jiro = make.make_customer(name="次郎", address="jiro@mail.example")
    suppressions.suppress(jiro.addresses.get().address, scope="all", reason="bounced", now=now)
    inquiry = make_inquiry(customer=customer, email="hanako@mail.example", assignee=outsourced)
    client, answers = signed_in(outsourced), set()
    for guess in ("hanako@mail.example", "hanako@work.example", "jiro@mail.example", "nobody@mail.example"):
        posted = {
            "body": "赤です。", "version": inquiry.version, "action": action, field: guess,
            "send_at": f"{now + timedelta(hours=2):%Y-%m-%dT%H:%M}",
        }  # fmt: skip
        answer = client.post(f"/admin/inquiries/{inquiry.pk}/reply/", posted)
        page = re.sub(r"<(script|meta|input|body)[^>]*>", "", answer.content.decode().replace(guess, "…"))
        answers.add((answer.status_code, re.sub(r"(?<=<).*?(?=>)", "", page)))
    assert {status for status, _page in answers} == {422}
    assert len(answers) == 1
    assert not Message.objects.filter(kind="reply").exists()
    assert not PreparedReply.objects.exists()
