"""A double click on every button: what it does happens once, and the second answer is honest."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.test import Client

from faq.models import Article
from returns.models import ReturnCase
from tests.access.rows import one_of_everything
from tests.bad_input.pages import forms_of, public_pages, staff_pages, unlike

# Forms without data-once or an htmx guard, and why that is no harm.
UNGUARDED = {
    "components/language.html": "chooses a language; again is the same",
    "components/user_links.html": "signs out; again is the same",
    "account/login.html": "the script of the passkey sends it",
    "mfa/authenticate.html": "a code is used up by the first; the other form signs out",
    "mfa/webauthn/reauthenticate.html": "the script of the passkey sends it",
    "mfa/webauthn/add_form.html": "the script of the passkey sends it",
    "inquiries/export.html": "a file to save leaves the page as it is; two files are two lines of the log",
    "desk/design.html": "a sample that saves nothing",
    "desk/off_hours.html": "signs out; again is the same",
}
_FORM = re.compile(r"""<form\b[^>]*?method=["']post["'](?:[^>"']|"[^"]*"|'[^']*')*>""", re.IGNORECASE)
# What may happen again: the log of deeds keeps both; each wish for a key to an order is a row (and five tries a limit);
# the same group of synonyms twice finds what it found once.
REPEATED = {"AuditEntry", "LookUp", "Synonym"}
OURS = [
    model
    for model in apps.get_models()
    if model.__module__.split(".")[0] in {"shopdesk", "inquiries", "faq", "returns", "followups"}
    and model.__name__ not in REPEATED
]


def test_every_form_is_guarded():
    found = {}
    for folder in settings.TEMPLATES[0]["DIRS"]:
        for file in Path(folder).rglob("*.html"):
            words = re.sub(r"\{%.*?%\}", "", file.read_text(encoding="utf-8"))
            bare = [form for form in _FORM.findall(words) if "data-once" not in form and "hx-post" not in form]
            if bare:
                found[file.relative_to(folder).as_posix()] = len(bare)
    assert set(found) == set(UNGUARDED)


def _rows():
    return {model.__name__: model._default_manager.count() for model in OURS}


def _twice(client, forms):
    wrong = []
    for form in forms:
        if form.method != "post" or form.action == "/account/logout/":
            continue
        with transaction.atomic():
            posted = form.filled()
            first = client.post(form.action, posted)
            before = _rows()
            second = client.post(form.action, posted)
            after = _rows()
            transaction.set_rollback(True)
        more = {name: count - before[name] for name, count in after.items() if count != before[name]}
        if first.status_code >= 500 or second.status_code >= 500 or more:
            wrong.append((form.action, first.status_code, second.status_code, more))
    return wrong


@pytest.fixture
def client_of_owner(owner):
    client = Client(raise_request_exception=False)
    client.force_login(owner)
    return client


@pytest.mark.long
def test_staff_buttons(owner, client_of_owner):
    forms = unlike([form for page in staff_pages(owner) for form in forms_of(client_of_owner, page)])
    assert _twice(client_of_owner, forms) == []


def test_public_buttons(owner):
    client = Client(raise_request_exception=False)
    one_of_everything(owner)
    pages = public_pages(client, ReturnCase.objects.get(), Article.objects.get())
    forms = unlike([form for page in pages for form in forms_of(client, page)])
    assert _twice(client, forms) == []
