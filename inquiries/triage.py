"""Who answers an inquiry, and where it stands. Each change is settled by the database and leaves an event."""

from datetime import datetime
from typing import Any

from django.db import transaction

from inquiries import events, families, happenings, moments, sla, states
from inquiries.models import Category, Cause, Inquiry, InquiryEvent, Message, Rule, StatusLabel
from inquiries.states import ENTERED
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.shop.models import Product


class CannotAnswer(Exception):
    """The person may not see inquiries, or is not active: nothing can be assigned to them."""


class CannotClose(Exception):
    """The store wants to know more before an inquiry is closed. ``missing``: "cause", "product"."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(", ".join(missing))
        self.missing = missing


class CannotSet(Exception):
    """Not a status that somebody may choose (merged is reached by merging only), or a label of another one."""


class Unread(Exception):
    """Something was said since the person looked: what would put it out of sight waits until they have read it."""


class IsMerged(Exception):
    """The inquiry goes on in another one: what is to happen must happen there."""


class Changed(Exception):
    """The inquiry was changed since: what was to be undone stays."""


@transaction.atomic
def take(inquiry: Inquiry, *, by: User, now: datetime) -> bool:
    """Take an unassigned inquiry; False when a colleague was faster, also with merging it into another one."""
    free = Inquiry.objects.filter(pk=inquiry.pk, assignee=None).exclude(status=Inquiry.Status.MERGED)
    taken = free.update(assignee=by, last_activity_at=now)
    if taken:
        inquiry.assignee = by
        events.record("taken", inquiry, actor=by, now=now)
        happenings.note(inquiry, Rule.Event.ASSIGNED, now=now)
    return bool(taken)


@transaction.atomic
def assign(inquiry: Inquiry, *, to: User | None, by: User | None, now: datetime) -> bool:
    """Give an inquiry to a colleague, or to nobody. False, and nothing happens, when it is theirs already.

    Raises CannotAnswer.
    """
    if to is not None and not to.has_perm(P.INQUIRIES_VIEW):
        raise CannotAnswer
    fresh = Inquiry.objects.locked().get(pk=inquiry.pk)
    before = fresh.assignee
    if before == to:
        return False
    fresh.assignee = to
    fresh.last_activity_at = now
    fresh.save(update_fields=["assignee", "last_activity_at"])
    inquiry.assignee = to
    names = {"from": before.pk if before else None, "from_name": str(before) if before else ""}
    if to is None:
        events.record("unassigned", inquiry, actor=by, now=now, **names)
    elif to == by and before is None:
        events.record("taken", inquiry, actor=by, now=now)
    else:
        events.record("assigned", inquiry, actor=by, now=now, **names, to=to.pk, to_name=str(to))
    happenings.note(inquiry, Rule.Event.ASSIGNED, now=now)
    return True


@transaction.atomic
def set_status(
    inquiry: Inquiry,
    *,
    status: str,
    by: User | None,
    now: datetime,
    label: StatusLabel | None = None,
    cause: Cause | None = None,
    product: Product | None = None,
    version: int | None = None,
) -> bool:
    """Move an inquiry to another status, or to another label of the same one; False when it is there already.

    ``cause`` and ``product`` are written in the same step, so that closing can bring what it needs. On hold without a
    moment means until the next morning. Opened again, it waits since the customer's last word that nobody answered, so
    that solving by mistake and setting back leaves the due time as it was.

    ``version`` is the one that the person saw: only to be answered it becomes unread.

    Raises CannotSet, IsMerged, Unread, and CannotClose; nothing has changed then.
    """
    if status not in CHOOSABLE or (label and label.status != status):
        raise CannotSet(status)
    fresh = _locked(inquiry)
    if status != Inquiry.Status.OPEN:
        require_read(fresh, version)
    classified = _classify(fresh, cause=cause, product=product, by=by, now=now)
    if status == Inquiry.Status.SOLVED and fresh.status != status and (missing := close_needs(fresh)):
        raise CannotClose(missing)
    before = states.snapshot(fresh, (*ENTERED, "merged_into"))
    was = fresh.label
    if fresh.status == status:
        if fresh.label_id == (label.pk if label else None):
            states.copy(fresh, inquiry, ("cause", "product"))
            return classified
        fresh.label = label
        sla.follow(fresh, before_status=fresh.status, now=now)
    else:
        if status == Inquiry.Status.HOLD:
            fresh.snoozed_until, fresh.snoozed_by = moments.tomorrow(now), by
        enter(fresh, status=status, now=now, label=label)
    fresh.last_activity_at = now
    fresh.save(update_fields=[*ENTERED, "last_activity_at"])
    data = {"from": before["status"], "to": status, **_label_names("from", was), **_label_names("to", label)}
    fresh.status_event = events.record("status", fresh, actor=by, now=now, **data, before=before)  # type: ignore[attr-defined]  # for the view's undo
    inquiry.status_event = fresh.status_event  # type: ignore[attr-defined]  # as above
    happenings.note(fresh, Rule.Event.STATUS, now=now)
    states.copy(fresh, inquiry, (*ENTERED, "cause", "product", "last_activity_at"))
    return True


# What staff may choose; merged is reached by merging only.
CHOOSABLE = frozenset(set(Inquiry.Status.values) - {Inquiry.Status.MERGED})


@transaction.atomic
def undo_status(event: InquiryEvent, *, by: User, now: datetime) -> Inquiry:
    """Put back what a change of status changed, clocks to the second; cause and product stay.

    Raises Changed when the inquiry has been moved, answered or written to since.
    """
    fresh = Inquiry.objects.locked().get(pk=event.inquiry_id)
    moved = fresh.events.filter(pk__gt=event.pk).exclude(code__in=_HARMLESS).exists()
    said = fresh.messages.filter(at__gt=event.at).exclude(kind=Message.Kind.NOTE).exists()
    before = event.data.get("before") if event.code in {"status", "snoozed"} else None
    if before is None or moved or said or fresh.status != event.data.get("to", Inquiry.Status.HOLD):
        raise Changed
    data = {"from": fresh.status, "to": before["status"], **_label_names("from", fresh.label)}
    names = states.restore(fresh, before)
    fresh.last_activity_at = now
    fresh.save(update_fields=[*names, "last_activity_at"])
    events.record("status_undone", fresh, actor=by, now=now, **data, **_label_names("to", fresh.label))
    return fresh


# What may happen after a change of status without its undoing becoming a surprise.
_HARMLESS = ("tagged", "untagged", "cause", "priority", "mood", "product", "assigned", "unassigned", "taken")


def require_read(inquiry: Inquiry, version: int | None) -> None:
    """Raises Unread where ``version``, which somebody saw, is not the row's any more. The caller holds the row."""
    if version is not None and inquiry.version != version:
        raise Unread


