"""Reports in odd forms: local names, addresses that are none, a provider's JSON; and who never is the one that failed."""

import json

import pytest

from shopdesk.mail import bounce_json
from shopdesk.mail.parsing import Kind, parse
from tests.mail_in.fitness import faults

DAEMON = "Mail Delivery Subsystem <MAILER-DAEMON@big.example>"


def letter(body, sender=DAEMON, subject="Mail Delivery Problem", more=""):
    mail = parse(f"From: {sender}\nTo: <desk@shop.example>\nSubject: {subject}\n{more}\n{body}".encode())
    assert faults(mail) == []
    return mail


def failed(mail):
    return [(one.address, one.strength) for one in mail.bounce.recipients]


LISTED = "Sorry desk@shop.example. Your mail to the following recipients could not be delivered because {}:\n{}"


def test_a_provider_that_names_its_people_without_the_domain():
    mail = letter(LISTED.format("they do not accept pictures", "\thanako\n\ttaro.yamada\n"))
    assert failed(mail) == [("hanako@big.example", "soft"), ("taro.yamada@big.example", "soft")]
    # An example in the text below is nobody who failed.
    told = "Message not delivered to the following:\n\n hanako    No match\n\nTry michael.j.fox@big.example instead.\n"
    assert [one[0] for one in failed(letter(told))] == ["hanako@big.example"]


def test_whole_addresses_are_taken_as_they_are():
    mail = letter(LISTED.format("of policy", "\thanako@else.example\n"))
    assert [one[0] for one in failed(mail)] == ["hanako@else.example"]


def test_a_person_who_lists_something_is_no_machine():
    mail = letter(
        "Please send my mail to the following addresses:\n\thanako\n", "Hanako <hanako@example.jp>", "Address"
    )
    assert (mail.kind, mail.bounce.recipients) == (Kind.MAIL, ())


def report(recipient, copy="desk@shop.example", to="hanako@#x.example"):
    return letter(
        f"--r\n\nSorry.\n--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: {recipient}\n"
        "Action: failed\nStatus: 5.1.2\nDiagnostic-Code: SMTP; 550 Host unknown\n\n--r\nContent-Type: message/rfc822\n\n"
        f"From: Desk <desk@shop.example>\nTo: {to}\nCc: {copy}\nMessage-ID: <ours@shop.example>\n\nx\n--r--\n",
        more="Content-Type: multipart/report; report-type=delivery-status; boundary=r\n",
    )


def test_an_address_that_is_none_is_told_as_it_was_written():
    mail = report("RFC822; hanako@#x.example")
    assert (mail.kind, failed(mail)) == (Kind.BOUNCE, [("hanako@#x.example", "hard")])
    assert mail.bounce.original_message_id == "<ours@shop.example>"


@pytest.mark.parametrize("recipient", ["RFC822;", "RFC822; hanako", "RFC822; <>", "RFC822; @x.example"])
def test_the_sender_of_the_letter_never_failed(recipient):
    assert "desk@shop.example" not in [one[0] for one in failed(report(recipient))]
    assert failed(report(recipient, to="hanako@example.jp"))[0][0] == "hanako@example.jp"


def test_a_refusal_without_a_subject():
    mail = letter("You sent mail to hanako@example.jp. That's not a valid user here.\n", "<>", "")
    assert failed(mail) == [("hanako@example.jp", "hard")]


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        ("AUTO: Smith, John is out of the office. (returning 05/01/2026)", Kind.AUTO_REPLY),
        ("[Automatyczna odpowiedź] test", Kind.AUTO_REPLY),
        ("Automatisch antwoord: uw bestelling", Kind.AUTO_REPLY),
        ("Resposta automática: pedido", Kind.AUTO_REPLY),
        ("Auto: parts for my car are out of stock", Kind.MAIL),
        ("Risposta automatica non ricevuta", Kind.MAIL),
    ],
)
def test_answers_of_machines(subject, kind):
    assert letter("x", "John <john@example.jp>", subject).kind is kind


