"""Machines' mail: what came back and why, who answered by itself, whom we may answer."""

import subprocess
import sys

import pytest

from shopdesk.mail.bounce_reasons import HARD, REASONS, reason_of
from shopdesk.mail.parsing import Kind, parse
from tests.mail_in import corpus


def letter(headers="", body="x", *, sender="Taro <taro@example.jp>", subject="hello"):
    return parse(f"From: {sender}\nTo: desk@shop.example\nSubject: {subject}\n{headers}\n{body}\n".encode())


def report(
    *, status="5.1.1", words="smtp; 550 5.1.1 User unknown", action="failed", recipient="hanako@example.jp", body="x"
):
    return parse(
        f"""From: Mail Delivery System <MAILER-DAEMON@mail.shop.example>
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary=r

--r
Content-Type: text/plain

{body}
--r
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.shop.example

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: {words}

--r
Content-Type: message/rfc822

Message-ID: <ours@mail.shop.example>
From: desk@shop.example
To: {recipient}

hello
--r--
""".encode()
    )


@pytest.mark.parametrize(
    ("status", "words", "reason", "strength"),
    [
        ("5.1.1", "smtp; 550 5.1.1 User unknown", "user_unknown", "hard"),
        ("5.0.0", "smtp; 550 Unknown user hanako@docomo.ne.jp", "user_unknown", "hard"),
        ("5.4.4", "X-Postfix; Host or domain name not found. Name service error", "host_unknown", "hard"),
        ("5.1.6", "smtp; 550 5.1.6 Recipient has moved", "moved", "hard"),
        ("5.2.2", "smtp; 552 5.2.2 Mailbox full", "mailbox_full", "soft"),
        ("5.0.0", "smtp; 550 user is over quota", "mailbox_full", "soft"),
        ("5.2.1", "smtp; 550 5.2.1 The email account that you tried to reach is disabled", "suspended", "soft"),
        ("5.7.1", "smtp; 550 5.7.1 blocked using zen.spamhaus.org", "blocked", "soft"),
        (
            "5.7.26",
            "smtp; 550-5.7.26 Unauthenticated email is not accepted due to DMARC policy",
            "authentication",
            "soft",
        ),
        ("5.3.4", "smtp; 552 5.3.4 Message size exceeds fixed maximum message size", "too_big", "soft"),
        ("4.4.1", "X-Postfix; connect to mx.example.jp: Connection timed out", "expired", "soft"),
    ],
)
def test_the_reason_comes_from_the_words(status, words, reason, strength):
    mail = report(status=status, words=words)
    assert mail.kind is Kind.BOUNCE
    assert [(r.address, r.status, r.reason, r.strength) for r in mail.bounce.recipients] == [
        ("hanako@example.jp", status, reason, strength)
    ]
    assert mail.bounce.original_message_id == "<ours@mail.shop.example>"
    assert mail.to_answer is False


def test_only_three_reasons_call_an_address_dead():
    assert {"user_unknown", "host_unknown", "moved"} == HARD
    assert set(REASONS) > HARD


def test_delayed_mail_is_transient_and_passed_on_mail_is_delivered():
    assert report(action="delayed", status="4.4.7").bounce.recipients[0].strength == "transient"
    mail = report(action="relayed", status="2.0.0", words="smtp; 250 ok")
    assert [(r.reason, r.hard) for r in mail.bounce.recipients] == [("delivered", False)]


def test_user_unknown_after_the_letter_was_seen_is_the_recipients_filter():
    said = "<hanako@docomo.ne.jp>: host mfsmax.docomo.ne.jp said: 550 Unknown user (in reply to end of DATA command)"
    mail = report(status="5.0.0", words="smtp; 550 Unknown user", recipient="hanako@docomo.ne.jp", body=said)
    assert [(r.reason, r.hard) for r in mail.bounce.recipients] == [("filtered", False)]


def test_a_customer_who_writes_of_returned_mail_is_a_customer():
    texts = [
        "メールが届かないのですが、エラーで返ってきます。Undelivered Mail Returned to Sender と書かれています。",
        "<hanako@example.jp>: user unknown というエラーが出ました。",
        "Your mail could not be delivered, says my phone. 550 5.1.1",
    ]
    for text in texts:
        for subject in ("返品について", "Re: Undelivered Mail Returned to Sender", "配達されません"):
            mail = letter("Content-Type: text/plain; charset=utf-8\n", text, subject=subject)
            assert (mail.kind, mail.bounce.recipients) == (Kind.MAIL, ()), (subject, text)


def test_a_returned_mail_inside_a_customers_mail_is_an_attachment():
    inner = "From: MAILER-DAEMON@x.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=r\n\n--r--"
    mail = parse(
        f"From: taro@example.jp\nSubject: look\nContent-Type: multipart/mixed; boundary=o\n\n--o\n\nsee\n--o\n"
        f"Content-Type: message/rfc822\n\n{inner}\n--o--\n".encode()
    )
    assert (mail.kind, mail.text, [file.type for file in mail.attachments]) == (Kind.MAIL, "see", ["message/rfc822"])


