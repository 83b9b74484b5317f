"""What is being written: drafts, copies, files, names of colleagues; kept on the server and sent by nobody but people."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from inquiries import attachments, drafts, filing, mentions, merging, replying
from inquiries.answers import Answer
from inquiries.models import Attachment, Draft, DraftFile, Inquiry, Mention, Message
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.filing.make import receive
from tests.inquiries.make import make_inquiry

HTMX = {"HX-Request": "true"}
PDF = b"%PDF-1.7\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def url(inquiry, deed=""):
    return f"/admin/inquiries/{inquiry.pk}/{deed}"


def page(staff, inquiry, deed=""):
    return staff.get(url(inquiry, deed)).content.decode()


def pdf(name="お手入れ.pdf", more=b""):
    return SimpleUploadedFile(name, PDF + more, content_type="application/pdf")


@pytest.fixture
def inquiry(db):
    return make_inquiry(customer=make.make_customer())


# --- drafts -------------------------------------------------------------------------------------------------------


def test_a_draft_survives_signing_out(inquiry, agent, signed_in):
    staff = signed_in(agent)
    data = {"body": "途中まで", "cc": "Family@Mail.example", "bcc": "boss@mail.example", "templates": "3,17"}
    answer = staff.post(url(inquiry, "draft/"), data, headers=HTMX)
    assert answer.status_code == 200
    assert "下書きを保存しました" in answer.content.decode()
    staff.logout()
    draft = Draft.objects.get()
    assert (draft.body, draft.cc, draft.bcc) == ("途中まで", ["family@mail.example"], ["boss@mail.example"])
    assert draft.templates == [3, 17]
    text = page(signed_in(agent), inquiry)
    assert ">途中まで</textarea>" in text
    assert 'name="cc" id="composer-cc" value="family@mail.example"' in text


def test_one_draft_for_each_person_and_inquiry(inquiry, now, agent, assistant):
    for place in range(3):
        drafts.save(inquiry, body=f"版{place}", by=agent, now=now)
    drafts.save(inquiry, body="別の人", by=assistant, now=now)
    assert sorted(Draft.objects.values_list("body", flat=True)) == ["別の人", "版2"]
    drafts.save(inquiry, body=" \n ", by=agent, now=now)
    assert Draft.objects.get().author == assistant


def test_a_wrong_address_keeps_the_words(inquiry, now, agent, signed_in):
    drafts.save(inquiry, body="前", by=agent, now=now, cc=["family@mail.example"])
    answer = signed_in(agent).post(url(inquiry, "draft/"), {"body": "後", "cc": "家族", "bcc": ""}, headers=HTMX)
    assert "「家族」はメールアドレスではありません。" in answer.content.decode()
    assert (Draft.objects.get().body, Draft.objects.get().cc) == ("後", ["family@mail.example"])


def test_the_last_save_after_the_reply_makes_no_draft(inquiry, now, agent, signed_in):
    staff = signed_in(agent)
    staff.post(url(inquiry, "reply/"), {"body": "三色です。", "version": 1, "seen": 1, "then": "pending"})
    assert OutgoingMail.objects.count() == 1
    staff.post(url(inquiry, "draft/"), {"body": "三色です。"}, headers=HTMX)
    assert Draft.objects.count() == 0


def test_the_last_save_after_asking_for_approval_makes_no_draft(inquiry, assistant, signed_in):
    staff = signed_in(assistant)
    data = {"body": "三色です。", "version": 1, "seen": 1, "action": "approve"}
    assert staff.post(url(inquiry, "ask/"), data).status_code == 302
    staff.post(url(inquiry, "draft/"), {"body": "三色です。"}, headers=HTMX)
    assert Draft.objects.count() == 0
    assert OutgoingMail.objects.count() == 0


def test_a_colleagues_draft_is_told_and_taken_over_with_everything(inquiry, now, agent, assistant, signed_in):
    drafts.save(inquiry, body="自分の文", by=agent, now=now, cc=["a@mail.example"], templates=[1])
    drafts.save(inquiry, body="さくらの文", by=assistant, now=now, cc=["b@mail.example"], templates=[2])
    drafts.attach(inquiry, [pdf()], by=agent, now=now)
    drafts.attach(inquiry, [pdf(), pdf("別.pdf", b"x")], by=assistant, now=now)
    theirs = Draft.objects.get(author=assistant)
    staff = signed_in(agent)
    assert "下書きがあります：補助 さくら" in page(staff, inquiry)
    assert staff.post(url(inquiry, f"draft/{theirs.pk}/take/")).status_code == 302
    mine = Draft.objects.get()
    assert (mine.author, mine.body) == (agent, "自分の文\n\nさくらの文")
    assert (mine.cc, mine.templates) == (["a@mail.example", "b@mail.example"], [1, 2])
    assert sorted(DraftFile.objects.values_list("author", "name")) == [(agent.pk, "お手入れ.pdf"), (agent.pk, "別.pdf")]


def test_merging_sends_no_draft(now, agent, assistant, inquiry):
    """Two people write in two inquiries that a third person merges: nothing leaves, nothing is lost."""
    other = make_inquiry("Q-THER01", customer=inquiry.customer)
    drafts.save(inquiry, body="こちらの下書き", by=agent, now=now)
    drafts.save(other, body="あちらの下書き", by=agent, now=now)
    drafts.save(other, body="さくらの下書き", by=assistant, now=now)
    merging.merge(other, into=inquiry, by=make.make_user("third@shop.example"), now=now)
    assert OutgoingMail.objects.count() == 0
    assert Message.objects.filter(kind="reply").count() == 0
    kept = "\n".join(Draft.objects.filter(inquiry=inquiry).values_list("body", flat=True))
    for words in ("こちらの下書き", "あちらの下書き", "さくらの下書き"):
        assert words in kept


def test_a_new_reply_begins_with_the_opening_lines(inquiry, agent, signed_in):
    text = page(signed_in(agent), inquiry)
    assert ">山田 花子 様" in text
    assert "くらしの道具店 お客様窓口" in text  # the signature that will follow
    assert "honten@shop.example" in text  # whom it comes from


# --- copies -------------------------------------------------------------------------------------------------------


def test_reply_to_all_names_the_others_and_never_ourselves(inquiry, now, agent, signed_in):
    Message.objects.create(inquiry=inquiry, kind="received", body="返事", at=now, cc=["family@mail.example"])
    staff = signed_in(agent)
    text = page(staff, inquiry)
    assert "ほかの宛先：family@mail.example" in text
    assert 'id="composer-cc" value=""' in text
    assert 'id="composer-cc" value="family@mail.example"' in page(staff, inquiry, "?to=all")
    data = {"body": "三色です。", "version": 1, "seen": 9**9, "cc": "family@mail.example, honten@shop.example"}
    checked = staff.post(url(inquiry, "reply/"), data)
    if checked.status_code == 422:  # an address outside is asked about
        digest = checked.context["check"].digest
        checked = staff.post(url(inquiry, "reply/"), {**data, "checked": digest})
    assert checked.status_code == 302
    letter = OutgoingMail.objects.get()
    assert (letter.to_address, letter.cc) == ("hanako@mail.example", ["family@mail.example"])


def test_who_else_got_a_mail_is_kept_without_us(store, now):
    """FreeScout #2922: a reply to all that copies our own mailbox comes back as a new mail."""
    receive(to="honten@shop.example, Partner <Partner@Mail.example>", Cc="help@shop.example, x@mail.example", now=now)
    filing.sweep(now)
    assert sorted(Message.objects.get(kind="received").cc) == ["partner@mail.example", "x@mail.example"]


