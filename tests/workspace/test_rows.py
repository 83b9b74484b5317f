"""Outsourced staff reach their own rows only: somebody else's does not exist, on no address, in no list, by no key."""

import email
import email.policy
from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse

from inquiries.models import (
    BulkRun,
    Draft,
    DraftFile,
    Inquiry,
    InquiryEvent,
    Message,
    PreparedReply,
    Presence,
    Tag,
    Template,
)
from inquiries.views import menus
from shopdesk.accounts.models import AuditEntry, Role
from shopdesk.accounts.permissions import P
from shopdesk.mail import message as mime
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.access.rows import address_of, admin_addresses, attach, one_of_everything
from tests.access.test_matrix import MATRIX
from tests.inquiries.make import make_inquiry

pytestmark = pytest.mark.usefixtures("refusals_untold")

HIDDEN = ["Q-H1DDEN", "極秘", "H1DDEN", "別所 外注"]
LIST = "/admin/inquiries/"
# Kept by the desk, or with a person, and not with an inquiry: who may open it may change it.
SHARED = {f"desk-inquiries:{name}" for name in ("rule", "rule-switch", "rule-delete", "hours")}
# Forgetting a view that is not there is done already.
SAYS_NOTHING = {"desk-inquiries:view-delete"}


@pytest.fixture
def other(db):
    return make.make_user("bessho@shop.example", name="別所 外注", role="outsourced")


@pytest.fixture
def leader(db):
    """Every permission of the desk but to see the inquiries of everybody."""
    names = set(P) - {P.INQUIRIES_VIEW_ALL, P.ORDERS_VIEW, P.MAIL_VIEW, P.RETURNS_VIEW, P.FOLLOWUPS_VIEW}
    codes = [one for one in names if one.startswith(("inquiries.", "faq."))]
    role = Role.objects.create(code="leader", name_ja="外注リーダー", name_en="Lead", permissions=codes)
    return make.make_user("leader@shop.example", name="外注 長", role=role.code)


@pytest.fixture
def hidden(other):
    """The arguments of every address, for rows of ``other``; the inquiry is full of words to look for."""
    arguments = one_of_everything(other)
    inquiry = Inquiry.objects.get(number="Q-TEST01")
    inquiry.number, inquiry.subject, inquiry.preview = "Q-H1DDEN", "極秘の件", "極秘の相談です"
    inquiry.assignee, inquiry.escalation_at = other, make.NOW  # late, and so on everybody's home page
    inquiry.save()
    Message.objects.filter(inquiry=inquiry).update(body="極秘の本文")
    Message.objects.create(inquiry=inquiry, kind="note", body="極秘のメモ", author=other, at=make.NOW)
    attach(inquiry.messages.first(), name="極秘.png")
    PreparedReply.objects.update(body="極秘の返信", original_body="極秘の返信")
    Template.objects.filter(owner=other).update(name="極秘の定型文", body_ja="極秘")
    Presence.objects.create(inquiry=inquiry, user=other, doing="replying", since=make.NOW, seen_at=make.NOW)
    return inquiry, arguments


def mine_of(user, hidden):
    """An inquiry of the same customer that is assigned to ``user``: what lies nearest to the hidden one."""
    mine = make_inquiry("Q-M1NE01", customer=hidden.customer, assignee=user, subject="自分の件", body="自分の本文")
    Message.objects.create(inquiry=mine, kind="received", body="続きです", at=make.NOW)
    return mine


def state():
    return [
        list(model.objects.order_by("pk").values())
        for model in (Inquiry, Message, Draft, DraftFile, PreparedReply, InquiryEvent, BulkRun, Presence)
    ]


