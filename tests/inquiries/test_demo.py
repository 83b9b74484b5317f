"""The demo's questions."""

from inquiries import demo, pulling, turns
from inquiries.models import Draft, Inquiry, Message, PreparedReply
from shopdesk.desk.home import Home
from shopdesk.mail.models import OutgoingMail


def test_sixty_questions_with_answers_and_no_letter_to_send(db, now, owner, agent, assistant):
    demo.load(now)
    demo.load(now)
    assert Inquiry.objects.count() == 60
    assert Inquiry.objects.filter(status="open").count() == 31
    assert Inquiry.objects.filter(status="hold").count() == 2
    assert Inquiry.objects.filter(status="solved").count() == 17
    assert not Inquiry.objects.filter(opened_at__gt=now).exists()
    assert not Message.objects.filter(at__gt=now).exists()
    assert not Inquiry.objects.filter(status="open", reply_due_at=None).exists()
    states = list(OutgoingMail.objects.values_list("state", flat=True))
    assert set(states) == {OutgoingMail.State.SENT, OutgoingMail.State.FAILED}
    assert states.count(OutgoingMail.State.FAILED) == 1
    assert not Message.objects.filter(kind="reply", mail_key=None).exists()
    assert Draft.objects.filter(author=assistant).count() == 1
    assert PreparedReply.objects.get(state="awaiting").author == assistant
    assert not Message.objects.filter(body__contains="【").exists()
    assert not Message.objects.filter(body__contains="{{").exists()


def test_the_demo_has_something_in_every_list(db, now, owner, agent, assistant, outsourced):
    demo.load(now)
    lists = {one.key: one.count for one in Home(owner, now).lists}
    for key in ("approval", "back", "asked", "late", "soon", "mine", "unread", "letters"):
        assert lists[key], key
    assert pulling.next_for(outsourced, now=now)
    assert turns.are_on()


def test_the_demo_can_be_loaded_before_there_are_staff(db, now):
    demo.load(now)
    assert set(Inquiry.objects.values_list("status", flat=True)) == {"open"}


def test_every_demo_page_opens(db, now, owner, agent, signed_in):
    demo.load(now)
    staff = signed_in(owner)
    for pk in Inquiry.objects.order_by("pk").values_list("pk", flat=True)[:60:7]:
        assert staff.get(f"/admin/inquiries/{pk}/").status_code == 200
