"""Stopping mail: by the mailbox provider's one click (RFC 8058), by a person on the page, and undoing it."""

import re

import pytest
from django.db import connection
from django.test import Client

from followups import sending, subscribing
from followups.models import PlannedMail
from shopdesk import tokens
from shopdesk.mail import consents, suppressions
from shopdesk.mail.models import Consent, OutgoingMail, Suppression
from tests.followups.make import give_consent, make_planned, make_sequence, make_step
from tests.make import NOW, make_order

State = PlannedMail.State
ADDRESS = "hanako@mail.example"


@pytest.fixture
def strict():
    """A client as strict about CSRF as a browser's site, without any cookie."""
    return Client(enforce_csrf_checks=True)


def letter_of(mail_class="service"):
    if mail_class == "advertising":
        give_consent()
    planned = make_planned(make_step(make_sequence(mail_class, mail_class=mail_class)), make_order())
    sending.sweep(NOW)
    planned.refresh_from_db()
    assert planned.state == State.QUEUED
    return planned


def link_of(planned):
    header = OutgoingMail.objects.get(key=planned.mail_key).headers["List-Unsubscribe"]
    return re.fullmatch(r"<http://testserver(.*)>", header)[1]


@pytest.mark.django_db
@pytest.mark.parametrize("encoding", ["urlencoded", "multipart"])
def test_one_click_stops_at_once_without_cookie_token_or_redirect(strict, encoding):
    planned = letter_of()
    if encoding == "urlencoded":
        answer = strict.post(
            link_of(planned), "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
        )
    else:
        answer = strict.post(link_of(planned), {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert not answer.cookies
    row = Suppression.objects.get()
    assert (row.address, row.scope, row.reason) == (ADDRESS, "service", "unsubscribed")
    assert row.evidence == f"one-click: planned {planned.pk}"


@pytest.mark.django_db
def test_one_click_again_changes_nothing(strict):
    url = link_of(letter_of())
    for _ in range(3):
        assert strict.post(url, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Suppression.objects.count() == 1


@pytest.mark.django_db
def test_unsubscribing_stops_the_rest(strict):
    first = letter_of()
    rest = make_planned(make_step(first.sequence, delay=30), first.order, due_at=NOW)
    strict.post(link_of(first), {"List-Unsubscribe": "One-Click"})
    sending.sweep(NOW)
    rest.refresh_from_db()
    assert (rest.state, rest.reason, rest.decision["why"]) == (State.SKIPPED, "suppressed", "unsubscribed")
    assert OutgoingMail.objects.count() == 1


@pytest.mark.django_db
def test_one_click_of_advertising_takes_consent_back_and_leaves_after_care(strict):
    planned = letter_of("advertising")
    strict.post(link_of(planned), {"List-Unsubscribe": "One-Click"})
    assert suppressions.blocked(ADDRESS, "advertising") == "unsubscribed"
    assert suppressions.blocked(ADDRESS, "service") == ""
    assert consents.has_consent(ADDRESS) is False
    assert [act.act for act in Consent.objects.order_by("pk")] == ["given", "withdrawn"]


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "head"])
def test_opening_the_link_changes_nothing(strict, method):
    url = link_of(letter_of())
    answer = getattr(strict, method)(url)
    assert answer.status_code == 200
    assert not Suppression.objects.exists()
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(strict, method):
    assert getattr(strict, method)(link_of(letter_of())).status_code == 405
    assert not Suppression.objects.exists()


@pytest.mark.django_db
def test_forged_links_find_nothing(strict):
    url = link_of(letter_of())
    token = url.rstrip("/").rpartition("/")[2]
    other_purpose = tokens.sign("preferences", {"address": ADDRESS})
    wrong_data = [tokens.sign("unsubscribe", data) for data in ("x", [], {}, {"address": "not an address"})]
    forged = [
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        "x" + token,
        token + "x",
        "abc",
        other_purpose,
        *wrong_data,
    ]
    for bad in forged:
        assert strict.post(f"/preferences/u/{bad}/", {"List-Unsubscribe": "One-Click"}).status_code == 404
        assert strict.get(f"/preferences/u/{bad}/").status_code == 404
        if bad != other_purpose:
            assert strict.post(f"/preferences/{bad}/").status_code == 404
    assert not Suppression.objects.exists()


@pytest.mark.django_db
def test_a_link_does_not_grow_old(strict, monkeypatch):
    url = link_of(letter_of())
    monkeypatch.setattr("django.core.signing.time.time", lambda: 4_000_000_000)
    assert strict.post(url, {"List-Unsubscribe": "One-Click"}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("scope", "stopped"),
    [
        ("this", {"service"}),
        ("advertising", {"advertising"}),
        ("all", {"service", "advertising"}),
        ("nonsense", {"service"}),
    ],
)
def test_a_person_chooses_what_to_stop_and_undoes_it(strict, scope, stopped):
    url = link_of(letter_of())
    page = strict.post(url, {"scope": scope})
    assert page.status_code == 200
    blocked = {kind for kind in ("transactional", "service", "advertising") if suppressions.blocked(ADDRESS, kind)}
    assert blocked == stopped
    assert strict.post(url, {"scope": "undo", "undo": scope if scope != "nonsense" else "this"}).status_code == 200
    assert not Suppression.objects.exists()


@pytest.mark.django_db
def test_undoing_gives_consent_back_only_where_it_was_taken(strict):
    url = link_of(letter_of("advertising"))
    strict.post(url, {"scope": "all"})
    assert consents.has_consent(ADDRESS) is False
    strict.post(url, {"scope": "undo", "undo": "all"})
    assert consents.has_consent(ADDRESS) is True


@pytest.mark.django_db
def test_undoing_invents_no_consent(strict):
    url = link_of(letter_of())
    strict.post(url, {"scope": "all"})
    strict.post(url, {"scope": "undo", "undo": "all"})
    assert not Consent.objects.exists()


@pytest.mark.django_db
def test_a_bounce_cannot_be_undone_by_a_link(strict):
    url = link_of(letter_of())
    suppressions.suppress(ADDRESS, scope="service", reason="bounced", now=NOW)
    strict.post(url, {"scope": "undo", "undo": "this"})
    assert suppressions.blocked(ADDRESS, "service") == "bounced"


@pytest.mark.django_db
def test_preference_centre(strict):
    url = "/preferences/" + tokens.sign("preferences", {"address": ADDRESS}) + "/"
    page = strict.get(url).content.decode()
    boxes = re.findall(r"<input[^>]*type=\"checkbox\"[^>]*>", page)
    assert ["checked" in box for box in boxes] == [True, False]  # advertising is never ticked beforehand
    assert not Consent.objects.exists()
    assert not Suppression.objects.exists()

    strict.post(url, {"service": "on", "advertising": "on"})
    given = Consent.objects.get()
    assert (given.act, given.source) == ("given", "preference centre")
    assert given.wording  # the words that stood beside the box
    assert suppressions.blocked(ADDRESS, "service") == ""

    strict.post(url, {"service": "on"})
    assert consents.has_consent(ADDRESS) is False
    assert suppressions.blocked(ADDRESS, "advertising") == "unsubscribed"
    assert suppressions.blocked(ADDRESS, "service") == ""

    strict.post(url, {})
    assert suppressions.blocked(ADDRESS, "service") == "unsubscribed"
    strict.post(url, {"service": "on", "advertising": "on"})
    assert not Suppression.objects.exists()


@pytest.mark.django_db
def test_the_page_does_not_name_the_customer(strict):
    page = strict.get(link_of(letter_of())).content.decode()
    assert "山田" not in page
    assert "noindex" in page


@pytest.mark.django_db(transaction=True)
def test_after_the_answer_no_letter_of_that_kind_is_queued():
    """Somebody unsubscribes while a letter is being decided: it waits, and the next letter is not queued."""
    from threading import Event, Thread

    from django.db import connections, transaction

    from followups import subscribing
    from shopdesk.shop.models import Customer

    planned = make_planned(make_step(make_sequence()), make_order())
    done = Event()

    def stop():
        try:
            subscribing.stop(ADDRESS, scope=Suppression.Scope.SERVICE, evidence="test", now=NOW)
        finally:
            done.set()
            connections.close_all()

    with transaction.atomic():
        Customer.objects.select_for_update().get(pk=planned.customer_id)  # what the gate holds while it decides
        thread = Thread(target=stop)
        thread.start()
        assert not done.wait(0.3)
    thread.join()
    sending.sweep(NOW)
    planned.refresh_from_db()
    assert (planned.state, planned.reason) == (State.SKIPPED, "suppressed")
    assert not OutgoingMail.objects.exists()


def test_whose_address_it_is_is_found_by_indexes(db, django_assert_num_queries):
    make_order(email="Hanako@Mail.example")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    with django_assert_num_queries(3) as queries:
        subscribing._lock(ADDRESS)
    for query in queries.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + query["sql"])
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Seq Scan" not in plan, plan
    assert "shop_customer" in queries.captured_queries[2]["sql"]