def test_masked_staff_get_no_fields_for_copies(inquiry, now, outsourced, signed_in):
    inquiry.assignee = outsourced
    inquiry.save(update_fields=["assignee"])
    Message.objects.create(inquiry=inquiry, kind="received", body="返事", at=now, cc=["family@mail.example"])
    text = page(signed_in(outsourced), inquiry, "?to=all")
    assert 'name="cc"' not in text
    assert "family@mail.example" not in text
    assert "hanako@mail.example" not in text


# --- files --------------------------------------------------------------------------------------------------------


def test_files_are_put_in_listed_and_taken_out(inquiry, agent, signed_in):
    staff = signed_in(agent)
    answer = staff.post(url(inquiry, "draft/files/"), {"files": [pdf(), pdf()], "body": "まだ"}, headers=HTMX)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert text.lstrip().startswith('<div class="composer-files" id="draft-files">')
    (file,) = DraftFile.objects.all()  # the same file twice is there once
    assert file.name == "お手入れ.pdf"
    assert text.count("お手入れ.pdf") == 2  # the name, and the name of its button
    assert default_storage.exists(file.storage_key)
    assert "お手入れ.pdf" in page(staff, inquiry)
    assert Draft.objects.count() == 0  # a file is not a text
    gone = staff.post(url(inquiry, f"draft/files/{file.pk}/remove/"), headers=HTMX)
    assert "お手入れ.pdf" not in gone.content.decode()
    assert DraftFile.objects.count() == 0
    assert staff.post(url(inquiry, f"draft/files/{file.pk}/remove/"), headers=HTMX).status_code == 200


def test_a_removed_file_leaves_nothing_behind(inquiry, now, agent, django_capture_on_commit_callbacks):
    (file,) = drafts.attach(inquiry, [pdf()], by=agent, now=now)
    with django_capture_on_commit_callbacks(execute=True):
        drafts.remove(file)
    assert not default_storage.exists(file.storage_key)


