"""The demo's day at the desk: promises, turns, claims, and something in every list of the home page."""

import hashlib
from datetime import datetime, timedelta

from inquiries import approving, moments, preparing, pulling, reopening, replying, scheduling, sla, snoozing, tagging
from inquiries.answers import Answer
from inquiries.models import (
    AgentSetting,
    ApprovalRule,
    Category,
    Draft,
    Inquiry,
    Message,
    Pull,
    SLAPolicy,
    Tag,
    WarningWord,
)
from inquiries.waiting import Reason
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.business_time import NeverOpen, subtract_business_minutes
from shopdesk.mail.models import IncomingMail, Mailbox, OutgoingMail
from shopdesk.shop.calendar import business_calendar

_URGENT = Category.Priority.URGENT
# Questions by their place in the file: business minutes that are left of the first answer; negative: it is late.
LEFT = {"Q35": -190, "Q52": -45, "Q41": -20, "Q47": 25, "Q26": 50, "Q31": 40}
_WARN = 60
_FIRST = 240


def promises() -> None:
    """Two promises: what hurts most within an hour, the rest within four."""
    if SLAPolicy.objects.exists():
        return
    SLAPolicy.objects.create(
        name="破損・誤配送など至急", priority=_URGENT, first_minutes=60, next_minutes=60, solve_minutes=960,
        warn_minutes=30, position=0,
    )  # fmt: skip
    SLAPolicy.objects.create(
        name="標準", first_minutes=_FIRST, next_minutes=_FIRST, solve_minutes=2400, warn_minutes=_WARN, position=1
    )


def opened_at(code: str, priority: int, now: datetime, usual: datetime) -> datetime:
    """When the question came: as the file says, or so that its promise ends as LEFT wants it."""
    if code not in LEFT:
        return usual
    first = 60 if priority == _URGENT else _FIRST
    try:
        return subtract_business_minutes(now, max(first - LEFT[code], 5), business_calendar())
    except NeverOpen:
        return usual


def load(inquiries: dict[str, Inquiry], now: datetime) -> None:
    """What people did this morning. ``inquiries`` by the code of the file; needs somebody of every role."""
    staff = list(User.objects.active().select_related("role").order_by("pk"))
    people = {user.role.code: user for user in reversed(staff) if user.role}
    owner, agent = people.get("owner"), people.get("agent")
    if owner is None or agent is None:
        return
    _turns(owner, agent)
    _guards(people.get("outsourced"))
    if writer := people.get("assistant"):
        _for_approval(inquiries["Q58"], writer, now)
        _returned(inquiries["Q13"], writer, owner, now)
    _back_from_the_clock(inquiries["Q25"], owner, now)
    _asked(inquiries["Q30"], agent, owner, now)
    _asked(inquiries["Q22"], owner, agent, now)
    _laid_aside(inquiries, agent, now)
    _tagged(inquiries, agent, now)
    if outsourced := people.get("outsourced"):
        _claims(inquiries, outsourced, now)
    _mail_in_trouble(now)
    sla.sweep(now)


def _mail_in_trouble(now: datetime) -> None:
    """A mail that was too large to be read, and a reply that its server refused: what the two lists are for."""
    box = Mailbox.objects.create(
        name="お客様窓口（デモ、停止中）", address="support@shop.example.com", host="imap.shop.example.com",
        username="support@shop.example.com", status=Mailbox.Status.PAUSED,
    )  # fmt: skip
    raw = b"From: =?utf-8?B?6aKo6ZaTIOa+hA==?= <kazama.sumi@example.com>\r\nSubject: video\r\n\r\n"
    at = now - timedelta(hours=2)
    IncomingMail.objects.create(
        mailbox=box, source_key="INBOX:1:1", sha256=hashlib.sha256(raw).hexdigest(), raw=raw, size=52_428_800,
        received_at=at, next_try_at=at, state=IncomingMail.State.ERROR, reason="too_large", from_name="風間 澄",
        from_address="kazama.sumi@example.com", subject="開封時の動画をお送りします",
    )  # fmt: skip
    sent = OutgoingMail.objects.filter(key__startswith="inquiries.message:", state=OutgoingMail.State.SENT)
    if (refused := sent.order_by("-pk").first()) is not None:
        refused.state, refused.sent_at = OutgoingMail.State.FAILED, None
        refused.reason, refused.detail = "refused", "550 5.1.1 User unknown"
        refused.save(update_fields=["state", "sent_at", "reason", "detail"])


def _turns(owner: User, agent: User) -> None:
    AgentSetting.objects.get_or_create(user=agent, defaults={"takes_turns": True, "cap": 8})
    AgentSetting.objects.get_or_create(user=owner, defaults={"cap": 5})


