"""What staff see of letters, and what they may decide."""

import email
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from shopdesk import clock
from shopdesk.accounts.models import AuditEntry
from shopdesk.mail import delivery, listing, settling, suppressions
from shopdesk.mail.models import OutgoingMail, Suppression
from tests.mail.make import fill, queue
from tests.make import make_user
from tests.sink import DROP

State = OutgoingMail.State
pytestmark = pytest.mark.django_db
UNSUBSCRIBE = {"List-Unsubscribe": "<https://shop.example/preferences/x/>"}


@pytest.fixture(autouse=True)
def still_clock(monkeypatch, now):
    monkeypatch.setattr(clock, "now", lambda: now)


@pytest.fixture
def uncertain(smtp_sink, now):
    mail = queue()
    smtp_sink.say("data", DROP)
    delivery.sweep(now)
    mail.refresh_from_db()
    assert mail.state == State.UNCERTAIN
    return mail


@pytest.fixture
def failed(smtp_sink, now):
    mail = queue("failed")
    smtp_sink.say("data", "554 5.7.1 no")
    delivery.sweep(now)
    mail.refresh_from_db()
    assert mail.state == State.FAILED
    return mail


def post(client, name, mail, **data):
    return client.post(reverse(f"desk-mail:{name}", args=[mail.pk]), {"seen": mail.lease_token, **data})


def test_a_sent_letter_is_read_exactly_as_sent(smtp_sink, now, owner, signed_in):
    mail = queue(html="<script>alert(1)</script><p>花子様</p>")
    delivery.sweep(now)
    client = signed_in(owner)
    page = client.get(reverse("desk-mail:detail", args=[mail.pk])).content.decode()
    assert "お世話になっております。" in page
    assert "送信済み" in page
    assert "Auto-Submitted: auto-generated" in page
    assert "sandbox" in page
    assert "alert(1)" not in page
    file = client.get(reverse("desk-mail:eml", args=[mail.pk]))
    assert file.content == smtp_sink.messages[0].raw
    assert file["Content-Disposition"] == f'attachment; filename="mail-{mail.pk}.eml"'


