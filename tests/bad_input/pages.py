"""Every form of the site, read from its pages as a browser reads them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

from django.urls import reverse

from shopdesk import tokens
from tests.access.rows import address_of, admin_addresses, one_of_everything
from tests.make import NOW

# What a person would type into a field of that type, so that the rest of a form is in order.
SENSIBLE = {
    "email": "hanako@mail.example", "tel": "09012345678", "number": "1", "date": "2027-03-01", "time": "12:00",
    "url": "https://shop.example/", "search": "返品", "password": "aoi-umi-no-tegami-26",
    "code": "test", "slug": "test", "sender_address": "test@shop.example", "opens": "11:30", "closes": "12:00",
    "first_day": "2027-03-01", "last_day": "2027-03-02", "words": "鞄, バッグ", "address": "test@mail.example",
    "position": "3", "price": "100", "reply_minutes": "60", "window_days": "8", "tags": "革",
}  # fmt: skip
TYPED = {"text", "search", "email", "tel", "url", "number", "date", "time", "password", "hidden", "textarea"}


@dataclass
class Form:
    """A form: where it goes, how, and its fields {name: (type, value)}."""

    page: str
    action: str
    method: str
    guarded: bool
    fields: dict = field(default_factory=dict)
    button: tuple = ()

    @property
    def key(self):
        return self.method, self.action.partition("?")[0], frozenset(self.fields), self.button

    @property
    def texts(self):
        """Fields that a person or a program may fill with any text; hidden ones too."""
        names = [name for name, (kind, _) in self.fields.items() if kind in TYPED and name != "csrfmiddlewaretoken"]
        return sorted(names, key=lambda name: self.fields[name][0] != "textarea")

    def filled(self, **changes):
        """What is posted when everything is in order; ``changes`` replaces some of it."""
        values = {}
        for name, (kind, value) in self.fields.items():
            if kind != "file":
                known = SENSIBLE.get(name) or SENSIBLE.get(kind, "テスト")
                text = known if kind in TYPED - {"hidden"} else ""
                values[name] = value or text
        if self.button and self.button[0]:
            values[self.button[0]] = self.button[1]
        return {**values, **changes}


class _Reader(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.page, self.forms, self.form, self.select, self.area = page, [], None, None, None

    def handle_starttag(self, tag, attributes):
        at = dict(attributes)
        if tag == "form":
            action = urljoin(self.page, at.get("action") or self.page)
            guarded = "data-once" in at or "hx-post" in at
            self.form = Form(self.page, action, (at.get("method") or "get").lower(), guarded)
            self.forms.append(self.form)
        elif self.form is not None and (tag == "button" or at.get("type") == "submit"):
            if at.get("type", "submit") == "submit":  # the first button is the one that Enter presses
                self.form.button = self.form.button or (at.get("name") or "", at.get("value") or "")
        elif self.form is not None and tag == "input" and at.get("name"):
            kind = at.get("type", "text").lower()
            box, is_on = kind in {"checkbox", "radio"}, "checked" in at
            if is_on or not (kind == "checkbox" or at["name"] in self.form.fields):
                self.form.fields[at["name"]] = (kind, at.get("value") or ("on" if box else ""))
        elif self.form is not None and tag == "select" and at.get("name"):
            self.select = at["name"]
            self.form.fields[self.select] = ("select", "")
        elif self.select and tag == "option":
            if "selected" in at or not self.form.fields[self.select][1]:
                self.form.fields[self.select] = ("select", at.get("value") or "")
        elif self.form is not None and tag == "textarea" and at.get("name"):
            self.area = at["name"]
            self.form.fields[self.area] = ("textarea", "")

    def handle_data(self, data):
        if self.area:
            kind, value = self.form.fields[self.area]
            self.form.fields[self.area] = (kind, (value + data).removeprefix("\n"))

    def handle_endtag(self, tag):
        if tag == "form":
            self.form = None
        elif tag == "select":
            self.select = None
        elif tag == "textarea":
            self.area = None


def forms_of(client, page):
    """The forms of a page, if it can be read."""
    response = client.get(page)
    if response.status_code != 200 or "html" not in response["Content-Type"]:
        b"".join(response)
        return []
    reader = _Reader(page)
    reader.feed(response.content.decode())
    return reader.forms


def staff_pages(user):
    """The addresses of every staff page, with rows that fill them."""
    arguments = one_of_everything(user)
    pages = [
        address_of(name, arguments[name])
        for name in admin_addresses()
        if "/r/" not in address_of(name, arguments[name])
    ]
    return [
        *pages,
        reverse("profile"),
        *[
            reverse(name)
            for name in ("account_change_password", "account_reauthenticate", "mfa_index", "mfa_activate_totp")
        ],
    ]


def public_pages(client, case, article):
    """The addresses of every public page, for a visitor who has proven the order of ``case``."""
    session = client.session
    session["returns.ticket"] = "ticket"
    session["returns.orders"] = {"ref": [case.order_id, NOW.isoformat()]}
    session.save()
    names = [
        "faq:home",
        "faq:search",
        "inquiries:contact",
        "returns:start",
        "returns:code",
        "account_login",
        "account_reset_password",
    ]
    return [
        *[reverse(name) for name in names],
        reverse("faq:article", args=[article.pk]),
        reverse("returns:request", args=["ref"]),
        reverse("returns:case", args=[case.number]),
        reverse("returns:withdraw", args=[case.number]),
        reverse("followups:preferences", args=[tokens.sign("preferences", {"address": case.email})]),
        reverse(
            "followups:unsubscribe",
            args=[tokens.sign("unsubscribe", {"address": case.email, "class": "service", "planned": 1})],
        ),
    ]


def unlike(forms):
    """Each form once, however many pages show it."""
    return list({form.key: form for form in forms}.values())