def _guards(outsourced: User | None) -> None:
    """Words to look at once more, and whose replies a second person reads."""
    for word, note in (("絶対", "断定を避ける"), ("必ず", "断定を避ける"), ("全額返金", "責任者に確認")):
        WarningWord.objects.get_or_create(word=word, defaults={"note": note})
    if outsourced is not None and outsourced.role is not None:
        ApprovalRule.objects.get_or_create(name="外注の返信", defaults={"role": outsourced.role})


def _for_approval(inquiry: Inquiry, writer: User, now: datetime) -> None:
    draft = Draft.objects.filter(inquiry=inquiry, author=writer).first()
    if draft is not None and inquiry.email:
        approving.ask(inquiry, Answer(draft.body), by=writer, now=now - timedelta(minutes=7))


def _returned(inquiry: Inquiry, writer: User, owner: User, now: datetime) -> None:
    draft = Draft.objects.filter(inquiry=inquiry, author=writer).first()
    if draft is None or not inquiry.email:
        return
    row = approving.ask(inquiry, Answer(draft.body), by=writer, now=now - timedelta(minutes=40))
    approving.give_back(
        row,
        comment="のしの表書きの選択肢（寿・御結婚御祝）も添えてください。",
        by=owner,
        now=now - timedelta(minutes=12),
    )


def _back_from_the_clock(inquiry: Inquiry, owner: User, now: datetime) -> None:
    """A reply was to leave tomorrow morning, but the customer wrote again."""
    body = f"{inquiry.name} 様\n\nお届け先の変更を承りました。新しいご住所でお送りいたします。"
    at = now - timedelta(minutes=90)
    scheduling.schedule(inquiry, Answer(body), by=owner, send_at=moments.tomorrow(now), now=at)
    at = now - timedelta(minutes=15)
    Message.objects.create(
        inquiry=inquiry, kind=Message.Kind.RECEIVED, body="すみません、部屋番号を書き忘れました。302号室です。", at=at
    )
    fresh = preparing.locked(inquiry.pk)
    reopening.heard(fresh, now=at)
    scheduling.customer_wrote(fresh, now=at)


def _asked(inquiry: Inquiry, by: User, of: User, now: datetime) -> None:
    words = "同梱できるか、倉庫への確認をお願いできますか。" if by.pk != of.pk else ""
    replying.note(inquiry, body=f"@{of.name} {words}", by=by, now=now - timedelta(minutes=25))


def _laid_aside(inquiries: dict[str, Inquiry], by: User, now: datetime) -> None:
    at, until = now - timedelta(minutes=50), moments.tomorrow(now)
    snoozing.snooze(
        inquiries["Q09"], until=until, reason=Reason.SUPPLIER, comment="工房の返事は明日の午前", by=by, now=at
    )
    snoozing.snooze(inquiries["Q36"], until=until, reason=Reason.CARRIER, comment="伝票の登録待ち", by=by, now=at)


def _tagged(inquiries: dict[str, Inquiry], by: User, now: datetime) -> None:
    tags = list(Tag.objects.filter(is_active=True).order_by("pk")[:3])
    for tag, codes in zip(tags, (("Q51", "Q55"), ("Q27", "Q47"), ("Q54",)), strict=False):
        for code in codes:
            tagging.add(inquiries[code], [tag], by=by, now=now - timedelta(minutes=30))


def _claims(inquiries: dict[str, Inquiry], user: User, now: datetime) -> None:
    """A week of claims, for the page of skip rates; none is open, so that the button is there to try."""
    if not user.has_perm(P.INQUIRIES_PULL):
        return
    done = sorted((row for row in inquiries.values() if row.status == Inquiry.Status.SOLVED), key=lambda row: row.pk)
    reasons = ["difficult", "authority", "difficult"]
    for place, inquiry in enumerate(done[:14]):
        outcome = Pull.Outcome.SKIPPED if place % 5 == 1 else Pull.Outcome.ANSWERED
        outcome = Pull.Outcome.EXPIRED if place == 9 else outcome
        at = now - timedelta(days=1 + place % 6, minutes=37 * place)
        Pull.objects.create(
            inquiry=inquiry, user=user, at=at, expires_at=at + timedelta(minutes=pulling.minutes()),
            ended_at=at + timedelta(minutes=30 if outcome == Pull.Outcome.EXPIRED else 6 + place), outcome=outcome,
            reason=reasons[place // 5] if outcome == Pull.Outcome.SKIPPED else "",
        )  # fmt: skip
