"""Fair pull: one claim a person, the most urgent first, back to everybody when it is skipped or its time runs out."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from inquiries import approving, pulling, replying, tasks, triage, undoing
from inquiries.answers import Answer
from inquiries.models import ApprovalRule, Category, Draft, Inquiry, PreparedReply, Pull
from shopdesk.schedule import BEAT_SCHEDULE
from shopdesk.shop.models import Store
from tests import make
from tests.inquiries.make import make_inquiry


@pytest.fixture
def nami(db):
    return make.make_user("nami@shop.example", name="白波 外", role="outsourced")


@pytest.fixture
def sora(db):
    return make.make_user("sora@shop.example", name="青井 空", role="outsourced")


@pytest.fixture
def ask(db, now):
    """``ask(3)``: an inquiry whose promise ends in three hours."""
    customer = make.make_customer()

    def one(hours, **fields):
        escalation = fields.pop("escalation_at", now + timedelta(hours=hours))
        return make_inquiry(f"Q-{hours:04}", customer=customer, escalation_at=escalation, **fields)

    return one


def test_the_most_urgent_first_and_one_at_a_time(ask, nami, now):
    ask(3)
    urgent = ask(1)
    ask(2, assignee=make.make_user("x@shop.example"))
    pull = pulling.next_for(nami, now=now)
    assert pull.inquiry == urgent
    assert pull.expires_at == now + timedelta(minutes=30)
    urgent.refresh_from_db()
    assert urgent.assignee == nami
    assert list(Inquiry.objects.visible_to(nami)) == [urgent]
    with pytest.raises(pulling.HasOneAlready) as refused:
        pulling.next_for(nami, now=now)
    assert refused.value.pull == pull
    assert Pull.objects.count() == 1


def test_the_database_refuses_a_second_claim(ask, nami, sora, now):
    one, two = ask(1), ask(2)
    fields = {"at": now, "expires_at": now + timedelta(minutes=30)}
    Pull.objects.create(inquiry=one, user=nami, **fields)
    for inquiry, user in ((two, nami), (one, sora)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Pull.objects.create(inquiry=inquiry, user=user, **fields)


def test_what_cannot_be_pulled(ask, nami, agent, now):
    ask(1, status="pending")
    ask(2, status="spam")
    ask(3, email="", channel="phone")
    PreparedReply.objects.create(
        inquiry=ask(4), author=agent, body="文", original_body="文", seen_version=1, state="awaiting",
        created_at=now, changed_at=now,
    )  # fmt: skip
    with pytest.raises(pulling.NothingWaits):
        pulling.next_for(nami, now=now)


def test_answering_ends_the_claim_and_the_next_one_may_come(ask, nami, now):
    first, second = ask(1), ask(2)
    pulling.next_for(nami, now=now)
    replying.reply(first, Answer("はい。"), by=nami, now=now + timedelta(minutes=5))
    kept = Pull.objects.get()
    assert (kept.outcome, kept.ended_at) == ("answered", now + timedelta(minutes=5))
    assert pulling.next_for(nami, now=now + timedelta(minutes=6)).inquiry == second


def test_who_takes_a_reply_back_does_not_keep_two(ask, nami, now):
    first, second = ask(1), ask(2)
    pulling.next_for(nami, now=now)
    replying.reply(first, Answer("はい。"), by=nami, now=now)
    triage.enter(first, status="open", now=now)
    first.save()
    pulling.taken_back(first, by=nami, now=now + timedelta(seconds=5))
    with pytest.raises(pulling.HasOneAlready):
        pulling.next_for(nami, now=now + timedelta(seconds=6))
    # With another one in hand, the first goes back to everybody.
    Pull.objects.update(ended_at=now, outcome="answered")
    pulling.next_for(nami, now=now + timedelta(seconds=7))
    pulling.taken_back(first, by=nami, now=now + timedelta(seconds=8))
    first.refresh_from_db()
    assert first.assignee is None
    assert Pull.objects.get(user=nami, ended_at=None).inquiry == second


def test_taking_a_reply_back_gives_the_claim_back(ask, nami, now):
    inquiry = ask(1)
    Store.objects.update(undo_seconds=10)
    pulling.next_for(nami, now=now)
    message = replying.reply(Inquiry.objects.get(), Answer("はい。"), by=nami, now=now)
    assert Pull.objects.get().outcome == "answered"
    undoing.take_back(message, by=nami, now=now + timedelta(seconds=3))
    assert pulling.open_pull(nami, now=now + timedelta(seconds=4)).inquiry == inquiry


def test_a_reply_handed_in_for_approval_ends_the_claim(ask, nami, owner, now):
    ask(1)
    ApprovalRule.objects.create(name="外注", role=nami.role)
    pulling.next_for(nami, now=now)
    approving.ask(Inquiry.objects.get(), Answer("はい。"), by=nami, now=now)
    assert Pull.objects.get().outcome == "answered"
    assert Inquiry.objects.get().assignee == nami


def test_an_expired_claim_returns_and_its_draft_stays(ask, nami, sora, now):
    inquiry = ask(1)
    pulling.next_for(nami, now=now)
    Draft.objects.create(inquiry=inquiry, author=nami, body="書きかけ", saved_at=now)
    assert pulling.sweep(now + timedelta(minutes=29)) == 0
    assert pulling.sweep(now + timedelta(minutes=30, seconds=15)) == 1
    inquiry.refresh_from_db()
    assert inquiry.assignee is None
    assert Pull.objects.get().outcome == "expired"
    assert Draft.objects.get().body == "書きかけ"
    assert not Inquiry.objects.visible_to(nami).exists()
    assert inquiry.events.filter(code="pull_expired").count() == 1
    assert pulling.next_for(sora, now=now + timedelta(minutes=31)).inquiry == inquiry


def test_the_sweeps_ring_often_enough(ask, nami, now):
    """An expired claim is back within a minute; a free colleague gets what waits in 15 seconds, a warning comes in 30."""
    assert BEAT_SCHEDULE["turns"]["schedule"] == 15
    assert BEAT_SCHEDULE["promises"]["schedule"] == 30
    inquiry = ask(1)
    pulling.next_for(nami, now=now - timedelta(minutes=31))
    tasks.sweep_turns()
    tasks.sweep_promises()
    tasks.sweep_phases()
    inquiry.refresh_from_db()
    assert inquiry.assignee is None


def test_an_expired_claim_does_not_stop_its_owner_before_the_sweep(ask, nami, now):
    inquiry = ask(1)
    pulling.next_for(nami, now=now)
    assert pulling.next_for(nami, now=now + timedelta(minutes=31)).inquiry == inquiry
    assert sorted(Pull.objects.values_list("outcome", flat=True)) == ["", "expired"]


def test_a_claim_that_somebody_else_took_over_ends(ask, nami, agent, now):
    inquiry = ask(1)
    pulling.next_for(nami, now=now)
    triage.assign(inquiry, to=agent, by=agent, now=now)
    assert pulling.sweep(now + timedelta(seconds=15)) == 1
    inquiry.refresh_from_db()
    assert inquiry.assignee == agent  # nobody takes it away again
    assert pulling.open_pull(nami, now=now) is None


def test_skipping_needs_a_reason_and_gives_it_to_somebody_else(ask, nami, sora, now):
    inquiry = ask(1)
    pull = pulling.next_for(nami, now=now)
    for wrong in ({"reason": ""}, {"reason": "lazy"}, {"reason": "other", "comment": " "}):
        with pytest.raises(pulling.NeedsReason):
            pulling.skip(pull, by=nami, now=now, **wrong)
    with pytest.raises(pulling.HasEnded):  # somebody else's
        pulling.skip(pull, reason="authority", by=sora, now=now)
    pulling.skip(pull, reason="authority", comment="割引の判断が必要です", by=nami, now=now)
    with pytest.raises(pulling.HasEnded):
        pulling.skip(pull, reason="authority", by=nami, now=now)
    kept = Pull.objects.get()
    assert (kept.outcome, kept.reason, kept.comment) == ("skipped", "authority", "割引の判断が必要です")
    inquiry.refresh_from_db()
    assert inquiry.assignee is None
    with pytest.raises(pulling.NothingWaits):  # not the same one again
        pulling.next_for(nami, now=now)
    assert pulling.next_for(sora, now=now).inquiry == inquiry


@pytest.mark.django_db(transaction=True)
def test_two_at_once_never_get_the_same(now):
    people = [make.make_user(f"w{n}@shop.example", role="outsourced") for n in range(4)]
    customer = make.make_customer()
    for n in range(3):
        make_inquiry(f"Q-{n:04}", customer=customer)
    got, none = [], []
    barrier = threading.Barrier(4)

    def work(user):
        try:
            barrier.wait()
            got.append(pulling.next_for(user, now=now).inquiry_id)
        except pulling.NothingWaits:
            none.append(user)
        finally:
            connection.close()

    run([threading.Thread(target=work, args=(user,)) for user in people])
    assert len(got) == len(set(got)) == 3
    assert len(none) == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_click_gives_one(now):
    nami = make.make_user("nami@shop.example", role="outsourced")
    customer = make.make_customer()
    for n in range(3):
        make_inquiry(f"Q-{n:04}", customer=customer)
    got, refused = [], []
    barrier = threading.Barrier(3)

    def work():
        try:
            barrier.wait()
            got.append(pulling.next_for(nami, now=now))
        except pulling.HasOneAlready:
            refused.append(1)
        finally:
            connection.close()

    run([threading.Thread(target=work) for _ in range(3)])
    assert (len(got), len(refused)) == (1, 2)
    assert Inquiry.objects.filter(assignee=nami).count() == 1


def run(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- screens ----------------------------------------------------------------------------------------------------------


def test_the_second_claim_is_answered_with_409(ask, nami, signed_in):
    first, _ = ask(1), ask(2)
    client = signed_in(nami)
    address = reverse("desk-inquiries:pull")
    answer = client.post(address)
    assert (answer.status_code, answer.url) == (302, reverse("desk-inquiries:detail", args=[first.pk]))
    answer = client.post(address)
    assert answer.status_code == 409
    assert first.number in answer.content.decode()
    assert Pull.objects.count() == 1


def test_nothing_waits(nami, signed_in):
    answer = signed_in(nami).post(reverse("desk-inquiries:pull"), follow=True)
    assert "いま受け取れる問い合わせはありません" in answer.content.decode()


def test_skipping_on_the_screen(ask, nami, signed_in):
    inquiry = ask(1)
    client = signed_in(nami)
    client.post(reverse("desk-inquiries:pull"))
    page = client.get("/admin/").content.decode()
    assert inquiry.number in page
    address = reverse("desk-inquiries:skip", args=[Pull.objects.get().pk])
    assert address in page
    refused = client.post(address, {"reason": "other", "comment": ""})
    assert refused.status_code == 422
    assert client.post(address, {"reason": "other", "comment": "英語の契約書でした"}).status_code == 302
    assert (
        client.post(address, {"reason": "other", "comment": "英語の契約書でした"}).status_code == 302
    )  # a second click
    assert Pull.objects.get().outcome == "skipped"


def test_who_may_not_pull_gets_nothing(ask, agent, nami, sora, signed_in, now):
    ask(1)
    assert signed_in(agent).post(reverse("desk-inquiries:pull")).status_code == 403
    assert signed_in(agent).get(reverse("desk-inquiries:pulls")).status_code == 403
    pull = pulling.next_for(nami, now=now)
    skip = reverse("desk-inquiries:skip", args=[pull.pk])
    assert signed_in(sora).post(skip, {"reason": "authority"}).status_code == 404
    assert Pull.objects.get().outcome == ""


def test_the_bar_shows_no_contact(nami, signed_in, ask):
    ask(1, subject="hanako@mail.example に返信ください")
    client = signed_in(nami)
    client.post(reverse("desk-inquiries:pull"))
    for address in ("/admin/", reverse("desk-inquiries:pull-bar")):
        assert "hanako@mail.example" not in client.get(address).content.decode()


def test_skip_rates_by_person_and_category(ask, nami, sora, owner, signed_in, now):
    delay = Category.objects.get(slug="delay")
    rows = [
        (nami, "spec", "skipped"),
        (nami, "spec", "answered"),
        (nami, "delay", "skipped"),
        (sora, "delay", "answered"),
    ]
    for place, (user, category, outcome) in enumerate(rows):
        Pull.objects.create(
            inquiry=ask(place + 1, category=category), user=user, at=now, expires_at=now, ended_at=now,
            outcome=outcome, reason="authority" if outcome == "skipped" else "",
        )  # fmt: skip
    found = pulling.rates(since=now - timedelta(days=30))
    people = {row.name: (row.pulled, row.skipped, row.percent) for row in found.people}
    assert people == {"白波 外": (3, 2, 67), "青井 空": (1, 0, 0)}
    categories = {row.name: (row.pulled, row.skipped, row.percent) for row in found.categories}
    assert categories == {"商品の仕様": (2, 1, 50), str(delay): (2, 1, 50)}
    page = signed_in(owner).get(reverse("desk-inquiries:pulls")).content.decode()
    assert "67%" in page
