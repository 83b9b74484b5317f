"""Received mail on the screen: its text, its quote, its HTML in a frame, its files."""

import pytest

from inquiries import filing, indexing, replying
from inquiries.answers import Answer
from inquiries.models import Attachment, Inquiry, Message
from shopdesk import clock
from shopdesk.mail import suppressions
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.filing.make import PNG, receive
from tests.inquiries.make import make_inquiry

pytestmark = pytest.mark.usefixtures("mailbox")
HOSTILE = "<script>alert(1)</script><svg onload=alert(1)><img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def _frozen(monkeypatch, now):
    monkeypatch.setattr(clock, "now", lambda: now)


@pytest.fixture
def html_mail(now):
    """A mail with an inline picture, a remote one and a script."""
    receive(
        "画像をご覧ください。",
        html=f'<p>画像を<b>ご覧</b>ください。</p><img src="cid:pic1"><img src="https://evil.example/t.gif">{HOSTILE}',
        files=[("pic.png", "image", "png", PNG, "pic1")],
    )
    filing.sweep(now)
    return Message.objects.get(kind="received")


def test_the_html_stands_in_a_frame_that_can_do_nothing(html_mail, agent, signed_in):
    answer = signed_in(agent).get(f"/admin/inquiries/messages/{html_mail.pk}/html/")
    policy = answer["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; img-src data:; ")
    assert "script" not in policy
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    page = answer.content.decode()
    assert 'src="data:image/png;base64,' in page
    assert ' src="https://evil' not in page
    for word in ("<script", "onload", "onerror", "<svg"):
        assert word not in page


def test_remote_pictures_come_only_after_a_click(html_mail, agent, signed_in):
    answer = signed_in(agent).get(f"/admin/inquiries/messages/{html_mail.pk}/html/?images=1")
    assert "img-src data: https: http:;" in answer["Content-Security-Policy"]
    assert 'src="https://evil.example/t.gif"' in answer.content.decode()


def test_the_page_of_the_inquiry(html_mail, agent, signed_in):
    page = signed_in(agent).get(f"/admin/inquiries/{html_mail.inquiry_id}/").content.decode()
    assert "画像をご覧ください。" in page
    assert f'src="/admin/inquiries/messages/{html_mail.pk}/html/" sandbox ' in page
    assert "外部の画像を表示" in page
    assert "alert(1)" not in page
    assert f"/admin/inquiries/attachments/{Attachment.objects.get().pk}/picture/" in page


@pytest.mark.parametrize("place", ["subject", "name", "text", "file"])
def test_nothing_of_a_hostile_mail_runs(now, agent, signed_in, place):
    words = {
        "subject": {"subject": HOSTILE},
        "name": {"sender": '"<script>alert(1)</script>" <a@mail.example>'},
        "text": {"text": HOSTILE},
        "file": {"files": [("<img src=x onerror=alert(1)>.png", "image", "png", PNG, "")]},
    }[place]
    receive(**words)
    filing.sweep(now)
    inquiry = Inquiry.objects.get()
    for path in ("/admin/inquiries/", f"/admin/inquiries/{inquiry.pk}/"):
        page = signed_in(agent).get(path).content.decode()
        assert "<script>alert" not in page
        assert "<svg onload" not in page
        assert "<img src=x" not in page


