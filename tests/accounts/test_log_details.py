"""An entry of the audit log on its own page: what changed from what to what, in words; the row keeps its codes."""

import re
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation
from django.utils.html import strip_tags

from shopdesk.accounts import facts, sentences
from shopdesk.accounts.models import AuditEntry, Role
from shopdesk.accounts.permissions import P
from shopdesk.mail import suppressions
from shopdesk.mail.models import Suppression
from tests import make
from tests.make import NOW

pytestmark = pytest.mark.django_db


def entry(code, **data):
    return AuditEntry.objects.create(code=code, at=NOW, data=data)


def page(client, row):
    text = client.get(reverse("admin:accounts_auditentry_change", args=[row.pk])).text
    part = text.split('<div class="stack-s">')[1].split("</fieldset>")[0]
    return " ".join(strip_tags(part.replace(">", "> ")).split())


@pytest.fixture
def client(owner, signed_in):
    return signed_in(owner)


def test_settings_are_shown_as_before_and_after(client):
    store = make.make_store()
    row = entry(
        "settings.changed", table="shop.store", row=store.pk, name="本店",
        changes=[["sender_name", "くらし", "道具店"], ["requires_cause", False, True], ["signature_ja", "", "あ" * 90]],
    )  # fmt: skip
    text = page(client, row)
    assert "項目 変更前 変更後 差出人名 くらし 道具店 完了には原因の入力が必要 オフ オン" in text
    assert "あ" * 90 in text  # the whole of it, where the list cuts
    for words in ("対象 店舗", f"行の番号 {store.pk}", "名前 本店"):
        assert words in text
    for raw in ("sender_name", "shop.store", '["', "{"):
        assert raw not in text
    with translation.override("en"):
        assert facts.changes(row)[1] == ("a cause is needed to close", "off", "on")
    assert AuditEntry.objects.get().data["changes"][1] == ["requires_cause", False, True]


def test_what_was_written_is_text_and_no_page(client):
    row = entry("settings.changed", table="shop.store", name="<b>x</b>", changes=[["name", "<i>", "<script>alert(1)"]])
    text = client.get(reverse("admin:accounts_auditentry_change", args=[row.pk])).text
    for raw in ("<b>x", "<i>", "<script>alert"):
        assert raw not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_list_of_roles_asks_for_their_names_once(client, owner, django_assert_max_num_queries):
    def ask():
        return client.get(reverse("admin:accounts_auditentry_changelist"))

    for _ in range(3):
        entry("role.changed", role="agent")
    with CaptureQueriesContext(connection) as few:
        assert ask().text.count(f"役割「{Role.objects.get(code='agent').name_ja}」を変更しました") == 3
    for _ in range(9):
        entry("staff.added", user=owner.pk, role="owner")
    with django_assert_max_num_queries(len(few)):
        assert ask().text.count(f"（{Role.objects.get(code='owner').name_ja}）") == 9


def test_roles_and_permissions_have_their_names(client):
    text = page(client, entry("role.changed", role="agent", gained=["inquiries.approve", "gone.by"], lost=[]))
    assert f"追加した権限 {P.INQUIRIES_APPROVE.label}、gone.by" in text
    assert f"役割 {Role.objects.get(code='agent')}" in text
    for code in ("inquiries.approve", "agent"):
        assert code not in text


@pytest.mark.parametrize("language", ["ja", "en"])
def test_codes_have_words(language, owner):
    suppressions.suppress(
        "taro@mail.example", scope=Suppression.Scope.ADVERTISING, reason=Suppression.Reason.MANUAL, now=NOW, by=owner
    )
    rows = [
        AuditEntry.objects.get(),
        entry("mail.held", reason="blast", due=300, usual=4),
        entry("two_factor.added", type="totp"),
        entry("inquiry.read", what="file", number="Q-1", inquiry=7),
        entry("followups.sequence_status", sequence="care", status="paused"),
        entry("mailbox.changed", mailbox=3, fields=["host", "secret"]),
        entry("sign_in.failed", ip="192.0.2.7", user=None),
    ]
    with translation.override(language):
        said = [*(sentences.sentence(row) for row in rows), *(str(facts.others(row)) for row in rows)]
    for code in ("blast", "totp", "manual", "'host'", "inquiry.read"):
        assert code not in " ".join(said)
    assert NOW.isoformat() not in " ".join(said)
    known = {name for row in rows for name, _value in facts.others(row)}
    assert not known & {"ip", "due", "usual", "what", "number", "mailbox", "fields", "sequence", "status"}


def test_every_key_that_is_written_has_a_name():
    """What a room puts into the log is read by people: ``audit.record(…, key=…)``."""
    root = Path(facts.__file__).parents[2]
    written = set()
    for folder in ("shopdesk", "inquiries", "faq", "returns", "followups"):
        for path in (root / folder).rglob("*.py"):
            for call in re.findall(r"audit\.record\(([^()]*(?:\([^()]*\)[^()]*)*)\)", path.read_text()):
                written |= set(re.findall(r"\b(\w+)=", call))
    assert len(written) > 30
    assert written - {"actor", "now", "changes"} <= set(facts._NAMES)


def test_a_table_or_field_that_is_gone_leaves_its_bare_name(client):
    text = page(client, entry("settings.changed", table="shop.gone", name="x", changes=[["old", 1, 2]]))
    assert "old 1 2" in text
    assert "shop.gone" in text
    assert page(client, entry("from_the_future", thing=1)) == "thing 1"
