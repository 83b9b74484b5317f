"""Changed settings are in the audit log, with what stood there before."""

from types import SimpleNamespace

import pytest
from django.contrib.admin import site
from django.forms import model_to_dict
from django.urls import reverse
from django.utils import translation

from inquiries.models import ApprovalRule, Cause
from inquiries.models import Category as InquiryCategory
from returns.models import Policy, Reason
from shopdesk.accounts import recording, sentences
from shopdesk.accounts.models import AuditEntry, Role
from shopdesk.shop.models import Closure, Store
from tests import make
from tests.faq.make import make_category

pytestmark = pytest.mark.django_db


@pytest.fixture
def store(db):
    return make.make_store()


def filled(row, **more):
    """What the page of a row posts, with some fields typed anew."""
    values = {name: value for name, value in model_to_dict(row).items() if value is not None and value is not False}
    values = {
        name: ",".join(value)
        if isinstance(value, list) and all(isinstance(one, str) for one in value)
        else [one.pk for one in value]
        if isinstance(value, list)
        else value
        for name, value in values.items()
    }
    return {name: value for name, value in (values | more).items() if value is not None}


def change(client, row, **more):
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    answer = client.post(address, filled(row, **more))
    assert answer.status_code == 302, answer.context["errors"]


def log():
    return list(AuditEntry.objects.filter(code__startswith="settings.").order_by("pk"))


def said(entry, language="ja"):
    with translation.override(language):
        return sentences.sentence(entry)


def test_a_changed_store_is_on_record_with_what_stood_there_before(owner, signed_in, store):
    change(signed_in(owner), store, sender_name="くらし窓口", undo_seconds="30", requires_cause="on")
    (entry,) = log()
    assert (entry.code, entry.actor, entry.data["table"], entry.data["row"]) == (
        "settings.changed", owner, "shop.store", store.pk,
    )  # fmt: skip
    assert entry.data["changes"] == [
        ["sender_name", "くらしの道具店", "くらし窓口"], ["undo_seconds", 0, 30], ["requires_cause", False, True],
    ]  # fmt: skip
    assert said(entry) == (
        "設定を変更しました：店舗「くらしの道具店」（差出人名：くらしの道具店 → くらし窓口、"
        "送信取り消しができる秒数：0 → 30、完了には原因の入力が必要：オフ → オン）"
    )
    assert said(entry, "en") == (
        "Changed in the settings: store “くらしの道具店” – sender name: くらしの道具店 → くらし窓口, "
        "seconds to take a reply back: 0 → 30, a cause is needed to close: off → on"
    )


def test_saving_without_a_change_is_no_act(owner, signed_in, store):
    change(signed_in(owner), store)
    assert log() == []


def test_other_line_ends_are_no_change(owner, signed_in, store):
    Store.objects.update(signature_ja="くらしの道具店\nお客様窓口")
    store.refresh_from_db()
    change(signed_in(owner), store, signature_ja="くらしの道具店\r\nお客様窓口", undo_seconds="5")
    (entry,) = log()
    assert entry.data["changes"] == [["undo_seconds", 0, 5]]


def test_what_is_refused_is_not_on_record(owner, signed_in, store):
    address = reverse("admin:shop_store_change", args=[store.pk])
    assert signed_in(owner).post(address, filled(store, undo_seconds="61")).status_code == 200
    assert log() == []


def test_a_changed_return_policy_is_on_record_with_its_reasons(owner, signed_in):
    policy = Policy.objects.order_by("pk").first()
    first, second = Reason.objects.order_by("pk")[:2]
    policy.reasons.set([first])
    change(signed_in(owner), policy, window_days="30", reasons=[second.pk], fault="shop")
    (entry,) = log()
    told = {name: (before, after) for name, before, after in entry.data["changes"]}
    assert told["reasons"] == ([str(first)], [str(second)])
    assert told["window_days"][1] == 30
    assert "返品" in said(entry)