def test_pictures_are_shown_by_our_own_reading_and_everything_else_is_a_download(now, agent, outsourced, signed_in):
    receive(files=[("a.png", "image", "png", PNG, ""), ("b.svg", "image", "svg+xml", b"<svg/>", "")])
    filing.sweep(now)
    png, svg = Attachment.objects.order_by("pk")
    client = signed_in(agent)
    shown = client.get(f"/admin/inquiries/attachments/{png.pk}/picture/")
    assert (shown["Content-Type"], shown["X-Content-Type-Options"]) == ("image/png", "nosniff")
    assert shown["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert b"".join(shown.streaming_content) == PNG
    assert client.get(f"/admin/inquiries/attachments/{svg.pk}/picture/").status_code == 404
    loaded = client.get(f"/admin/inquiries/attachments/{svg.pk}/")
    assert loaded["Content-Type"] == "application/octet-stream"
    assert loaded["Content-Disposition"].startswith("attachment")
    assert b"".join(loaded.streaming_content) == b"<svg/>"
    assert "要注意" in client.get(f"/admin/inquiries/{png.message.inquiry_id}/").content.decode()
    assert signed_in(outsourced).get(f"/admin/inquiries/attachments/{png.pk}/picture/").status_code == 404


@pytest.fixture
def outsourced(db):
    return make.make_user("nami@shop.example", name="白波 外", alias="在宅サポート 白波", role="outsourced")


def test_outsourced_staff_read_no_address_in_a_mail_and_no_html(now, outsourced, signed_in):
    receive(
        "連絡先は taro@mail.example です。\n\n> From: hanako@mail.example\n> 前の文\n",
        sender="taro@mail.example <taro@mail.example>",
        html="<p>taro@mail.example</p>",
        Reply_To="jiro@mail.example",
    )
    filing.sweep(now)
    inquiry = Inquiry.objects.get()
    Inquiry.objects.update(assignee=outsourced)
    page = signed_in(outsourced).get(f"/admin/inquiries/{inquiry.pk}/").content.decode()
    for name in ("taro", "hanako", "jiro"):
        assert f"{name}@" not in page
    message = Message.objects.get(kind="received")
    assert signed_in(outsourced).get(f"/admin/inquiries/messages/{message.pk}/html/").status_code == 403


def test_the_quote_is_folded_and_still_found(now, agent, signed_in):
    quoted = "2026年11月19日(木) 10:00 くらしの道具店 <honten@shop.example>:\n> 桔梗色もございます。"
    receive(f"では赤で。\n\n{quoted}\n", subject="Re: 色")
    filing.sweep(now)
    message = Message.objects.get(kind="received")
    assert message.body == "では赤で。"
    assert "桔梗色" in message.folded
    client = signed_in(agent)
    assert "引用を表示" in client.get(f"/admin/inquiries/{message.inquiry_id}/").content.decode()
    indexing.sweep(now)
    row = f'id="row-{message.inquiry_id}"'
    assert row in client.get("/admin/inquiries/?q=桔梗色").content.decode()
    assert row not in client.get("/admin/inquiries/?q=山吹色").content.decode()


def test_the_page_asks_twenty_things_at_most(now, agent, signed_in, django_assert_max_num_queries):
    inquiry = make_inquiry()
    inquiry.customer.addresses.create(address="hana@docomo.ne.jp")
    for number in range(8):
        Message.objects.create(
            inquiry=inquiry, kind="received", body=f"{number}", at=now, html="<p>x</p>", folded="> x",
            sender_address="hana@docomo.ne.jp" if number % 2 else "taro@mail.example", sender_name="山田",
        )  # fmt: skip
    client = signed_in(agent)
    client.get(f"/admin/inquiries/{inquiry.pk}/")
    with django_assert_max_num_queries(20):
        page = client.get(f"/admin/inquiries/{inquiry.pk}/").content.decode()
    everything = client.get(f"/admin/inquiries/{inquiry.pk}/thread/?all=1").content.decode()
    assert everything.count("別の方") == 4
    assert "送信元未確認" not in page


def test_what_cannot_be_read_says_so(now, agent, signed_in):
    mail = receive("x")
    filing.sweep(now)
    mail.refresh_from_db()
    mail.problems = ["too_complex"]
    mail.save(update_fields=["problems"])
    Message.objects.update(body="")
    page = signed_in(agent).get(f"/admin/inquiries/{Inquiry.objects.get().pk}/").content.decode()
    assert "本文を表示できません" in page


def test_a_dead_address_is_told_before_somebody_writes(now, agent, signed_in):
    receive("色は何色ですか。")
    filing.sweep(now)
    inquiry = Inquiry.objects.get()
    client = signed_in(agent)
    assert "返信しても送信されません" not in client.get(f"/admin/inquiries/{inquiry.pk}/").content.decode()
    suppressions.suppress(inquiry.email, scope="all", reason="bounced", now=now)
    assert "返信しても送信されません" in client.get(f"/admin/inquiries/{inquiry.pk}/").content.decode()


def test_a_letter_that_came_back_says_so_in_the_thread(now, agent, signed_in):
    inquiry = make_inquiry()
    said = replying.reply(inquiry, Answer("三色ございます。"), by=agent, now=now)
    OutgoingMail.objects.filter(key=said.mail_key).update(bounced_at=now, bounce_code="userunknown")
    assert "不達" in signed_in(agent).get(f"/admin/inquiries/{inquiry.pk}/").content.decode()