@pytest.mark.parametrize("who", ["outsourced", "leader"])
def test_somebody_elses_row_does_not_exist_on_any_address(who, request, hidden, signed_in):
    user = request.getfixturevalue(who)
    inquiry, arguments = hidden
    mine_of(user, inquiry)
    client, wrong, before = signed_in(user), [], state()
    names = [name for name in MATRIX if name.startswith("desk-inquiries:") and "pk>" in admin_addresses()[name][0]]
    assert len(names) > 50
    posted = {
        "body": "x",
        "version": "1",
        "then": "pending",
        "inquiry": inquiry.pk,
        "action": "approve",
        "comment": "x",
    }
    for name in names:
        if name in SHARED and user.has_perm(P.INQUIRIES_SETTINGS):
            continue
        for method in (client.get, client.post):
            response = method(address_of(name, arguments[name]), posted)
            allowed = {404, 405} if user.has_perms([*(MATRIX[name][0] or ())]) else {403, 404, 405}
            if name in SAYS_NOTHING:
                allowed = {302, 403, 405}
            words = b"".join(response).decode("utf-8", "replace")
            if response.status_code not in allowed or any(one in words for one in HIDDEN):
                wrong.append((name, method.__name__, response.status_code))
    assert wrong == []
    assert state() == before


@pytest.mark.parametrize("who", ["outsourced", "leader"])
def test_a_foreign_key_is_not_reached_over_ones_own_inquiry(who, request, hidden, other, signed_in):
    user = request.getfixturevalue(who)
    inquiry, arguments = hidden
    mine = mine_of(user, inquiry)
    client, before = signed_in(user), state()
    for name in ("take-draft", "draft-file-remove", "read-note", "undo-status"):
        name = f"desk-inquiries:{name}"
        response = client.post(address_of(name, [mine.pk, arguments[name][1]]))
        # Taking a file out that is not there is done already.
        assert response.status_code in ({302} if name.endswith(("remove", "read-note")) else {403, 404}), name
    assert state() == before


def pages_of(mine):
    """What can be asked without naming a foreign row; searches name its words."""
    words = ["極秘", "Q-H1DDEN", "別所", "H1DDEN"]
    lists = [
        f"{LIST}?view={view}" for view in ("open", "mine", "unassigned", "pending", "hold", "solved", "all", "spam")
    ]
    lists += [f"{LIST}?view=all&q={word}" for word in words] + [
        f"{LIST}?view=all&filters=1",
        f"{LIST}?view=all&status=open",
    ]
    own = [
        f"{LIST}{mine.pk}/{deed}"
        for deed in ("", "?all=1", "thread/", "panels/", "templates/", "articles/", "macros/", "colleagues/")
    ]
    own += [f"{LIST}{mine.pk}/menu/{kind}/" for kind in menus.TITLES] + [f"{LIST}{mine.pk}/menu/merge/?q=Q-H1DDEN"]
    polls = [f"{LIST}poll/?view=all&inquiry={mine.pk}", f"{LIST}poll/?view=all"]
    found = [address for word in words for address in (f"/admin/search/?q={word}", f"{LIST}palette/?q={word}")]
    plain = [
        address_of(name, [])
        for name, (path, _view) in admin_addresses().items()
        if "<" not in path and "(?P" not in path
    ]
    return [*lists, *own, *polls, *found, *plain]


@pytest.mark.parametrize("who", ["outsourced", "leader"])
def test_somebody_elses_row_is_in_no_list(who, request, hidden, signed_in):
    user = request.getfixturevalue(who)
    inquiry, _arguments = hidden
    mine = mine_of(user, inquiry)
    client, wrong, opened = signed_in(user), [], 0
    for page in pages_of(mine):
        with transaction.atomic():
            response = client.get(page)
            words = b"".join(response).decode("utf-8", "replace")
            transaction.set_rollback(True)
        opened += response.status_code == 200
        typed = page.partition("q=")[2]
        # Colleagues' names stand where one is chosen; the words of a search come back.
        found = [
            one
            for one in HIDDEN[: 4 if who == "outsourced" else 3]
            if one in words and one not in typed and typed not in one
        ]
        if found:
            wrong.append((page, found))
    assert wrong == []
    assert opened > 30
    shown = client.get(f"{LIST}?view=all").content.decode()
    assert "Q-M1NE01" in shown
    # The counters count their own, too.
    assert 'data-count="all">1<' in shown or 'data-count="open">1<' in shown
    for word in ("極秘", "Q-H1DDEN"):
        assert f"{LIST}{inquiry.pk}/" not in client.get(f"/admin/search/?q={word}").content.decode()
        assert f"{LIST}{inquiry.pk}/" not in client.get(f"{LIST}palette/?q={word}").content.decode()