def test_bytes_that_a_message_needs_stay(inquiry, now, agent, django_capture_on_commit_callbacks):
    (file,) = drafts.attach(inquiry, [pdf()], by=agent, now=now)
    Attachment.objects.create(
        message=inquiry.messages.get(), storage_key=file.storage_key, name="a.pdf", media_type="application/pdf",
        size=1, sha256="0" * 64,
    )  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True):
        drafts.remove(file)
    assert default_storage.exists(file.storage_key)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (lambda: [SimpleUploadedFile("a.pdf", b"MZ\x90")], "実行ファイル"),
        (lambda: [SimpleUploadedFile("a.exe", b"\x00\x01")], "添付できません"),
        (lambda: [SimpleUploadedFile("a.pdf", b"")], "空"),
        (lambda: [pdf(f"{n}.pdf", b"%d" % n) for n in range(6)], "5"),
    ],
)
def test_refused_files_are_told_and_none_is_kept(inquiry, agent, signed_in, files, words):
    answer = signed_in(agent).post(url(inquiry, "draft/files/"), {"files": files()}, headers=HTMX)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert DraftFile.objects.count() == 0


def test_limits_count_what_is_there_already(inquiry, now, agent, monkeypatch):
    drafts.attach(inquiry, [pdf(f"{n}.pdf", b"%d" % n) for n in range(4)], by=agent, now=now)
    with pytest.raises(attachments.Refused) as refusal:
        drafts.attach(inquiry, [pdf("8.pdf", b"8"), pdf("9.pdf", b"9")], by=agent, now=now)
    assert refusal.value.code == "too_many"
    assert DraftFile.objects.count() == 4
    monkeypatch.setattr(drafts, "MAX_TOTAL", 60)
    with pytest.raises(attachments.Refused) as refusal:
        drafts.attach(inquiry, [pdf("8.pdf", b"8" * 60)], by=agent, now=now)
    assert refusal.value.code == "too_large_together"
    assert "大きすぎ" in refusal.value.sentence


def test_without_a_script_files_come_with_the_form(inquiry, agent, signed_in):
    staff = signed_in(agent)
    kept = staff.post(url(inquiry, "draft/"), {"body": "途中", "files": [pdf()]})
    assert kept.status_code == 302
    assert (Draft.objects.get().body, DraftFile.objects.count()) == ("途中", 1)
    file = DraftFile.objects.get()
    removed = staff.post(url(inquiry, f"draft/files/{file.pk}/remove/"), {"body": "もう少し"})
    assert removed.status_code == 302
    assert (Draft.objects.get().body, DraftFile.objects.count()) == ("もう少し", 0)
    data = {"body": "三色です。", "version": 1, "seen": 1, "then": "pending"}
    refused = staff.post(url(inquiry, "reply/"), {**data, "files": [SimpleUploadedFile("a.exe", b"MZ\x90")]})
    assert refused.status_code == 422
    assert "三色です。" in refused.content.decode()
    assert OutgoingMail.objects.count() == 0
    assert staff.post(url(inquiry, "reply/"), {**data, "files": [pdf()]}).status_code == 302
    assert [one["name"] for one in OutgoingMail.objects.get().attachments] == ["お手入れ.pdf"]
    assert DraftFile.objects.count() == 0


def test_nobody_touches_a_colleagues_files(inquiry, now, agent, assistant, signed_in):
    (file,) = drafts.attach(inquiry, [pdf()], by=assistant, now=now)
    staff = signed_in(agent)
    assert "お手入れ.pdf" not in page(staff, inquiry)
    staff.post(url(inquiry, f"draft/files/{file.pk}/remove/"), headers=HTMX)
    assert DraftFile.objects.get() == file
    replying.reply(inquiry, Answer("三色です。", files=[]), by=agent, now=now)
    assert DraftFile.objects.get() == file


# --- names in notes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("@田中 健 お願いします", ["田中 健"]),
        ("@田中健さん", ["田中 健"]),
        ("＠田中　健 と @田中 健太郎", ["田中 健", "田中 健太郎"]),
        ("@田中 健太郎 だけ", ["田中 健太郎"]),
        ("田中 健 に電話した", []),
        ("mail@tanaka.example", []),
        ("@ だれか", []),
    ],
)
def test_names_after_an_at(db, text, named):
    ken = make.make_user("ken@shop.example", name="田中 健")
    kentaro = make.make_user("kentaro@shop.example", name="田中 健太郎")
    assert [user.name for user in mentions.named_in(text, [ken, kentaro])] == named


