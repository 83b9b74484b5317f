"""Japanese mail as programs and phones write it: our own files, golden values, no character lost."""

import json

import pytest

from shopdesk.mail.parsing import parse
from tests.mail_in import eml_source
from tests.mail_in.fitness import faults

GOLDEN = json.loads((eml_source.FOLDER / "golden.json").read_text())


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_mail_reads_as_it_was_written(name):
    want = GOLDEN[name]
    mail = parse((eml_source.FOLDER / f"{name}.eml").read_bytes())

    assert faults(mail) == []
    assert "\ufffd" not in mail.subject + mail.text + mail.html
    assert [mail.sender.name, mail.sender.address] == want["sender"]
    exact = {
        "subject": mail.subject,
        "text": mail.text,
        "reply": mail.reply_text,
        "to": [person.address for person in mail.to],
        "names": [file.name for file in mail.attachments],
        "inline": [file.inline for file in mail.attachments],
        "kind": mail.kind.value,
        "bounced": [[one.address, one.reason, one.hard] for one in mail.bounce.recipients],
        "original": mail.bounce.original_message_id,
        "to_answer": mail.to_answer,
    }
    for key in exact.keys() & want.keys():
        assert exact[key] == want[key], key
    assert all(piece in mail.html for piece in want.get("html_has", []))
    assert not any(piece in mail.html for piece in want.get("html_without", []))
    assert all(piece in mail.text for piece in want.get("text_has", []))
    assert not want.keys() - exact.keys() - {"sender", "html_has", "html_without", "text_has"}


def test_the_files_are_what_the_source_says():
    assert len(eml_source.CASES) >= 40
    for name, raw, want in eml_source.CASES:
        assert (eml_source.FOLDER / f"{name}.eml").read_bytes() == raw, name
        assert GOLDEN[name] == want, name
