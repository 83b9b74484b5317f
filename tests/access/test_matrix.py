"""Who may open what. Every address under /admin/ stands in the written matrix below; a new one without a row fails."""

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from shopdesk.accounts.permissions import ROLES, P
from tests import make
from tests.access.rows import address_of, admin_addresses, one_of_everything

pytestmark = pytest.mark.usefixtures("refusals_untold")

ANY = ()  # any member of staff
NOBODY = None

# Rooms: what the address needs; where posting needs more than looking, a pair (to look, to post).
ROOMS = {
    "desk-inquiries:list": (P.INQUIRIES_VIEW,),
    "desk-inquiries:poll": (P.INQUIRIES_VIEW,),
    "desk-inquiries:palette": ANY,
    "desk-inquiries:views": (P.INQUIRIES_VIEW,),
    "desk-inquiries:view-default": (P.INQUIRIES_VIEW,),
    "desk-inquiries:view-new": (P.INQUIRIES_VIEW_ALL,),
    "desk-inquiries:view-edit": (P.INQUIRIES_VIEW_ALL,),
    "desk-inquiries:view-delete": (P.INQUIRIES_VIEW_ALL,),
    "desk-inquiries:availability": (P.INQUIRIES_VIEW,),
    "desk-inquiries:turns": (P.INQUIRIES_SETTINGS,),
    "desk-inquiries:hours": (P.INQUIRIES_SETTINGS,),
    "desk-inquiries:pull": (P.INQUIRIES_VIEW, P.INQUIRIES_PULL),
    "desk-inquiries:pull-bar": (P.INQUIRIES_VIEW, P.INQUIRIES_PULL),
    "desk-inquiries:skip": (P.INQUIRIES_VIEW, P.INQUIRIES_PULL),
    "desk-inquiries:pulls": (P.INQUIRIES_SETTINGS,),
    "desk-inquiries:new": (P.INQUIRIES_VIEW_ALL, P.INQUIRIES_DRAFT),
    "desk-inquiries:export": (P.INQUIRIES_VIEW_ALL, P.INQUIRIES_EXPORT),
    "desk-inquiries:attachment": (P.INQUIRIES_VIEW,),
    "desk-inquiries:picture": (P.INQUIRIES_VIEW,),
    "desk-inquiries:message-html": (P.INQUIRIES_VIEW, P.INQUIRIES_VIEW_ALL),
    "desk-inquiries:thumbnail": (P.INQUIRIES_VIEW,),
    "desk-inquiries:detail": (P.INQUIRIES_VIEW,),
    "desk-inquiries:thread": (P.INQUIRIES_VIEW,),
    "desk-inquiries:panels": (P.INQUIRIES_VIEW,),
    "desk-inquiries:faq-panel": (P.INQUIRIES_VIEW,),
    "desk-inquiries:reply": (P.INQUIRIES_VIEW, P.INQUIRIES_REPLY),
    "desk-inquiries:ask": (P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT),
    "desk-inquiries:take-back": (P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT),
    "desk-inquiries:approvals": (P.INQUIRIES_VIEW, P.INQUIRIES_APPROVE),
    "desk-inquiries:prepared-decide": (P.INQUIRIES_VIEW, P.INQUIRIES_APPROVE),
    "desk-inquiries:prepared-send": (P.INQUIRIES_VIEW, P.INQUIRIES_REPLY),
    "desk-inquiries:prepared-move": (P.INQUIRIES_VIEW, P.INQUIRIES_REPLY),
    "desk-inquiries:prepared-withdraw": (P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT),
    "desk-inquiries:prepared-seen": (P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT),
    "desk-inquiries:note": (P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT),
    "desk-inquiries:draft": (P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT),
    "desk-inquiries:ways": (P.INQUIRIES_VIEW, P.INQUIRIES_REPLY),
    "desk-inquiries:senders": (P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT),
    "desk-inquiries:shortcuts": (P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT),
    "desk-inquiries:draft-files": (P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT),
    "desk-inquiries:draft-file-remove": (P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT),
    "desk-inquiries:colleagues": (P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT),
    "desk-inquiries:read-note": (P.INQUIRIES_VIEW,),
    "desk-inquiries:take-draft": (P.INQUIRIES_VIEW, P.INQUIRIES_REPLY),
    "desk-inquiries:take": (P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE),
    "desk-inquiries:assign": (P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE),
    "desk-inquiries:status": (P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE),
    "desk-inquiries:category": (P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE),
    **{
        f"desk-inquiries:{deed}": (P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
        for deed in (
            "menu",
            "undo-status",
            "snooze",
            "wake",
            "tags",
            "classify",
            "merge",
            "unmerge",
            "split",
            "bulk",
            "bulk-start",
            "bulk-run",
            "bulk-runs",
            "bulk-back",
        )
    },
    **{
        f"desk-inquiries:{deed}": (P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
        for deed in (
            "templates",
            "template-add",
            "template-preview",
            "template-file",
            "template",
            "template-copy",
            "template-delete",
            "template-move",
            "template-picker",
            "template-use",
            "faq-picker",
            "faq-use",
        )
    },
    **{
        f"desk-inquiries:{deed}": (P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
        for deed in ("macros", "macro-add", "macro", "macro-delete", "macro-menu", "macro-run")
    },
    **{
        f"desk-inquiries:{deed}": (P.INQUIRIES_SETTINGS,)
        for deed in ("rules", "rule-add", "rule-hits", "rule", "rule-switch", "rule-delete")
    },
    "desk-inquiries:condition-row": (P.INQUIRIES_VIEW,),
    "desk-inquiries:act-row": (P.INQUIRIES_VIEW,),
    "desk-returns:list": (P.RETURNS_VIEW,),
    "desk-returns:detail": (P.RETURNS_VIEW,),
    "desk-returns:approve": (P.RETURNS_DECIDE,),
    "desk-returns:decline": (P.RETURNS_DECIDE,),
    "desk-returns:receive": (P.RETURNS_RECEIVE,),
    "desk-returns:complete": (P.RETURNS_RECEIVE,),
    "desk-followups:list": (P.FOLLOWUPS_VIEW,),
    "desk-followups:planned": (P.FOLLOWUPS_VIEW,),
    "desk-followups:release": (P.FOLLOWUPS_MANAGE,),
    "desk-followups:hold": (P.FOLLOWUPS_MANAGE,),
    "desk-followups:cancel": (P.FOLLOWUPS_MANAGE,),
    "desk-followups:sequences": (P.FOLLOWUPS_VIEW,),
    "desk-followups:sequence": (P.FOLLOWUPS_VIEW,),
    "desk-followups:sequence-status": (P.FOLLOWUPS_MANAGE,),
    "desk-followups:add-step": (P.FOLLOWUPS_MANAGE,),
    "desk-followups:step": (P.FOLLOWUPS_MANAGE,),
    "desk-followups:campaign": (P.FOLLOWUPS_VIEW,),
    "desk-followups:restock": (P.FOLLOWUPS_VIEW,),
    "desk-followups:restocked": (P.FOLLOWUPS_MANAGE,),
    "desk-faq:list": (P.FAQ_VIEW,),
    "desk-faq:new": (P.FAQ_EDIT,),
    "desk-faq:preview": (P.FAQ_EDIT,),
    "desk-faq:searches": (P.FAQ_VIEW,),
    "desk-faq:search-done": (P.FAQ_EDIT,),
    "desk-faq:edit": (P.FAQ_VIEW,),
    "desk-mail:list": (P.MAIL_VIEW,),
    "desk-mail:stopped": (P.MAIL_VIEW,),
    "desk-mail:release": (P.MAIL_SETTLE,),
    "desk-mail:detail": (P.MAIL_VIEW,),
    "desk-mail:html": (P.MAIL_VIEW,),
    "desk-mail:incoming-list": (P.MAIL_VIEW,),
    "desk-mail:incoming": (P.MAIL_VIEW,),
    "desk-mail:incoming-eml": (P.MAIL_VIEW,),
    "desk-mail:incoming-read-again": (P.MAIL_SETTLE,),
    "desk-mail:incoming-ignore": (P.MAIL_SETTLE,),
    "desk-mail:mailboxes": (P.SETTINGS_CHANGE,),
    "desk-mail:mailbox-add": (P.SETTINGS_CHANGE,),
    "desk-mail:mailbox": (P.SETTINGS_CHANGE,),
    "desk-mail:mailbox-edit": (P.SETTINGS_CHANGE,),
    "desk-mail:mailbox-test": (P.SETTINGS_CHANGE,),
    "desk-mail:mailbox-status": (P.SETTINGS_CHANGE,),
    "desk-mail:mailbox-address": (P.SETTINGS_CHANGE,),
    "desk-mail:routes": (P.SETTINGS_CHANGE,),
    "desk-mail:route-add": (P.SETTINGS_CHANGE,),
    "desk-mail:route": (P.SETTINGS_CHANGE,),
    "desk-mail:route-edit": (P.SETTINGS_CHANGE,),
    "desk-mail:route-check": (P.SETTINGS_CHANGE,),
    "desk-mail:route-status": (P.SETTINGS_CHANGE,),
    "desk-mail:resume": (P.MAIL_SETTLE,),
    "desk-mail:eml": (P.MAIL_VIEW,),
    "desk-mail:cancel": (P.MAIL_SETTLE,),
    "desk-mail:mark-sent": (P.MAIL_SETTLE,),
    "desk-mail:send-again": (P.MAIL_SETTLE,),
    "desk-shop:orders": (P.ORDERS_VIEW,),
    "desk-shop:order": (P.ORDERS_VIEW,),
    "desk-shop:customers": (P.ORDERS_VIEW,),
    "desk-shop:customer": (P.ORDERS_VIEW,),
    "desk-shop:imports": (P.ORDERS_IMPORT,),
    "desk-shop:import": (P.ORDERS_IMPORT,),
    "desk-shop:import-look": (P.ORDERS_IMPORT,),
    "desk-shop:import-confirm": (P.ORDERS_IMPORT,),
    "desk-shop:import-run": (P.ORDERS_IMPORT,),
    "desk-shop:import-discard": (P.ORDERS_IMPORT,),
    "desk-shop:import-progress": (P.ORDERS_IMPORT,),
    "desk-shop:import-errors": (P.ORDERS_IMPORT,),
    "desk:search": ANY,
    **{
        f"desk:customer-{deed}": (P.ORDERS_VIEW, P.INQUIRIES_VIEW_ALL, P.INQUIRIES_TRIAGE)
        for deed in ("merge", "unmerge", "note")
    },
    "desk:settings": ANY,
    "desk:design": (P.STAFF_MANAGE,),
    "admin:shop_closure_seed": (P.SETTINGS_CHANGE,),
}
# Posting to these needs more than looking at them.
POSTS = {
    "desk-faq:edit": (P.FAQ_EDIT,),
    "desk-mail:stopped": (P.MAIL_SETTLE,),
    "desk-followups:sequence": (P.FOLLOWUPS_MANAGE,),
}
# The frame of Django's admin. The last one answers 404 for pages that do not exist.
FRAME = {
    "admin:index": ANY,
    "admin:login": ANY,
    "admin:logout": ANY,
    "admin:password_change": ANY,
    "admin:password_change_done": ANY,
    "admin:jsi18n": ANY,
    "admin:autocomplete": (P.STAFF_MANAGE,),  # as asked below: for staff in the form of a suppression
    "admin:view_on_site": ANY,  # no row has a page of its own: always 404
    "admin:app_list": (P.SETTINGS_CHANGE,),  # as asked below: the shop's tables; 404 for who may open none of them
    "admin/(?P<url>.*)$": ANY,
}
# Plain tables: the permission, and which deeds exist at all.
TABLES = {
    "accounts_user": (P.STAFF_MANAGE, "add change"),
    "accounts_role": (P.STAFF_MANAGE, "add change delete"),
    "accounts_auditentry": (P.AUDIT_VIEW, ""),
    "shop_store": (P.SETTINGS_CHANGE, "add change delete"),
    "shop_businesshours": (P.SETTINGS_CHANGE, "add change delete"),
    "shop_closure": (P.SETTINGS_CHANGE, "add change delete"),
    "shop_productcategory": (P.SETTINGS_CHANGE, "add change delete"),
    "shop_product": (P.SETTINGS_CHANGE, "add change delete"),
    "mail_consent": (P.MAIL_SETTLE, ""),
    "mail_suppression": (P.MAIL_SETTLE, ""),
    "faq_category": (P.FAQ_EDIT, "add change delete"),
    "faq_synonym": (P.FAQ_EDIT, "add change delete"),
    "inquiries_category": (P.INQUIRIES_SETTINGS, "add change"),
    "inquiries_slapolicy": (P.INQUIRIES_SETTINGS, "add change delete"),
    "inquiries_statuslabel": (P.INQUIRIES_SETTINGS, "add change"),
    "inquiries_cause": (P.INQUIRIES_SETTINGS, "add change"),
    "inquiries_tag": (P.INQUIRIES_SETTINGS, "add change"),
    "inquiries_approvalrule": (P.INQUIRIES_SETTINGS, "add change delete"),
    "inquiries_warningword": (P.INQUIRIES_SETTINGS, "add change delete"),
    "returns_reason": (P.RETURNS_SETTINGS, "add change"),
    "returns_policy": (P.RETURNS_SETTINGS, "add change delete"),
}


def _tables():
    """Rows of the plain tables: (needs to look, needs to post) by name of the address."""
    rows = {}
    for table, (permission, deeds) in TABLES.items():
        look, none = (permission,), NOBODY
        may = {deed: look if deed in deeds else none for deed in ("add", "change", "delete")}
        rows[f"admin:{table}_changelist"] = (look, look)
        rows[f"admin:{table}_history"] = (look, look)
        rows[f"admin:{table}_add"] = (may["add"], may["add"])
        rows[f"admin:{table}_change"] = (look, may["change"])
        rows[f"admin:{table}_delete"] = (may["delete"], may["delete"])
        rows[f"admin/{table.replace('_', '/')}/<path:object_id>/"] = (ANY, ANY)  # leads to the change page
    return rows


MATRIX = {name: (needs, POSTS.get(name, needs)) for name, needs in {**ROOMS, **FRAME}.items()} | _tables()
QUERIES = {"admin:autocomplete": "?term=a&app_label=mail&model_name=suppression&field_name=by"}
# Where a row is hidden, or a whole page does not exist for somebody, 404 tells nothing; nor does Django's 405.
HIDDEN = {name for name in ROOMS if name.startswith("desk-inquiries:")} | {"admin:app_list"}
REFUSALS = {name: {403, 404} for name in HIDDEN} | {"admin:autocomplete": {403, 405}}


def test_every_address_has_a_row():
    assert set(admin_addresses()) == set(MATRIX)


def test_views_ask_for_what_is_written():
    asked = {name: view.staff_needs for name, (_, view) in admin_addresses().items() if hasattr(view, "staff_needs")}
    assert asked == ROOMS


def _address(name, arguments):
    return address_of(name, arguments[name]) + QUERIES.get(name, "")


def test_a_visitor_is_sent_to_the_sign_in(owner):
    arguments = one_of_everything(owner)
    client, wrong = Client(), []
    for name in MATRIX:
        for method in (client.get, client.post):
            response = method(_address(name, arguments))
            while response.get("Location", "").startswith("/admin/"):  # Django's own way leads over /admin/login/
                response = client.get(response["Location"])
            if not response.get("Location", "").startswith("/account/login/"):
                wrong.append((name, method.__name__, response.status_code))
    assert wrong == []


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_what_it_may_and_nothing_else(role, db, owner, signed_in):
    arguments = one_of_everything(owner)
    user = make.make_user(f"{role}@desk.example", role=role)
    holds = ROLES[role][2]
    client, wrong = signed_in(user), []
    for name, needs in MATRIX.items():
        for method, need in zip((client.get, client.post), needs, strict=True):
            with transaction.atomic():
                response = method(_address(name, arguments))
                transaction.set_rollback(True)
            b"".join(response)  # reading to the end closes the file of an attachment
            status, refused = response.status_code, REFUSALS.get(name, {403})
            may = need is not NOBODY and holds.issuperset(need)
            if status >= 500 or (status == 403 if may else status not in refused):
                wrong.append((name, method.__name__, "may" if may else "may not", status))
    assert wrong == []


def test_every_post_asks_for_the_token_of_the_form(owner):
    """Another site's page can post nothing in a colleague's name."""
    arguments, client = one_of_everything(owner), Client(enforce_csrf_checks=True)
    client.force_login(owner)
    passed = [name for name in MATRIX if client.post(_address(name, arguments), {"a": "b"}).status_code != 403]
    assert passed == []


def test_the_admins_own_account_pages_lead_to_the_one_sign_in(owner, signed_in):
    client = signed_in(owner)
    for page, target in (
        ("password_change", "account_change_password"),
        ("password_change_done", "account_change_password"),
        ("logout", "account_logout"),
    ):
        for method in (client.get, client.post):
            assert method(reverse(f"admin:{page}"))["Location"] == reverse(target)
    assert client.get(reverse("admin:index")).status_code == 200  # still signed in: signing out asks first


def test_no_table_of_a_package_has_a_page(owner, signed_in):
    client = signed_in(owner)
    for path in ("auth/group", "account/emailaddress", "mfa/authenticator", "sessions/session"):
        assert client.get(f"/admin/{path}/").status_code == 404