def test_a_named_colleague_is_told_until_they_say_so(inquiry, agent, signed_in):
    ken = make.make_user("ken@shop.example", name="田中 健")
    signed_in(agent).post(url(inquiry, "note/"), {"body": "@田中 健 @佐藤 彩 工房に確認してください"})
    mention = Mention.objects.get()  # naming oneself tells nobody
    assert (mention.user, mention.seen_at) == (ken, None)
    assert "あなた宛てのメモです" not in page(signed_in(agent), inquiry)
    staff = signed_in(ken)
    assert "あなた宛てのメモです" in page(staff, inquiry)
    assert Mention.objects.get().seen_at is None  # looking is not saying so
    for _ in range(2):
        assert staff.post(url(inquiry, f"note/{mention.message_id}/read/")).status_code == 302
    assert Mention.objects.get().seen_at is not None
    assert "あなた宛てのメモです" not in page(staff, inquiry)


def test_who_may_not_read_it_cannot_be_named(inquiry, now, agent, outsourced, signed_in):
    finance = make.make_user("f@shop.example", name="経理 まこと", role="finance")
    assert set(mentions.colleagues(inquiry)) == {agent}
    replying.note(inquiry, body=f"@{outsourced.name} @{finance.name} です", by=agent, now=now)
    assert Mention.objects.count() == 0
    inquiry.assignee = outsourced
    inquiry.save(update_fields=["assignee"])
    text = signed_in(agent).get(url(inquiry, "colleagues/")).content.decode()
    assert outsourced.name in text
    assert finance.name not in text
    assert agent.name not in text
    assert 'data-into="note-body"' in text


def test_a_note_sent_twice_names_once(inquiry, agent, signed_in):
    make.make_user("ken@shop.example", name="田中 健")
    staff = signed_in(agent)
    for _ in range(2):
        staff.post(url(inquiry, "note/"), {"body": "@田中 健 確認"})
    assert Mention.objects.count() == 1
    assert Message.objects.filter(kind="note").count() == 1


# --- the form -----------------------------------------------------------------------------------------------------


def test_the_box_has_tabs_ways_to_send_and_keys(inquiry, agent, signed_in):
    text = page(signed_in(agent), inquiry)
    for words in (
        'value="reply" data-key="r"', 'value="note" data-key="c"', 'name="then" value="pending"',
        'name="then" value="solved"', 'name="action" value="schedule"', 'name="action" value="approve"',
        'type="datetime-local"', 'enctype="multipart/form-data"', 'name="version" value="1"', 'name="seen"',
    ):  # fmt: skip
        assert words in text


def test_who_only_drafts_asks_and_saves(inquiry, assistant, signed_in):
    text = page(signed_in(assistant), inquiry)
    assert f'action="{url(inquiry, "ask/")}"' in text
    assert f'formaction="{url(inquiry, "draft/")}"' in text
    assert url(inquiry, "reply/") not in text
    assert 'value="schedule"' not in text


def test_without_an_address_there_are_only_notes(db, agent, signed_in):
    inquiry = make_inquiry(customer=make.make_customer(address=""), email="")
    text = page(signed_in(agent), inquiry)
    assert 'id="composer-body"' not in text
    assert 'value="note" data-key="c" data-box="note-body" checked' in text


def test_a_refused_note_keeps_its_words_and_its_tab(inquiry, agent, signed_in):
    answer = signed_in(agent).post(url(inquiry, "note/"), {"body": "メモ" + "あ" * 50_000})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert 'data-box="note-body" checked' in text
    assert "メモああ" in text


def test_a_refused_reply_keeps_words_copies_and_hour(inquiry, agent, signed_in):
    data = {
        "body": "三色です。", "version": 1, "seen": 1, "cc": "家族", "bcc": "b@mail.example", "send_at": "2026-11-21T09:00",
        "action": "schedule",
    }  # fmt: skip
    answer = signed_in(agent).post(url(inquiry, "reply/"), data)
    text = answer.content.decode()
    assert answer.status_code == 422
    for words in (">三色です。</textarea>", 'value="家族"', 'value="b@mail.example"', 'value="2026-11-21T09:00"'):
        assert words in text
    assert OutgoingMail.objects.count() == 0


def test_a_stale_reply_keeps_copies_and_files(inquiry, now, agent, signed_in):
    seen = inquiry.messages.get().pk
    drafts.attach(inquiry, [pdf()], by=agent, now=now)
    Message.objects.create(inquiry=inquiry, kind="received", body="やはり赤で。", at=now + timedelta(minutes=1))
    Inquiry.objects.update(version=2)
    data = {"body": "青です。", "version": 1, "seen": seen, "then": "pending", "cc": "family@mail.example"}
    answer = signed_in(agent).post(url(inquiry, "reply/"), data)
    text = answer.content.decode()
    assert answer.status_code == 409
    for words in ("やはり赤で。", ">青です。</textarea>", 'value="family@mail.example"', "お手入れ.pdf", 'value="2"'):
        assert words in text
    assert (Draft.objects.get().body, Draft.objects.get().cc) == ("青です。", ["family@mail.example"])
    assert OutgoingMail.objects.count() == 0