def test_changed_categories_are_on_record(owner, signed_in):
    client = signed_in(owner)
    change(client, InquiryCategory.objects.get(slug="spec"), reply_minutes="90", is_complaint="on")
    change(client, make_category(), name_en="Sending back")
    of_inquiries, of_articles = log()
    assert of_inquiries.data["table"] == "inquiries.category"
    assert ["is_complaint", False, True] in of_inquiries.data["changes"]
    assert of_articles.data["changes"] == [["name_en", "Returns", "Sending back"]]


def test_a_relation_is_told_by_its_names(owner, agent, signed_in):
    rule = ApprovalRule.objects.create(name="新人", author=agent)
    role = Role.objects.get(code="agent")
    change(signed_in(owner), rule, author=None, role=role.pk)
    (entry,) = log()
    assert entry.data["changes"] == [["author", str(agent), None], ["role", None, str(role)]]


def test_what_is_added_and_deleted_is_on_record(owner, signed_in):
    client = signed_in(owner)
    words = filled(Cause(name_ja="緩衝材の不足", name_en="Defect"))
    assert client.post(reverse("admin:inquiries_cause_add"), words).status_code == 302
    policy = Policy.objects.order_by("pk").first()
    name = str(policy)
    assert client.post(reverse("admin:returns_policy_delete", args=[policy.pk]), {"post": "yes"}).status_code == 302
    added, deleted = log()
    assert (added.code, added.data["row"]) == ("settings.added", Cause.objects.get(name_ja="緩衝材の不足").pk)
    assert (deleted.code, deleted.data["name"]) == ("settings.deleted", name)
    assert ["slug", policy.slug, None] in deleted.data["changes"]
    assert name in said(deleted)


def test_days_switched_from_the_list_are_on_record(owner, signed_in):
    closed = Closure.objects.create(first_day="2027-02-01", last_day="2027-02-02", name="棚卸", active=False)
    other = Closure.objects.create(first_day="2027-03-01", last_day="2027-03-02", name="研修", active=True)
    words = {"action": "close", "_selected_action": [closed.pk, other.pk]}
    assert signed_in(owner).post(reverse("admin:shop_closure_changelist"), words).status_code == 302
    assert Closure.objects.filter(active=True).count() == 2
    (entry,) = log()
    assert (entry.data["row"], entry.data["changes"]) == (closed.pk, [["active", False, True]])


def test_long_words_are_cut_and_secrets_never_kept(owner, signed_in, store, monkeypatch):
    change(signed_in(owner), store, signature_ja="署" * 900)
    (entry,) = log()
    assert entry.data["changes"] == [["signature_ja", "くらしの道具店 お客様窓口", "署" * recording.LONGEST]]
    assert "署" * 40 + "…" in said(entry)
    assert "署" * 41 not in said(entry)

    form = SimpleNamespace(
        changed_data=["api_token"], cleaned_data={"api_token": "s3cret"}, initial={"api_token": "older"}
    )
    assert recording.changes(form) == [["api_token", "***", "***"]]

    # Of a row that goes away just as little: a table that is on record one day may have such a field.
    monkeypatch.setattr(recording, "model_to_dict", lambda row: {"name": row.name, "api_token": "s3cret"})
    recording.RecordedModelAdmin(Store, site).put_on_record(SimpleNamespace(user=owner), "deleted", [store])
    assert log()[-1].data["changes"] == [["name", store.name, None], ["api_token", "***", None]]


def test_an_entry_of_a_table_that_is_gone_is_still_read(owner, now):
    data = {"table": "shop.gone", "row": 1, "name": "何か", "changes": [["x", 1, 2]]}
    entry = AuditEntry.objects.create(code="settings.changed", at=now, actor=owner, data=data)
    assert "何か" in said(entry)
    entry.data = {**data, "table": "shop.store"}
    assert "x：1 → 2" in said(entry)


def test_who_may_not_change_settings_leaves_nothing(agent, signed_in, store):
    address = reverse("admin:shop_store_change", args=[store.pk])
    assert signed_in(agent).post(address, filled(store, sender_name="x")).status_code == 403
    assert log() == []
    assert Store.objects.get(pk=store.pk).sender_name == make.make_store().sender_name