@pytest.mark.parametrize(
    ("headers", "subject", "kind", "to_answer"),
    [
        ("", "hello", "mail", True),
        ("Auto-Submitted: no\n", "hello", "mail", True),
        ("Auto-Submitted: auto-replied\n", "hello", "auto_reply", False),
        ("Auto-Submitted: auto-generated\n", "hello", "mail", False),
        ("X-Autoreply: yes\n", "hello", "auto_reply", False),
        ("Precedence: auto_reply\n", "hello", "auto_reply", False),
        ("Precedence: bulk\n", "hello", "mail", False),
        ("X-Auto-Response-Suppress: All\n", "hello", "mail", False),
        ("List-Unsubscribe: <mailto:a@b.example>\n", "hello", "mail", False),
        ("List-Id: <a.b.example>\n", "hello", "mail", False),
        ("Return-Path: <>\n", "hello", "mail", False),
        ("", "Out of Office: hello", "auto_reply", False),
        ("", "Automatic reply: hello", "auto_reply", False),
        ("", "【自動返信】お問い合わせを受け付けました", "auto_reply", False),
        ("In-Reply-To: <a@shop.example>\n", "不在通知: 出張中です", "auto_reply", False),
        ("Return-Path: <>\n", "不在のお知らせ", "auto_reply", False),
        ("In-Reply-To: <a@shop.example>\n", "【休暇中】Re: ご注文", "auto_reply", False),
        ("", "自動応答: ご注文", "auto_reply", False),
        ("", "Out of office until Monday", "auto_reply", False),
        ("", "不在通知: 再配達をお願いします", "mail", True),
        ("In-Reply-To: <a@shop.example>\n", "夏季休業のお知らせ", "auto_reply", False),
        ("", "夏季休業のお知らせ", "mail", True),
        ("", "Re: 【自動送信】ご注文ありがとうございます", "mail", True),
        ("", "休日の配達について", "mail", True),
        ("", "自動車用品の返品", "mail", True),
        ("", "不在票が入っていました", "mail", True),
        ("", "On holiday gifts", "mail", True),
    ],
)
def test_machines_and_people(headers, subject, kind, to_answer):
    mail = letter(headers, subject=subject)
    assert (mail.kind.value, mail.to_answer) == (kind, to_answer)


@pytest.mark.parametrize("headers", ["", "In-Reply-To: <a@shop.example>\n"])
@pytest.mark.parametrize(
    "subject",
    [
        "自動返信が届きません",
        "自動返信メールについて",
        "「自動返信」が来ない",
        "[自動返信]が届かない",
        "自動送信メールが来ない",
        "自動配信の停止希望",
        "自動応答では解決しません",
        "不在通知が入っていました",
        "不在連絡票について",
        "不在連絡があったのですが",
        "不在のお知らせが届いた",
        "休業中の発送について",
        "休暇中に届きますか",
        "夏季休業のお知らせについて質問",
        "出張中に届く場合",
        "Out of office chair order",
        "Vacation notice question",
        "Auto response needed",
        "Auto reply not received",
        "On leave bags",
    ],
)
def test_what_customers_ask_in_a_machines_words(headers, subject):
    mail = letter(headers, subject=subject)
    assert (mail.kind, mail.to_answer) == (Kind.MAIL, True)


@pytest.mark.parametrize("sender", ["no-reply@shop.example", "MAILER-DAEMON@x.example", "<>", "postmaster@x.example"])
def test_whom_no_machine_answers(sender):
    assert letter(sender=sender).to_answer is False


def test_a_complaint_names_the_customer_and_our_mail():
    mail = parse(
        b"From: staff@mail.example\nSubject: complaint\n"
        b"Content-Type: multipart/report; report-type=feedback-report; boundary=r\n\n--r\n\nabuse\n--r\n"
        b"Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nOriginal-Rcpt-To: <hanako@example.jp>\n\n--r\n"
        b"Content-Type: message/rfc822\n\nMessage-ID: <ours@mail.shop.example>\nTo: hanako@example.jp\n\nx\n--r--\n"
    )
    assert mail.kind is Kind.COMPLAINT
    assert [(r.address, r.reason, r.hard) for r in mail.bounce.recipients] == [
        ("hanako@example.jp", "complaint", False)
    ]
    assert mail.bounce.original_message_id == "<ours@mail.shop.example>"


def test_a_reason_is_always_one_of_the_table():
    for words in ("", "??", "550", "smtp; 550 whatever this means"):
        assert reason_of(words, "5.9.9", words, words) in REASONS


@pytest.mark.skipif(not corpus.present(), reason=corpus.REASON)
def test_every_collected_reason_is_one_of_the_table():
    for sample in corpus.mails(*corpus.BOUNCES):
        for one in parse(sample.raw).bounce.recipients:
            assert one.reason in REASONS
            assert one.strength in {"hard", "soft", "transient"}
            assert not one.hard or one.reason in HARD


@pytest.mark.parametrize("module", ["bounces", "machines", "quoting", "parsing", "parse_child"])
def test_each_module_can_be_imported_first_and_knows_no_rows(module):
    code = f"import sys, shopdesk.mail.{module}; assert not any(name.endswith('.models') and name.startswith('shopdesk.') for name in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=corpus.BASE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