def test_who_presses_unsubscribe_is_a_person():
    mail = letter(
        "x", "Hanako <hanako@icloud.com>", "unsubscribe", "Auto-Submitted: auto-replied\nX-Apple-Unsubscribe: true\n"
    )
    assert (mail.kind, mail.to_answer) == (Kind.MAIL, False)


# --- JSON --------------------------------------------------------------------------------------------------------------
SNS = "Shop <no-reply@sns.amazonaws.com>"
MAIL = {"headers": [{"name": "Message-ID", "value": "<ours@shop.example>"}], "commonHeaders": {"messageId": "other"}}
BOUNCE = {
    "notificationType": "Bounce",
    "mail": MAIL,
    "bounce": {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": "hanako@example.jp",
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            },
            {
                "emailAddress": "taro@example.jp",
                "action": "failed",
                "status": "5.2.2",
                "diagnosticCode": "mailbox full",
            },
        ],
    },
}


def news(facts, sender=SNS):
    text = facts if isinstance(facts, str) else json.dumps(facts)
    return letter(f"{text}\n\n--\nIf you wish to stop receiving notifications …\n", sender, "AWS Notification Message")


@pytest.mark.parametrize("facts", [BOUNCE, {"Type": "Notification", "Message": json.dumps(BOUNCE)}])
def test_a_bounce_in_json(facts):
    mail = news(facts)
    assert (mail.kind, failed(mail)) == (Kind.BOUNCE, [("hanako@example.jp", "hard"), ("taro@example.jp", "soft")])
    assert (mail.bounce.original_message_id, mail.to_answer) == ("<ours@shop.example>", False)


def test_a_bounce_without_a_servers_words_goes_by_the_services():
    facts = {
        "eventType": "Bounce",
        "mail": {},
        "bounce": {
            "bounceType": "Transient",
            "bounceSubType": "MailboxFull",
            "bouncedRecipients": [{"emailAddress": "hanako@example.jp"}],
        },
    }
    mail = news(facts)
    assert [(r.reason, r.strength) for r in mail.bounce.recipients] == [("mailbox_full", "soft")]
    assert mail.bounce.original_message_id == ""


def test_a_complaint_and_a_delivery_in_json():
    complained = {"complainedRecipients": [{"emailAddress": "hanako@example.jp"}], "complaintFeedbackType": "abuse"}
    mail = news({"notificationType": "Complaint", "mail": MAIL, "complaint": complained})
    assert (mail.kind, [r.reason for r in mail.bounce.recipients]) == (Kind.COMPLAINT, ["complaint"])
    complained["complaintFeedbackType"] = "not-spam"
    mail = news({"notificationType": "Complaint", "mail": MAIL, "complaint": complained})
    assert [r.reason for r in mail.bounce.recipients] == ["not_spam"]
    delivered = {"recipients": ["hanako@example.jp"], "smtpResponse": "250 2.0.0 ok"}
    mail = news({"notificationType": "Delivery", "mail": MAIL, "delivery": delivered})
    assert (mail.kind, failed(mail)) == (Kind.BOUNCE, [("hanako@example.jp", "transient")])


@pytest.mark.parametrize(
    "facts",
    [
        "{", "{}", "[]", "{" * 5000, "[" * 100_000, '{"a":' * 50_000, {"notificationType": 1}, {"notificationType": "Bounce"},
        {"notificationType": "Bounce", "bounce": [], "mail": "x"},
        {"notificationType": "Bounce", "bounce": {"bouncedRecipients": [1, None, {"emailAddress": {}}]}},
        {"notificationType": "mail", "mail": {}}, {"Message": "{" * 900}, {"notificationType": "Click", "click": {}},
    ],
)  # fmt: skip
def test_json_that_tells_nothing(facts):
    assert news(facts).kind in (Kind.MAIL, Kind.AUTO_REPLY)


def test_nobody_else_sends_such_news():
    assert news(BOUNCE, "Eve <eve@amazonaws.com.evil.example>").kind is Kind.MAIL
    assert bounce_json.read("eve@xamazonaws.com", json.dumps(BOUNCE)) is None
