"""One row of everything that an address under /admin/ can name, and the walk over all addresses."""

from base64 import b64decode
from datetime import timedelta
from uuid import uuid4

from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import URLPattern, get_resolver, reverse

from faq.models import Synonym
from followups.models import Campaign, RestockRequest
from inquiries import events
from inquiries.models import (
    ApprovalRule,
    Attachment,
    BulkRun,
    Cause,
    Draft,
    DraftFile,
    Macro,
    PreparedReply,
    Pull,
    Rule,
    SavedView,
    SLAPolicy,
    StatusLabel,
    Tag,
    Template,
    TemplateFile,
    WarningWord,
)
from inquiries.models import Category as InquiryCategory
from returns.models import Policy
from shopdesk.accounts.models import AuditEntry, Role
from shopdesk.desk import merging_customers
from shopdesk.mail import outbox, suppressions
from shopdesk.mail.models import Consent, IncomingMail, MailRoute, Suppression
from shopdesk.shop.importing import run
from shopdesk.shop.models import BusinessHours, Closure
from tests import make
from tests.faq.make import make_article
from tests.followups.make import make_planned, make_sequence, make_step
from tests.inquiries.make import make_inquiry
from tests.make import NOW
from tests.receiving.make import make_mailbox
from tests.returns.make import ask, bags, reason

BAD_CSV = "注文番号,a,b\n1,2\n".encode()


