"""The ways in which a reply may leave: to which status and label it leads, and from which address it comes."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import localtime

from inquiries import scheduling, undoing
from inquiries.models import ApprovalRule, Cause, Inquiry, InquiryEvent, Message, StatusLabel
from shopdesk import clock
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.inquiries.make import make_inquiry

BODY = "三色ございます。"


def post(client, inquiry, **words):
    data = {"body": BODY, "version": Inquiry.objects.get(pk=inquiry.pk).version, "then": "pending", **words}
    return client.post(reverse("desk-inquiries:reply", args=[inquiry.pk]), data)


@pytest.fixture
def held(db):
    """A store that holds replies for ten seconds."""
    return make.make_store(undo_seconds=10)


# --- the status afterwards -----------------------------------------------------------------------------------------------


@pytest.fixture
def label(db):
    return StatusLabel.objects.get(name_ja="仕入先・運送会社に確認中")


def test_the_menu_offers_the_shops_labels_when_it_is_opened(held, agent, signed_in, label):
    inquiry, client = make_inquiry(), signed_in(agent)
    StatusLabel.objects.create(status="pending", name_ja="もう使わない", name_en="Old", is_active=False)
    page = client.get(f"/admin/inquiries/{inquiry.pk}/").text
    assert "確認中」にする" not in page  # no query there for a menu that most never open
    ways = client.get(
        f"/admin/inquiries/{inquiry.pk}/ways/", {"after": f"label:{label.pk}", "send_at": "2026-11-24T09:00"}
    )
    assert f'name="then" value="label:{label.pk}">送信して「仕入先・運送会社に確認中」にする' in ways.text
    assert f'<option value="label:{label.pk}" selected>' in ways.text
    assert 'value="2026-11-24T09:00"' in ways.text
    for other in StatusLabel.objects.exclude(status__in=["pending", "solved"]):
        assert f'"label:{other.pk}"' not in ways.text
    assert "もう使わない" not in ways.text


def test_without_a_script_the_menu_is_asked_for_and_the_text_is_kept(held, agent, signed_in, label):
    inquiry, client = make_inquiry(), signed_in(agent)
    answer = client.post(f"/admin/inquiries/{inquiry.pk}/draft/", {"body": "途中まで", "ways": "all"}, follow=True)
    assert ">途中まで</textarea>" in answer.text
    assert f'name="then" value="label:{label.pk}"' in answer.text


def test_send_and_set_to_a_label(held, agent, signed_in, label):
    inquiry, client = make_inquiry(), signed_in(agent)
    assert post(client, inquiry, then=f"label:{label.pk}").status_code == 302
    fresh = Inquiry.objects.get()
    assert (fresh.status, fresh.label) == ("pending", label)
    assert InquiryEvent.objects.get(code="status").data["to_ja"] == "仕入先・運送会社に確認中"
    undoing.take_back(Message.objects.get(kind="reply"), by=agent, now=clock.now())
    fresh = Inquiry.objects.get()
    assert (fresh.status, fresh.label) == ("open", None)


def test_a_status_that_no_reply_leads_to_is_refused(held, agent, signed_in):
    inquiry, client = make_inquiry(), signed_in(agent)
    gone = StatusLabel.objects.create(status="pending", name_ja="もう使わない", name_en="Old", is_active=False)
    on_hold = StatusLabel.objects.filter(status="hold").first()
    for then in ("spam", "open", f"label:{gone.pk}", f"label:{on_hold.pk}", "label:", "label:x", "label:²", "x" * 19):
        answer = post(client, inquiry, then=then)
        assert answer.status_code == 422
        assert BODY in answer.text
    assert OutgoingMail.objects.count() == 0


def test_a_label_that_closes_asks_for_the_cause_and_goes_on_with_it(held, agent, signed_in):
    inquiry, client = make_inquiry(), signed_in(agent)
    held.requires_cause = True
    held.save()
    label = StatusLabel.objects.create(status="solved", name_ja="返金して完了", name_en="Refunded")
    then = f"label:{label.pk}"
    answer = post(client, inquiry, then=then)
    assert answer.status_code == 422
    assert f'name="then" value="{then}"' in answer.text  # the button below the cause
    assert OutgoingMail.objects.count() == 0
    cause = Cause.objects.filter(parent=None).first()
    assert post(client, inquiry, then=then, cause=cause.pk).status_code == 302
    fresh = Inquiry.objects.get()
    assert (fresh.status, fresh.label, fresh.cause) == ("solved", label, cause)


def test_a_reply_that_waits_sets_the_label_when_it_leaves(held, agent, now, signed_in, label):
    inquiry, client = make_inquiry(), signed_in(agent)
    hour = localtime(now + timedelta(hours=1))
    code = f"label:{label.pk}"
    answer = post(client, inquiry, then="", after=code, action="schedule", send_at=f"{hour:%Y-%m-%dT%H:%M}")
    assert answer.status_code == 302
    assert Inquiry.objects.get().status == "open"
    assert "送信後「仕入先・運送会社に確認中」" in client.get(f"/admin/inquiries/{inquiry.pk}/").text
    scheduling.sweep(hour)
    fresh = Inquiry.objects.get()
    assert (fresh.status, fresh.label) == ("pending", label)


def test_what_needs_approval_keeps_the_status_that_was_chosen(held, agent, signed_in, label):
    inquiry, client = make_inquiry(), signed_in(agent)
    ApprovalRule.objects.create(name="全員")
    answer = post(client, inquiry, then=f"label:{label.pk}")
    assert answer.status_code == 422
    assert f'name="after" value="label:{label.pk}"' in answer.text
