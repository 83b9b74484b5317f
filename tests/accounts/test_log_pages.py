"""The pages of the audit log: acts in words, moments in the shop's zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import translation

from shopdesk.accounts import sentences
from shopdesk.accounts.models import AuditEntry

pytestmark = pytest.mark.django_db


def test_an_entry_is_read_in_words_and_in_the_shops_time(client, owner):
    client.force_login(owner)
    at = datetime(2026, 11, 19, 23, 5, tzinfo=ZoneInfo("UTC"))
    entry = AuditEntry.objects.create(
        code="inquiry.read", at=at, actor=owner, data={"number": "Q-7K3F9M", "what": "page"}
    )
    text = client.get(reverse("admin:accounts_auditentry_changelist")).content.decode()
    assert "2026年11月20日 08:05" in text
    assert "問い合わせQ-7K3F9Mを閲覧しました" in text
    assert ">問い合わせ…を閲覧しました</a>" in text  # the filter's line
    assert ">inquiry.read<" not in text
    page = client.get(reverse("admin:accounts_auditentry_change", args=[entry.pk])).content.decode()
    assert "<h1>問い合わせQ-7K3F9Mを閲覧しました</h1>" in page
    assert "2026年11月20日 08:05" in page
    assert "2026-11-19" not in page


def test_no_act_is_called_by_what_only_its_data_says():
    for language, texts in (("ja", "–（）：("), ("en", "–()“:")):
        with translation.override(language):
            named = [sentences.kind(code.partition(":")[0]) for code in sentences._SENTENCES]
            assert [name for name in named if set(name) & set(texts)] == []
            assert all(named)


@pytest.mark.parametrize(
    ("name", "current"),
    [
        ("accounts_user_changelist", "スタッフ"),
        ("accounts_auditentry_changelist", "操作記録"),
        ("shop_store_changelist", "設定"),
    ],
)
def test_a_table_page_says_where_it_stands_in_the_navigation(client, owner, name, current):
    client.force_login(owner)
    text = client.get(reverse(f"admin:{name}")).content.decode()
    assert f'aria-current="page">{current}' in text
