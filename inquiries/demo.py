"""The demo's questions: sixty of them, answered as the shop would, with days and times counted back from ``now``.

Its texts lie in ``demo/*.yaml``. The letters of this history are written as sent; none of them leaves the machine.
"""

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from django.conf import settings
from django.db import transaction

from inquiries import demo_desk, demo_texts, drafts, events, moods, phases, previews, signing_off, sla
from inquiries.due_times import answer_due, promise
from inquiries.models import Category, Inquiry, Message
from inquiries.replying import reply_subject
from inquiries.threads import headers_for
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.mail import composing, message, message_ids
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop import customers, orders, products
from shopdesk.shop import demo as shop_demo
from shopdesk.shop.models import Store

_FOLDER = Path(__file__).parent / "demo"
_NOTES = {
    "Q27": "工房に電話済み。刻印は明日の朝の予定なので、今日中の返信なら直せます。",
    "Q37": "当日便は使えない地域。代わりにメッセージカードの画像を先に送る案あり。",
    "Q54": "安全に関わるため店長に報告済み。回収キットの在庫は3つ。",
    "Q56": "別のお客様の個人情報が含まれます。現物は着払いで回収する。",
}
_DRAFTS = {
    "Q13": "土曜日までのお届けは、明日正午までのご注文で間に合います。\nのしは「寿」、名入れも承れます。",
    "Q58": "色の見え方でご迷惑をおかけし、申し訳ございません。\nネイビーの在庫がございますので、交換を承ります。",
}


@transaction.atomic
def load(now: datetime) -> None:
    """Write the questions and their answers. Nothing happens where there are inquiries already."""
    if Inquiry.objects.exists():
        return
    shop = shop_demo.load(now)
    demo_texts.load()
    store = Store.default()
    demo_desk.promises()
    categories = {category.slug: category for category in Category.objects.all()}
    inquiries: dict[str, Inquiry] = {}
    answers = _read("answers.yaml")
    staff = list(User.objects.active().select_related("role").order_by("pk"))
    repliers = [user for user in staff if user.has_perm(P.INQUIRIES_REPLY)]
    for place, row in enumerate(_read("inquiries.yaml")["inquiries"]):
        known = shop.customers.get(row.get("customer", ""))
        email = known.email if known else row.get("email", "")
        category = categories[row["category"]]
        opened_at = demo_desk.opened_at(
            row["id"], category.priority, now, _moment(row["days_ago"], row["time"], place, now)
        )
        customer = known or customers.find_or_create(
            name=row["name"], address=email, phone=row.get("phone", ""), store=store, now=opened_at
        )
        own = [order for order in orders.find(row.get("order", "")) if order.customer_id == customer.pk]
        inquiry = Inquiry(
            number=f"Q-{_code(place)}",
            store=store,
            customer=customer,
            name=customer.name,
            email="" if row["channel"] == "phone" and not known else email,
            phone=row.get("phone", customer.phone if row["channel"] == "phone" else ""),
            category=category,
            channel=row["channel"],
            subject=row["subject"],
            order=own[0] if own else None,
            order_number=row.get("order", ""),
            product=products.for_sku(row.get("product", "")) if row.get("product") else None,
            opened_at=opened_at,
            waiting_since=opened_at,
            last_activity_at=opened_at,
            version=1,
            priority=category.priority,
            mood=moods.guess(row["body"]),
        )
        inquiry.phase = phases.of(customer, order=inquiry.order, at=opened_at)
        sla.begin(inquiry, now=opened_at)
        inquiry.save()
        inquiries[row["id"]] = inquiry
        Message.objects.create(inquiry=inquiry, kind=Message.Kind.RECEIVED, body=row["body"], at=opened_at)
        taker = repliers[place % len(repliers)] if repliers else None
        by_hand = row["channel"] in {"phone", "line"}
        events.record("opened", inquiry, actor=taker if by_hand else None, now=opened_at, channel=row["channel"])
        if row["channel"] == Inquiry.Channel.FORM:
            _acknowledged(inquiry)
        if taker and row["id"] in answers:
            _answer(
                inquiry,
                answers[row["id"]].strip(),
                status=row["status"],
                by=taker,
                at=_answered_at(opened_at, place, now),
            )
        elif taker and place % 4 == 1:
            _take(inquiry, taker, min(opened_at + timedelta(minutes=12), now))
        if taker and row["id"] in _NOTES:
            at = min(opened_at + timedelta(minutes=20), now)
            Message.objects.create(inquiry=inquiry, kind=Message.Kind.NOTE, body=_NOTES[row["id"]], author=taker, at=at)
    _write_drafts(staff, now)
    demo_desk.load(inquiries, now)
    for inquiry in Inquiry.objects.all():
        previews.renew(inquiry)