def test_keys_that_are_posted_reach_nothing_foreign(hidden, leader, signed_in):
    inquiry, _arguments = hidden
    mine = mine_of(leader, inquiry)
    client, tag = signed_in(leader), Tag.objects.first()
    both = {
        "kind": "tag",
        "ids": f"{inquiry.pk},{mine.pk}",
        "value": tag.pk,
        "form_token": "6f6c1c34-5d0e-4f0f-9a3b-0c2b7f2b7d99",
    }
    chosen = client.post(f"{LIST}bulk/", both).content.decode()
    assert "H1DDEN" not in chosen
    assert f'value="{mine.pk}:{mine.version}"' in chosen
    assert client.post(f"{LIST}bulk/start/", both).status_code == 302
    assert BulkRun.objects.get(by=leader).ids == [mine.pk]
    everything = {**both, "all": "1", "query": "view=all", "form_token": "6f6c1c34-5d0e-4f0f-9a3b-0c2b7f2b7d98"}
    assert client.post(f"{LIST}bulk/start/", everything).status_code == 302
    assert BulkRun.objects.filter(by=leader).latest("pk").ids == [mine.pk]
    merged = client.post(f"{LIST}{mine.pk}/merge/", {"into": inquiry.pk, "other_customer": "1"})
    assert merged.status_code == 422
    preview = client.post(f"{LIST}templates/preview/", {"on": "Q-H1DDEN", "body_ja": "{{ inquiry.subject }}"})
    assert "極秘" not in preview.content.decode()
    assert not Inquiry.objects.exclude(merged_into=None).exists()


def test_looking_at_a_foreign_row_leaves_no_trace_of_presence(hidden, other, outsourced, signed_in):
    inquiry, _arguments = hidden
    shown = signed_in(outsourced).get(f"{LIST}poll/?view=mine&inquiry={inquiry.pk}&version=0").content.decode()
    assert not Presence.objects.filter(user=outsourced).exists()
    assert "別所" not in shown
    assert 'id="presence"' not in shown


# --- reads are written down -------------------------------------------------------------------------------------------


def reads(user):
    return [
        (entry.data["inquiry"], entry.data["what"]) for entry in AuditEntry.objects.filter(actor=user).order_by("pk")
    ]


def test_what_outsourced_staff_read_is_written_down_once_an_hour(
    db, outsourced, other, agent, now, signed_in, monkeypatch
):
    from shopdesk import clock

    inquiry = make_inquiry(assignee=outsourced)
    file = attach(inquiry.messages.get())
    staff, theirs = signed_in(outsourced), signed_in(agent)
    for _ in range(3):
        for deed in ("", "?all=1", "thread/", "panels/"):
            assert staff.get(f"{LIST}{inquiry.pk}/{deed}").status_code == 200
            assert theirs.get(f"{LIST}{inquiry.pk}/{deed}").status_code == 200
        for deed in ("", "picture/"):
            for client in (staff, theirs):
                b"".join(client.get(f"{LIST}attachments/{file.pk}/{deed}"))
    assert reads(outsourced) == [(inquiry.pk, "page"), (inquiry.pk, "file")]
    assert reads(agent) == []  # who sees everything reads all day
    staff.get(LIST)
    assert len(reads(outsourced)) == 2
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=1))
    staff.get(f"{LIST}{inquiry.pk}/")
    assert reads(outsourced)[2:] == [(inquiry.pk, "page")]
    # What they may not see they have not read.
    foreign = make_inquiry("Q-THE1RS", customer=inquiry.customer, assignee=other)
    staff.get(f"{LIST}{foreign.pk}/")
    assert len(reads(outsourced)) == 3


def test_the_log_tells_it_in_words(db, outsourced, owner, signed_in):
    inquiry = make_inquiry(assignee=outsourced)
    file = attach(inquiry.messages.get())
    staff = signed_in(outsourced)
    staff.get(f"{LIST}{inquiry.pk}/")
    b"".join(staff.get(f"{LIST}attachments/{file.pk}/"))
    log = signed_in(owner).get(reverse("admin:accounts_auditentry_changelist")).content.decode()
    assert "問い合わせQ-TEST01を閲覧しました" in log
    assert "問い合わせQ-TEST01の添付ファイルを開きました" in log
    assert signed_in(outsourced).get(reverse("admin:accounts_auditentry_changelist")).status_code == 403


