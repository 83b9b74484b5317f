"""Odd text in every field of every form that any page shows: no crash, and nothing that breaks a line in a header."""

import re
from copy import copy
from urllib.parse import quote_plus

import pytest
from django.apps import apps
from django.db import connection, models, transaction
from django.db.models import Q
from django.test import Client

from faq.models import Article
from returns.models import ReturnCase
from tests.access.rows import one_of_everything
from tests.bad_input.pages import forms_of, public_pages, staff_pages, unlike

ODD = {
    "nul": "a\x00b",
    "header": "a\r\nBcc: x@evil.example\u2028\u2029\x85b",
    "emoji": "🧑‍🤝‍🧑💳" * 3,
    "direction": "a\u202egnp.exe\u2066\u200b",
    "controls": "a\x01\x08\x0b\x0c\x1b\x7f",
    "template": "{{ x }}{% load x %}%s %(a)s {0.__class__}",
}
# Bytes that are no text: half a surrogate pair, no UTF-8 at all, an overlong slash.
BYTES = b"a%ED%A0%80b%FF%FE%C0%AF%80"
ONE_LINE = {
    model: [
        column.name
        for column in model._meta.concrete_fields
        if isinstance(column, models.CharField) and not isinstance(column, models.TextField)
    ]
    for model in apps.get_models()
    if model.__module__.startswith(("shopdesk.", "inquiries", "faq", "returns", "followups"))
}
TABLES = {model._meta.db_table: model for model in ONE_LINE}


def _post(client, form, values, *, raw=None):
    """Send a form, undo what it did; gives the status and the one-line fields that it wrote with a line break."""
    cookies, written = copy(client.cookies), set()

    def watch(execute, sql, *rest):
        written.update(re.findall(r'(?:INSERT INTO|UPDATE) "(\w+)"', sql))
        return execute(sql, *rest)

    with transaction.atomic(), connection.execute_wrapper(watch):
        if form.method == "get":
            response = client.get(form.action, values)
        elif raw is None:
            response = client.post(form.action, values)
        else:
            response = client.post(form.action, raw, content_type="application/x-www-form-urlencoded")
        broken = [] if response.status_code >= 500 else _broken(written)
        transaction.set_rollback(True)
    client.cookies = cookies  # signing out, and the language, are undone too
    return response.status_code, broken


def _broken(written):
    found = []
    for model in [TABLES[name] for name in written if name in TABLES]:
        for column in ONE_LINE[model]:
            if model._default_manager.filter(Q(**{f"{column}__regex": "[\r\n\u2028\u2029\x85]"})).exists():
                found.append(f"{model.__name__}.{column}")
    return found


def _trouble(client, forms):
    """Every odd text in all fields at once, the dangerous ones also in each field alone."""
    wrong = []

    def check(form, what, values, raw=None):
        status, broken = _post(client, form, values, raw=raw)
        if status >= 500 or broken:
            wrong.append((form.action, what, status, broken))

    for form in forms:
        texts = form.texts
        for what, odd in ODD.items():
            check(form, what, form.filled(**dict.fromkeys(texts, odd)))
        for name in texts:
            for what in ("nul", "header"):
                check(form, f"{what} in {name}", form.filled(**{name: ODD[what]}))
        body = b"&".join(f"{quote_plus(name)}=".encode() + BYTES for name in texts)
        check(form, "bytes", {}, raw=body)
        if texts and form.method == "post":
            check(form, "1 MB", form.filled(**{texts[0]: "長い文" * 120_000}))
    return wrong


@pytest.fixture
def quiet_client():
    return Client(raise_request_exception=False)


@pytest.mark.long
@pytest.mark.timeout(400)
def test_staff_forms(owner, quiet_client):
    quiet_client.force_login(owner)
    # A plain table changes a row by the form that adds one.
    pages = [page for page in staff_pages(owner) if not page.endswith("/change/")]
    forms = unlike([form for page in pages for form in forms_of(quiet_client, page)])
    assert len({form.action for form in forms if form.method == "post"}) > 40
    assert _trouble(quiet_client, forms) == []


def test_public_forms(owner, quiet_client):
    one_of_everything(owner)
    pages = public_pages(quiet_client, ReturnCase.objects.get(), Article.objects.get())
    forms = unlike([form for page in pages for form in forms_of(quiet_client, page)])
    assert len({form.action for form in forms if form.method == "post"}) >= 10
    assert _trouble(quiet_client, forms) == []