def walk(resolver=None, prefix="", spaces=()):
    """Every address: (full name, pattern, view). Nameless ones are called by their pattern."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            name = ":".join([*spaces, pattern.name]) if pattern.name else path
            yield name, path, pattern.callback
        else:
            inner = (*spaces, pattern.namespace) if pattern.namespace else spaces
            yield from walk(pattern, path, inner)


def admin_addresses():
    return {name: (path, view) for name, path, view in walk() if path.startswith("admin/")}


def attach(message, name="x.png"):
    dot = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC")
    key = default_storage.save(f"inquiries/test/{uuid4().hex}", ContentFile(dot))
    return Attachment.objects.create(
        message=message, storage_key=key, name=name, media_type="image/png", size=8, sha256="0" * 64
    )


def one_of_everything(user):
    """Rows, and for each named address under /admin/ the arguments that reach them: {name: [arguments]}."""
    store = make.make_store()
    inquiry = make_inquiry()
    file = attach(inquiry.messages.get())
    inquiry.messages.update(html="<p>色は何色ですか。</p>")
    view = SavedView.objects.create(owner=user, name="クレーム", shared=True)
    draft = Draft.objects.create(inquiry=inquiry, author=user, body="下書き", saved_at=NOW)
    draft_file = DraftFile.objects.create(
        inquiry=inquiry, author=user, storage_key="inquiries/test/draft", name="x.pdf", media_type="application/pdf",
        size=1, sha256="0" * 64, added_at=NOW,
    )  # fmt: skip
    waiting = PreparedReply.objects.create(
        inquiry=inquiry, author=user, body="承認待ち", original_body="承認待ち", state="awaiting", seen_version=1,
        created_at=NOW, changed_at=NOW,
    )  # fmt: skip
    moved = events.record("status", inquiry, actor=user, now=NOW, **{"from": "open", "to": "open"})
    bulk_run = BulkRun.objects.create(
        by=user, acts=[{"do": "spam"}], ids=[inquiry.pk], created_at=NOW, form_token=uuid4(), state="done"
    )
    template = Template.objects.create(name="お礼", body_ja="ありがとうございます。", owner=user)
    enclosed = TemplateFile.objects.create(
        template=template, storage_key=file.storage_key, name="x.png", media_type="image/png", size=8, sha256="0" * 64
    )
    macro = Macro.objects.create(name="急ぎ", acts=[{"do": "priority", "priority": 2}], owner=user)
    rule = Rule.objects.create(name="急ぎ", event="opened", acts=[{"do": "priority", "priority": 2}])
    order = bags(3, customer=inquiry.customer)
    case = ask(order, 1)
    sequence = make_sequence()
    step = make_step(sequence)
    planned = make_planned(step, order, due_at=NOW + timedelta(days=3))
    campaign = Campaign.objects.create(slug="news", name="news", subject="お知らせ", body="本文")
    product = make.make_product()
    RestockRequest.objects.create(customer=order.customer, product=product, created_at=NOW)
    claim = Pull.objects.create(inquiry=inquiry, user=user, at=NOW, expires_at=NOW + timedelta(minutes=30))
    article = make_article()
    letter = outbox.queue(
        key="test:1", to_address="hanako@mail.example", from_name="店", from_address="honten@shop.example",
        subject="件名", text="本文\n", now=NOW,
    )  # fmt: skip
    suppression = suppressions.suppress(
        "stop@mail.example", scope=Suppression.Scope.ALL, reason=Suppression.Reason.MANUAL, now=NOW, evidence="電話"
    )
    mailbox, hook = make_mailbox(1, status="paused"), make_mailbox(kind="webhook", status="paused")
    route = MailRoute.objects.create(name="本店", kind="backend", backend="resend", status="stopped")
    received = IncomingMail.objects.create(
        mailbox=hook, source_key="hook:1", sha256="0", raw=b"Subject: x", size=10, received_at=NOW, next_try_at=NOW,
        state="error", reason="wrapping",
    )  # fmt: skip
    job = run.store_file(BAD_CSV, file_name="orders.csv", store=store, by=user, now=NOW)
    tables = {
        "accounts_user": user,
        "accounts_role": Role.objects.get(code="finance"),
        "accounts_auditentry": AuditEntry.objects.create(code="sign_in.done", at=NOW, data={}),
        "shop_store": store,
        "shop_businesshours": BusinessHours.objects.get_or_create(weekday=6, opens="10:00", closes="11:00")[0],
        "shop_closure": Closure.objects.create(first_day="2027-02-01", last_day="2027-02-02", name="棚卸"),
        "shop_productcategory": product.category,
        "shop_product": product,
        "mail_consent": Consent.objects.create(address="a@mail.example", act="given", source="test", at=NOW),
        "mail_suppression": suppression,
        "faq_category": article.category,
        "faq_synonym": Synonym.objects.create(words="鞄, かばん"),
        "inquiries_category": InquiryCategory.objects.first(),
        "inquiries_slapolicy": SLAPolicy.objects.create(name="標準"),
        "inquiries_statuslabel": StatusLabel.objects.first(),
        "inquiries_cause": Cause.objects.first(),
        "inquiries_tag": Tag.objects.create(name="見本送付"),
        "inquiries_approvalrule": ApprovalRule.objects.create(name="高額", min_amount=50_000),
        "inquiries_warningword": WarningWord.objects.create(word="絶対"),
        "returns_reason": reason(),
        "returns_policy": Policy.objects.first(),
    }
    rooms = {
        "desk-inquiries": inquiry, "desk-returns": case, "desk-followups": planned, "desk-faq": article,
        "desk-mail": letter, "desk-shop": job,
    }  # fmt: skip
    double = make.make_customer("山田 花", "double@mail.example")
    merge = merging_customers.merge(
        make.make_customer("山田 花江", "gone@mail.example"), into=order.customer, by=user, now=NOW
    )
    own = {
        "desk:customer-merge": [double.pk, order.customer_id],
        "desk:customer-unmerge": [merge.pk],
        "desk:customer-note": [double.pk],
        "desk-inquiries:attachment": [file.pk],
        "desk-inquiries:picture": [file.pk],
        "desk-inquiries:thumbnail": [file.pk],
        "desk-inquiries:message-html": [file.message_id],
        "desk-inquiries:take-draft": [inquiry.pk, draft.pk],
        "desk-inquiries:draft-file-remove": [inquiry.pk, draft_file.pk],
        "desk-inquiries:read-note": [inquiry.pk, file.message_id],
        **{f"desk-inquiries:view-{deed}": [view.pk] for deed in ("edit", "delete")},
        "desk-inquiries:skip": [claim.pk],
        "desk-inquiries:hours": [user.pk],
        "desk-inquiries:menu": [inquiry.pk, "status"],
        "desk-inquiries:undo-status": [inquiry.pk, moved.pk],
        "desk-inquiries:split": [file.message_id],
        **{f"desk-inquiries:bulk-{deed}": [bulk_run.pk] for deed in ("run", "back")},
        "desk-inquiries:take-back": [file.message_id],
        **{f"desk-inquiries:prepared-{deed}": [waiting.pk] for deed in ("decide", "send", "move", "withdraw", "seen")},
        **{f"desk-inquiries:template{deed}": [template.pk] for deed in ("", "-copy", "-delete", "-move")},
        "desk-inquiries:template-file": [enclosed.pk],
        "desk-inquiries:template-use": [inquiry.pk, template.pk],
        "desk-inquiries:faq-use": [inquiry.pk, article.pk],
        **{f"desk-inquiries:macro{deed}": [macro.pk] for deed in ("", "-delete")},
        "desk-inquiries:macro-run": [inquiry.pk, macro.pk],
        **{f"desk-inquiries:rule{deed}": [rule.pk] for deed in ("", "-switch", "-delete")},
        "desk-followups:sequence": [sequence.pk],
        "desk-followups:sequence-status": [sequence.pk],
        "desk-followups:add-step": [sequence.pk],
        "desk-followups:step": [step.pk],
        "desk-followups:campaign": [campaign.pk],
        "desk-followups:restocked": [product.pk],
        "desk-mail:release": [suppression.pk],
        **{f"desk-mail:incoming{deed}": [received.pk] for deed in ("", "-eml", "-read-again", "-ignore")},
        **{f"desk-mail:mailbox{deed}": [mailbox.pk] for deed in ("", "-edit", "-test", "-status")},
        "desk-mail:mailbox-add": ["imap"],
        **{f"desk-mail:route{deed}": [route.pk] for deed in ("", "-edit", "-check", "-status")},
        "desk-mail:mailbox-address": [hook.pk],
        "desk-shop:order": [order.pk],
        "desk-shop:customer": [order.customer_id],
        "admin:app_list": ["shop"],
        "admin:view_on_site": [ContentType.objects.get_for_model(product).pk, product.pk],
    }
    arguments = {}
    for name, (path, _) in admin_addresses().items():
        if name in own:
            arguments[name] = own[name]
        elif "object_id" in path:
            table = (
                name.removeprefix("admin:").rpartition("_")[0]
                if name.startswith("admin:")
                else "_".join(path.split("/")[1:3])
            )
            arguments[name] = [tables[table].pk]
        else:
            arguments[name] = [rooms[name.partition(":")[0]].pk] if "<int:pk>" in path else []
    return arguments


def address_of(name, arguments):
    """The path of an address, from its name and arguments."""
    if not name.startswith("admin/"):
        return reverse(name, args=arguments)
    if "<path:object_id>" in name:
        return "/" + name.replace("<path:object_id>", str(arguments[0]))
    return "/admin/no-such-page/"