def test_the_html_of_a_letter_can_do_nothing(smtp_sink, now, owner, signed_in):
    mail = queue(html="<script>alert(1)</script>")
    response = signed_in(owner).get(reverse("desk-mail:html", args=[mail.pk]))
    policy = response["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert "frame-ancestors 'self'" in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"


def test_hostile_words_stay_words(smtp_sink, now, owner, signed_in):
    evil = '"><img src=x onerror=alert(1)>'
    mail = queue(subject=evil, to_name=evil, from_name=evil, text=evil, headers={"X-Note": evil})
    smtp_sink.say("rcpt", f"550 {evil}")
    delivery.sweep(now)
    client = signed_in(owner)
    for url in (reverse("desk-mail:list"), reverse("desk-mail:detail", args=[mail.pk])):
        assert "<img src=x" not in client.get(url).content.decode()


def test_who_may_do_what(uncertain, signed_in, owner, agent):
    outsourced = make_user("o@shop.example", role="outsourced")
    detail = reverse("desk-mail:detail", args=[uncertain.pk])
    assert signed_in(outsourced).get(detail).status_code == 403
    assert signed_in(outsourced).get(reverse("desk-mail:list")).status_code == 403
    page = signed_in(agent).get(detail)
    assert page.status_code == 200
    assert "もう一度送る" not in page.content.decode()
    for name in ("mark-sent", "send-again", "cancel"):
        assert post(signed_in(agent), name, uncertain).status_code == 403
        assert signed_in(owner).get(reverse(f"desk-mail:{name}", args=[uncertain.pk])).status_code == 405
    stop = {"address": "a@mail.example", "scope": "all", "evidence": "x"}
    assert signed_in(agent).post(reverse("desk-mail:stopped"), stop).status_code == 403
    uncertain.refresh_from_db()
    assert uncertain.state == State.UNCERTAIN
    assert not Suppression.objects.exists()
    assert not AuditEntry.objects.filter(code__startswith="mail.").exists()


def test_marked_as_sent(uncertain, signed_in, owner, now):
    page = signed_in(owner).get(reverse("desk-mail:detail", args=[uncertain.pk])).content.decode()
    assert "届いたかどうか分かりません" in page
    assert "送信済みにする" in page
    assert "もう一度送る" in page
    post(signed_in(owner), "mark-sent", uncertain)
    uncertain.refresh_from_db()
    assert (uncertain.state, uncertain.sent_at, uncertain.reason) == (State.SENT, now, "marked_sent")
    entry = AuditEntry.objects.get(code="mail.marked_sent")
    assert (entry.actor, entry.data) == (owner, {"mail": uncertain.pk})


def test_sent_again_on_a_persons_word_with_the_same_message_id(uncertain, signed_in, owner, now, smtp_sink):
    post(signed_in(owner), "send-again", uncertain)
    assert post(signed_in(owner), "send-again", uncertain).status_code == 302  # a double click
    assert delivery.sweep(now) == 1
    assert delivery.sweep(now) == 0
    uncertain.refresh_from_db()
    assert (uncertain.state, uncertain.attempt) == (State.SENT, 2)
    assert [message.message_id for message in smtp_sink.messages] == [uncertain.message_id] * 2
    assert AuditEntry.objects.filter(code="mail.sent_again").count() == 1


def test_a_failed_letter_gets_a_new_round_of_tries(failed, signed_in, owner, now, smtp_sink):
    later = now + timedelta(days=3)
    settling.send_again(failed, by=owner, now=later)
    smtp_sink.say("rcpt", "450 busy")
    delivery.sweep(later)
    failed.refresh_from_db()
    assert (failed.state, failed.due_at) == (State.PLANNED, later + timedelta(minutes=1))
    delivery.sweep(failed.due_at)
    failed.refresh_from_db()
    assert failed.state == State.SENT


def test_a_letter_that_was_too_late_gets_another_day(smtp_sink, now, owner):
    mail = queue(not_after=now + timedelta(minutes=5))
    smtp_sink.say("data", DROP)
    delivery.sweep(now)
    mail.refresh_from_db()
    settling.send_again(mail, by=owner, now=now + timedelta(hours=1))
    delivery.sweep(now + timedelta(hours=1))
    mail.refresh_from_db()
    assert mail.state == State.SENT


def test_an_old_page_cannot_settle_a_newer_try(uncertain, signed_in, owner, now, smtp_sink):
    old_page = uncertain.lease_token
    post(signed_in(owner), "send-again", uncertain)
    smtp_sink.say("data", DROP)
    delivery.sweep(now)
    response = signed_in(owner).post(
        reverse("desk-mail:mark-sent", args=[uncertain.pk]), {"seen": old_page}, follow=True
    )
    uncertain.refresh_from_db()
    assert uncertain.state == State.UNCERTAIN
    assert "ほかの操作により" in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_two_colleagues_settle_one_letter(uncertain, owner, now):
    start = threading.Barrier(2)
    results = []

    def decide(deed):
        mail = OutgoingMail.objects.get(pk=uncertain.pk)
        start.wait()
        try:
            deed(mail, by=owner, now=now)
            results.append(True)
        except settling.AlreadySettled:
            results.append(False)
        connection.close()

    threads = [threading.Thread(target=decide, args=(deed,)) for deed in (settling.mark_sent, settling.send_again)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, True]
    assert AuditEntry.objects.filter(code__startswith="mail.").count() == 1


def test_a_waiting_letter_is_taken_back(smtp_sink, now, signed_in, owner):
    mail = queue()
    post(signed_in(owner), "cancel", mail)
    assert delivery.sweep(now) == 0
    mail.refresh_from_db()
    assert (mail.state, mail.reason) == (State.CANCELLED, "by_staff")
    sent = queue("other")
    delivery.sweep(now)
    sent.refresh_from_db()
    response = signed_in(owner).post(
        reverse("desk-mail:cancel", args=[sent.pk]), {"seen": sent.lease_token}, follow=True
    )
    assert "ほかの操作により" in response.content.decode()


# --- the list -----------------------------------------------------------------------------------------------------


def test_the_list_by_tab_kind_and_words(failed, now, owner, signed_in):
    fill(3)
    care = queue("care", subject="お手入れ", mail_class="service", headers=UNSUBSCRIBE)
    client = signed_in(owner)

    def shown(**query):
        return {mail.key for mail in client.get(reverse("desk-mail:list"), query).context["page"].letters}

    assert shown() == {"failed", "k0", "k1", "k2", "care"}
    assert shown(show="attention") == {"failed"}
    assert shown(show="waiting") == {"care"}
    assert shown(show="sent") == {"k0", "k1", "k2"}
    assert shown(mail_class="service") == {"care"}
    assert shown(mail_class="service", show="sent") == set()
    assert shown(q="C1@mail.example") == {"k1"}
    assert shown(q="手入れ") == {"care"}
    assert shown(q="件名", show="sent") == {"k0", "k1", "k2"}
    assert shown(show="nonsense", before="x", mail_class="nonsense") == {"failed", "k0", "k1", "k2", "care"}
    assert shown(q="%") == set()
    assert client.get(reverse("desk-mail:list"), {"q": "\x00"}).status_code == 200
    assert care.subject in client.get(reverse("desk-mail:list")).content.decode()


def test_pages_follow_one_another_without_gap_or_repetition(now):
    fill(120)
    seen, before = [], None
    for _ in range(3):
        page = listing.page(tab="sent", before=before)
        seen += [mail.pk for mail in page.letters]
        before = page.older
    assert before is None
    assert len(seen) == 120
    assert seen == sorted(set(seen), reverse=True)


def test_the_list_asks_little(now, owner, signed_in, django_assert_max_num_queries):
    fill(60)
    client = signed_in(owner)
    with django_assert_max_num_queries(12):
        assert client.get(reverse("desk-mail:list"), {"show": "unsent"}).status_code == 200


def test_no_question_of_the_list_reads_the_whole_table(now):
    fill(9000)
    questions = [
        {}, {"tab": "sent"}, {"tab": "attention"}, {"mail_class": "advertising"}, {"tab": "unsent", "before": 900},
        {"search": "c77@mail.example"}, {"tab": "sent", "mail_class": "service"}, {"search": "件名 7"},
    ]  # fmt: skip
    for question in questions:
        with CaptureQueriesContext(connection) as queries:
            listing.page(**question)
        for query in queries.captured_queries:
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN " + query["sql"])
                plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "Seq Scan" not in plan, query["sql"]


def test_subjects_are_searched_in_the_newest_letters_only(now, monkeypatch):
    monkeypatch.setattr(listing, "SUBJECT_WINDOW", 5)
    fill(20)
    assert [mail.subject for mail in listing.page(search="件名 1").letters] == [f"件名 {n}" for n in range(19, 14, -1)]


# --- stopped addresses --------------------------------------------------------------------------------------------


def test_staff_stop_and_allow_an_address(signed_in, owner, now):
    client = signed_in(owner)
    url = reverse("desk-mail:stopped")
    bad = client.post(url, {"address": "nobody", "scope": "all", "evidence": "電話"})
    assert bad.status_code == 422
    assert "電話" in bad.content.decode()
    client.post(url, {"address": " Da.Me..@docomo.ne.jp", "scope": "service", "evidence": "電話で"})
    row = Suppression.objects.get()
    assert (row.address, row.scope, row.reason, row.by) == ("da.me..@docomo.ne.jp", "service", "manual", owner)
    assert suppressions.blocked("da.me..@docomo.ne.jp", "service") == "manual"
    assert suppressions.blocked("da.me..@docomo.ne.jp", "transactional") == ""
    assert "電話で" in client.get(url, {"q": "DA.me..@docomo.ne.jp"}).content.decode()
    release = reverse("desk-mail:release", args=[row.pk])
    assert client.get(release).status_code == 200
    assert client.post(release, {"note": ""}).status_code == 422
    assert Suppression.objects.exists()
    assert client.post(release, {"note": "ご本人から"}).status_code == 302
    assert not Suppression.objects.exists()
    codes = list(AuditEntry.objects.order_by("pk").values_list("code", flat=True))
    assert codes == ["suppression.added", "suppression.released"]
    assert AuditEntry.objects.order_by("pk").last().data["evidence"] == "電話で"


def test_a_bounce_weighs_more_than_an_unsubscription(now):
    suppressions.suppress("a@mail.example", scope="all", reason="unsubscribed", now=now)
    assert suppressions.blocked("a@mail.example", "transactional") == ""
    suppressions.suppress("a@mail.example", scope="all", reason="bounced", now=now)
    suppressions.suppress("a@mail.example", scope="all", reason="unsubscribed", now=now)
    assert suppressions.blocked("a@mail.example", "transactional") == "bounced"
    assert Suppression.objects.count() == 1
    suppressions.suppress("b@mail.example", scope="service", reason="unsubscribed", now=now)
    suppressions.suppress("b@mail.example", scope="all", reason="complained", now=now)
    assert suppressions.blocked("b@mail.example", "service") == "complained"


def test_a_letter_file_that_lost_its_attachment(owner, signed_in, now):
    mail = queue(attachments=[{"name": "a.pdf", "type": "application/pdf", "storage_key": "nowhere/a"}])
    assert signed_in(owner).get(reverse("desk-mail:eml", args=[mail.pk])).status_code == 404


def test_a_letter_that_waits_can_be_looked_at(owner, signed_in, now):
    mail = queue(due_at=now + timedelta(days=1))
    client = signed_in(owner)
    assert "送信を取り消す" in client.get(reverse("desk-mail:detail", args=[mail.pk])).content.decode()
    message = email.message_from_bytes(client.get(reverse("desk-mail:eml", args=[mail.pk])).content)
    assert message["Message-ID"] == mail.message_id


@pytest.mark.parametrize("name", ["admin:mail_consent_changelist", "admin:mail_suppression_changelist"])
def test_evidence_is_read_only(name, owner, agent, signed_in):
    assert signed_in(owner).get(reverse(name)).status_code == 200
    assert signed_in(owner).get(reverse(name.replace("changelist", "add"))).status_code == 403
    assert signed_in(agent).get(reverse(name)).status_code == 403


def test_a_one_time_key_is_hidden_from_staff_until_it_has_run_out(owner, signed_in, now, monkeypatch):
    mail = queue(text="コード：123456", html="<p>123456</p>", not_after=now + timedelta(minutes=10), confidential=True)
    client = signed_in(owner)
    addresses = [reverse(f"desk-mail:{name}", args=[mail.pk]) for name in ("detail", "html", "eml")]
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=10))
    answers = [client.get(address) for address in addresses]
    assert [answer.status_code for answer in answers] == [200, 404, 404]
    assert "123456" not in answers[0].content.decode()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=11))
    assert all(b"123456" in client.get(address).content for address in addresses[:2])