def close_needs(inquiry: Inquiry) -> list[str]:
    """What the store wants to know before this is closed and nobody has said: "cause", "product"."""
    store = inquiry.store
    needs = []
    if store.requires_cause and inquiry.cause_id is None:
        needs.append("cause")
    if store.requires_product and inquiry.product_id is None:
        needs.append("product")
    return needs


def require_closable(inquiry: Inquiry) -> None:
    """Raises CannotClose; for whoever closes by another way than set_status (a reply that solves)."""
    if missing := close_needs(inquiry):
        raise CannotClose(missing)


def customer_words(inquiry: Inquiry, language: str) -> str:
    """What a customer is told about where their question stands, in "ja" or "en"; never the shop's own word for it.

    A label without such words says what the first label of its status says; spam and merged ones say nothing.
    """
    own = [inquiry.label] if inquiry.label else []
    for label in (*own, *StatusLabel.objects.filter(status=inquiry.status, is_active=True)):
        ja, en = label.customer_ja, label.customer_en
        if ja or en:
            return (en or ja) if language == "en" else (ja or en)
    return ""


@transaction.atomic
def set_category(inquiry: Inquiry, *, category: Category, by: User | None, now: datetime) -> bool:
    """Say what an inquiry is about; the due time follows. False when it is that already."""
    fresh = Inquiry.objects.select_related("category").held(inquiry.pk)[inquiry.pk]
    before = fresh.category
    if before == category:
        return False
    fresh.category = category
    if fresh.priority == before.priority:  # nobody has set another one
        fresh.priority = category.priority
    sla.category_changed(fresh, now=now)
    fresh.last_activity_at = now
    changed = ("category", "priority", "last_activity_at", *sla.TARGETS, *sla.FIELDS)
    fresh.save(update_fields=changed)
    states.copy(fresh, inquiry, changed)
    inquiry.category = category
    data = {"from": before.slug, "to": category.slug}
    events.record("category", inquiry, actor=by, now=now, **data)
    return True


@transaction.atomic
def set_cause(inquiry: Inquiry, *, cause: Cause | None, by: User | None, now: datetime) -> bool:
    """Say why it came, for the figures. False when it is that already."""
    return _set(inquiry, "cause", cause, by=by, now=now, data=_cause_names(cause))


