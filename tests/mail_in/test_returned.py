"""Returned mail in all known forms names its recipient; what only speaks of returned things is somebody's letter."""

import pytest

from shopdesk.mail.parsing import Kind, parse
from tests.mail_in import not_returned, returned


@pytest.mark.parametrize(
    ("raw", "want", "strength"), [row[1:] for row in returned.ROWS], ids=[r[0] for r in returned.ROWS]
)
def test_a_report_names_who_did_not_get_it(raw, want, strength):
    mail = parse(raw)
    assert mail.kind is Kind.BOUNCE
    assert sorted(one.address for one in mail.bounce.recipients) == sorted(want)
    assert strength is None or {one.strength for one in mail.bounce.recipients} == {strength}
    if b"Message-ID: <ours@" in raw:
        assert mail.bounce.original_message_id == "<ours@mail.shop.example>"


@pytest.mark.parametrize("row", not_returned.ROWS, ids=[f"{i} {r[0].strip()}" for i, r in enumerate(not_returned.ROWS)])
def test_a_letter_about_undelivered_things_is_no_report(row):
    mail = parse(not_returned.raw(row))
    assert mail.kind.value in row[5]
    if "bounce" not in row[5]:
        assert mail.bounce.recipients == ()