def _write_drafts(staff: list[User], now: datetime) -> None:
    writers = [user for user in staff if user.has_perm(P.INQUIRIES_DRAFT) and not user.has_perm(P.INQUIRIES_REPLY)]
    rows = _read("inquiries.yaml")["inquiries"]
    for place, row in enumerate(rows):
        if writers and row["id"] in _DRAFTS:
            inquiry = Inquiry.objects.get(number=f"Q-{_code(place)}")
            greeting = signing_off.opening(
                inquiry.store, by=writers[0], language=inquiry.language, customer_name=inquiry.name
            )
            drafts.save(inquiry, body=greeting + _DRAFTS[row["id"]], by=writers[0], now=now - timedelta(minutes=8))


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((_FOLDER / name).read_text(encoding="utf-8"))
    return content


def _code(place: int) -> str:
    """A number that looks drawn, and is the same each time: multiples of a prime number, written in base 32."""
    value, code = (place + 11) * 15_485_863 % 32**6, ""
    for _ in range(6):
        value, digit = divmod(value, 32)
        code += "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[digit]
    return code


def _moment(days_ago: int, clock_time: str, place: int, now: datetime) -> datetime:
    """So many days ago at that time of the shop; what would lie ahead of ``now`` came within the last hours instead."""
    zone = ZoneInfo(settings.TIME_ZONE)
    day = now.astimezone(zone).date() - timedelta(days=days_ago)
    moment = datetime.combine(day, time.fromisoformat(clock_time), zone)
    return moment if moment < now - timedelta(minutes=4) else now - timedelta(minutes=5 + place * 4)


def _answered_at(opened_at: datetime, place: int, now: datetime) -> datetime:
    due = answer_due(opened_at, Category(reply_minutes=40 + place % 7 * 25)) or opened_at
    return min(due, now - timedelta(minutes=2))


def _take(inquiry: Inquiry, by: User, at: datetime) -> None:
    inquiry.assignee = by
    inquiry.last_activity_at = at
    inquiry.save(update_fields=["assignee", "last_activity_at"])
    events.record("taken", inquiry, actor=by, now=at)


def _acknowledged(inquiry: Inquiry) -> None:
    store = inquiry.store
    letter = composing.render(
        "inquiries_received",
        {
            "store": {"name": store.name, "phone": store.phone, "url": store.url},
            "number": inquiry.number,
            "expected": promise(inquiry.reply_due_at, inquiry.language),
        },
        inquiry.language,
    )
    row = Message.objects.create(inquiry=inquiry, kind=Message.Kind.AUTOMATIC, body=letter.text, at=inquiry.opened_at)
    _sent(row, f"inquiries.ack:{inquiry.pk}", letter, at=inquiry.opened_at + timedelta(seconds=3))


def _answer(inquiry: Inquiry, text: str, *, status: str, by: User, at: datetime) -> None:
    _take(inquiry, by, at)
    mailed = inquiry.channel in {Inquiry.Channel.FORM, Inquiry.Channel.EMAIL}
    if mailed:
        opening = signing_off.opening(inquiry.store, by=by, language=inquiry.language, customer_name=inquiry.name)
        text = f"{opening}{text}"
    kind = Message.Kind.REPLY if mailed else Message.Kind.NOTE
    row = Message.objects.create(inquiry=inquiry, kind=kind, body=text, author=by, at=at)
    if mailed:
        letter = composing.render(
            "inquiries_reply",
            {
                "subject": reply_subject(inquiry.subject),
                "body": text,
                "signature": signing_off.signature(inquiry.store, by=by, language=inquiry.language),
                "number": inquiry.number,
            },
            inquiry.language,
        )
        _sent(row, f"inquiries.message:{row.pk}", letter, at=at + timedelta(seconds=4))
    sla.replied(inquiry, now=at)
    inquiry.status = status
    inquiry.waiting_since = None
    inquiry.solved_at = at if status == Inquiry.Status.SOLVED else None
    sla.follow(inquiry, before_status=Inquiry.Status.OPEN, now=at)
    inquiry.version = 2
    changed = ["status", "waiting_since", "solved_at", "first_replied_at", "version", *sla.FIELDS]
    inquiry.save(update_fields=changed)
    events.record("status", inquiry, actor=by, now=at, **{"from": "open", "to": status})


def _sent(row: Message, key: str, letter: composing.Letter, *, at: datetime) -> None:
    """Write the letter of a message as sent long ago."""
    inquiry = row.inquiry
    headers = headers_for(inquiry)
    mail = OutgoingMail(
        key=key,
        automatic=row.kind == Message.Kind.AUTOMATIC,
        language=inquiry.language,
        from_name=inquiry.store.sender_name,
        from_address=inquiry.store.sender_address,
        to_name="" if row.kind == Message.Kind.AUTOMATIC else inquiry.name,
        to_address=inquiry.email,
        reply_to=inquiry.store.sender_address,
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
        message_id=message_ids.for_key(key),
        in_reply_to=headers.in_reply_to,
        references=headers.references,
        state=OutgoingMail.State.SENT,
        due_at=row.at,
        created_at=row.at,
        changed_at=at,
        sent_at=at,
        attempt=1,
    )
    mail.raw = message.build(mail, at)
    mail.save()
    row.mail_key, row.message_id = mail.key, mail.message_id
    row.save(update_fields=["mail_key", "message_id"])