@transaction.atomic
def set_product(inquiry: Inquiry, *, product: Product | None, by: User | None, now: datetime) -> bool:
    """Say which product it is about. False when it is that already."""
    return _set(inquiry, "product", product, by=by, now=now, data={"name": str(product) if product else ""})


@transaction.atomic
def set_priority(inquiry: Inquiry, *, priority: int, by: User | None, now: datetime) -> bool:
    """How urgent it is: 0, 1 or 2. False when it is that already. Raises CannotSet."""
    if priority not in Category.Priority.values:
        raise CannotSet(str(priority))
    return _set(inquiry, "priority", priority, by=by, now=now, data={"to": priority})


@transaction.atomic
def set_mood(inquiry: Inquiry, *, mood: str, by: User | None, now: datetime) -> bool:
    """How the customer sounds. False when it is that already. Raises CannotSet."""
    if mood not in Inquiry.Mood.values:
        raise CannotSet(mood)
    return _set(inquiry, "mood", mood, by=by, now=now, data={"to": mood})


def enter(inquiry: Inquiry, *, status: str, now: datetime, label: StatusLabel | None = None) -> None:
    """Set the fields that belong to a status, unsaved. The caller holds the row and saves states.ENTERED."""
    if status == Inquiry.Status.OPEN:
        inquiry.waiting_since = waiting_since(inquiry) or now
    else:
        inquiry.waiting_since = None
    if status != Inquiry.Status.HOLD:
        inquiry.snoozed_until, inquiry.snooze_reason, inquiry.snooze_comment, inquiry.snoozed_by = None, "", "", None
    inquiry.solved_at = now if status == Inquiry.Status.SOLVED else None
    before, inquiry.status = inquiry.status, status
    # A label belongs to its status: another status has another one, or none.
    inquiry.label = label
    sla.follow(inquiry, before_status=before, now=now)


def waiting_since(inquiry: Inquiry) -> datetime | None:
    """The first word of the customer after our last reply, here or in what was merged into it; None when we had the
    last word."""
    said = Message.objects.filter(inquiry__in=families.family(inquiry))
    replied = said.filter(kind=Message.Kind.REPLY).order_by("-at", "-pk").values_list("at", flat=True).first()
    words = said.filter(kind=Message.Kind.RECEIVED, automatic=False)
    if replied:
        words = words.filter(at__gt=replied)
    return words.order_by("at", "pk").values_list("at", flat=True).first()


def _locked(inquiry: Inquiry) -> Inquiry:
    """The row as it is now, held. Raises IsMerged."""
    fresh = Inquiry.objects.select_related("category", "store", "label").held(inquiry.pk)[inquiry.pk]
    if fresh.status == Inquiry.Status.MERGED:
        raise IsMerged
    return fresh


def _classify(
    inquiry: Inquiry, *, cause: Cause | None, product: Product | None, by: User | None, now: datetime
) -> bool:
    changed = False
    if cause is not None:
        changed = _set(inquiry, "cause", cause, by=by, now=now, data=_cause_names(cause))
    if product is not None:
        changed = _set(inquiry, "product", product, by=by, now=now, data={"name": str(product)}) or changed
    return changed


def _set(inquiry: Inquiry, name: str, value: Any, *, by: User | None, now: datetime, data: dict[str, Any]) -> bool:
    """Write one field under the row's lock, with its event; False when it holds that value already."""
    fresh = Inquiry.objects.locked().get(pk=inquiry.pk)
    same = getattr(fresh, name) == value
    setattr(inquiry, name, value)
    if same:
        return False
    setattr(fresh, name, value)
    fresh.last_activity_at = now
    changed = [name, "last_activity_at"]
    if name == "priority":  # another promise may hold
        sla.category_changed(fresh, now=now)
        changed += [*sla.TARGETS, *sla.FIELDS]
    if name == "product":  # the search knows its name
        fresh.indexed_version = None
        changed.append("indexed_version")
    fresh.save(update_fields=changed)
    states.copy(fresh, inquiry, tuple(changed))
    events.record(name, inquiry, actor=by, now=now, **data)
    return True


def _cause_names(cause: Cause | None) -> dict[str, Any]:
    if cause is None:
        return {"cause": None, "name_ja": "", "name_en": ""}
    return {"cause": cause.pk, "name_ja": cause.name_ja, "name_en": cause.name_en}


def _label_names(side: str, label: StatusLabel | None) -> dict[str, Any]:
    """The label's names as of this moment, for the event: history does not change when a label is renamed."""
    if label is None:
        return {}
    return {f"{side}_label": label.pk, f"{side}_ja": label.name_ja, f"{side}_en": label.name_en}