def test_writing_it_down_costs_one_query(db, outsourced, signed_in, django_assert_max_num_queries):
    inquiry = make_inquiry(assignee=outsourced)
    staff = signed_in(outsourced)
    staff.get(f"{LIST}{inquiry.pk}/")
    for deed in ("", "panels/", "thread/"):
        with django_assert_max_num_queries(12):
            staff.get(f"{LIST}{inquiry.pk}/{deed}")
    with django_assert_max_num_queries(12):
        staff.get(LIST)


# --- files, exports, and the way out ----------------------------------------------------------------------------------


def test_files_that_hold_contacts_by_their_nature_are_held_back(db, outsourced, agent, signed_in):
    inquiry = make_inquiry(assignee=outsourced)
    picture = attach(inquiry.messages.get(), name="割れた皿.png")
    table = attach(inquiry.messages.get(), name="住所録.csv")
    table.media_type = "text/csv"
    table.save()
    sent = attach(
        Message.objects.create(inquiry=inquiry, kind="reply", body="送ります", author=agent, at=make.NOW), "案内.txt"
    )
    sent.media_type = "text/plain"
    sent.save()
    staff = signed_in(outsourced)
    page = staff.get(f"{LIST}{inquiry.pk}/").content.decode()
    assert f"{LIST}attachments/{picture.pk}/" in page
    assert f"{LIST}attachments/{table.pk}/" not in page

    def opened(client, file):
        response = client.get(f"{LIST}attachments/{file.pk}/")
        b"".join(response)  # reading to the end closes the file
        return response.status_code

    assert [opened(staff, file) for file in (picture, table, sent)] == [200, 404, 200]
    assert opened(signed_in(agent), table) == 200


def test_outsourced_staff_take_nothing_out_but_a_file(hidden, outsourced, signed_in):
    """No table, no list, no machine-readable answer: an export would have to be one of these."""
    inquiry, arguments = hidden
    inquiry.assignee = outsourced
    inquiry.save()
    client, kinds = signed_in(outsourced), set()
    for name in MATRIX:
        for more in ("", "?format=csv", "?format=json"):
            response = client.get(address_of(name, arguments[name]) + more, HTTP_ACCEPT="application/json, text/csv")
            b"".join(response)
            if response.status_code == 200:
                kinds.add(
                    (
                        response["Content-Type"].partition(";")[0],
                        "attachment" in response.get("Content-Disposition", ""),
                    )
                )
    assert (
        kinds
        == {
            ("text/html", False),
            ("image/jpeg", True),
            ("image/jpeg", False),
            ("image/webp", False),
            ("text/javascript", False),
        }
        & kinds
    )
    assert ("text/html", False) in kinds
    assert not any(one.startswith("inquiries.export") for one in P.values if outsourced.has_perm(one))


def test_the_customer_knows_the_shop_and_an_alias_only(db, outsourced, now, signed_in):
    inquiry = make_inquiry(assignee=outsourced)
    data = {"body": "三色ございます。", "version": inquiry.version, "then": "pending"}
    assert signed_in(outsourced).post(f"{LIST}{inquiry.pk}/reply/", data).status_code == 302
    letter = OutgoingMail.objects.get()
    assert letter.from_address == inquiry.store.sender_address
    assert "在宅サポート 白波" in letter.text
    parsed = email.message_from_bytes(mime.build(letter, now), policy=email.policy.default)
    raw = str(parsed) + "".join(part.get_content() for part in parsed.walk() if part.get_content_maintype() == "text")
    heads = {name: str(parsed[name]) for name in ("From", "Reply-To", "Sender", "Return-Path") if parsed[name]}
    for one in heads.values():
        assert one.rstrip(">").endswith("@shop.example")
        assert "nami" not in one
    for secret in ("nami@shop.example", "白波 外", outsourced.email):
        assert secret not in raw
    assert "Cc" not in parsed
    assert "Bcc" not in parsed
