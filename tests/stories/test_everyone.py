"""S6: keyboard only, and no serious problem that axe can find, on every page, in both languages, phone and desk, light
and dark."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.core.management import call_command
from django.urls import reverse

from faq.models import Article
from followups.models import PlannedMail, Sequence, Step
from inquiries.models import Category, Inquiry
from returns.models import Policy, Reason, ReturnCase
from shopdesk.accounts.models import Role, User
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop.models import Customer, Order, Product, Store
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def demo(settings, story_clock, queue, transactional_db):
    """The demo shop, with its owner's password set to the cast's."""
    settings.DEMO = True
    call_command("demo", password=make.PASSWORD, verbosity=0)
    return User.objects.get(role__code="owner")


def public_pages():
    return [
        "/", "/faq/search/?q=返品", "/faq/search/?q=qwertyuiop", f"/faq/{Article.objects.published().first().pk}/",
        f"/faq/c/{Article.objects.published().first().category.slug}/", "/contact/", "/returns/", "/returns/code/",
        "/account/login/", "/account/password/reset/", "/no-such-page/",
    ]  # fmt: skip


def staff_pages():
    first = {
        name: model.objects.order_by("pk").first().pk
        for name, model in {
            "inquiry": Inquiry, "case": ReturnCase, "order": Order, "customer": Customer, "planned": PlannedMail,
            "sequence": Sequence, "step": Step, "article": Article, "letter": OutgoingMail, "store": Store,
            "product": Product, "reason": Reason, "policy": Policy, "category": Category, "role": Role, "user": User,
        }.items()
    }  # fmt: skip
    rooms = [
        ("admin:index", None), ("desk:settings", None), ("desk:design", None),
        ("desk-inquiries:list", None), ("desk-inquiries:detail", "inquiry"), ("desk-inquiries:new", None),
        *[(f"desk-inquiries:{name}", None) for name in (
            "views", "view-new", "approvals", "templates", "template-add", "macros", "macro-add", "rules", "rule-add",
            "turns", "pulls",
        )],
        ("desk:search", None), ("admin:inquiries_statuslabel_changelist", None),
        ("desk-returns:list", None), ("desk-returns:detail", "case"),
        ("desk-followups:list", None), ("desk-followups:planned", "planned"), ("desk-followups:sequences", None),
        ("desk-followups:sequence", "sequence"), ("desk-followups:step", "step"), ("desk-followups:restock", None),
        ("desk-mail:list", None), ("desk-mail:detail", "letter"), ("desk-mail:stopped", None),
        ("desk-shop:orders", None), ("desk-shop:order", "order"), ("desk-shop:customers", None),
        ("desk-shop:customer", "customer"), ("desk-shop:imports", None),
        ("desk-faq:list", None), ("desk-faq:new", None), ("desk-faq:edit", "article"),
        ("admin:accounts_user_changelist", None), ("admin:accounts_user_change", "user"),
        ("admin:accounts_role_change", "role"), ("admin:accounts_auditentry_changelist", None),
        ("admin:shop_store_change", "store"), ("admin:shop_product_change", "product"),
        ("admin:shop_closure_changelist", None), ("admin:inquiries_category_change", "category"),
        ("admin:returns_reason_change", "reason"), ("admin:returns_policy_change", "policy"),
        ("profile", None), ("mfa_index", None), ("mfa_activate_totp", None), ("account_change_password", None),
    ]  # fmt: skip
    # What has no row in the demo: its empty pages and its forms.
    mail = ["incoming-list", "mailboxes", "routes", "route-add"]
    return [
        *[reverse(name, args=[first[key]] if key else []) for name, key in rooms],
        *[reverse(f"desk-mail:{name}") for name in mail],
        *[reverse("desk-mail:mailbox-add", args=[word]) for word in ("imap", "pop3", "webhook")],
    ]


# Axe as a function that a page calls when it is looked at: the browser keeps the script, half a megabyte, for all pages.
# Rules whose findings are never serious are not asked: axe gives every finding the impact of its rule. Colours are read
# once for each spelling; reading them is the half of what a look at the contrast costs.
AXE = (
    "window.bringAxe = () => {"
    + AXE_SCRIPT
    + """
      const color = axe.commons.color.Color.prototype, read = color.parseString, known = new Map();
      color.parseString = function (text) {
        if (known.has(text)) [this.r, this.g, this.b, this.alpha] = known.get(text);
        else {
          read.call(this, text);
          known.set(text, [this.r, this.g, this.b, this.alpha]);
        }
        return this;
      };
      const grave = (one) => ["serious", "critical"].includes(one.impact);
      const rules = axe._audit.rules.filter((rule) => rule.impact && !grave(rule));
      const options = { resultTypes: ["violations"], rules: Object.fromEntries(rules.map((rule) => [rule.id, { enabled: false }])) };
      window.look = async () => {
        // Parts that come by themselves belong to the page.
        for (let waited = 0; waited < 5000 && document.querySelector(".htmx-request"); waited += 20)
          await new Promise((done) => setTimeout(done, 20));
        // A colour on its way to another is nobody's fault.
        for (const one of document.getAnimations()) if (one.effect.getComputedTiming().endTime < Infinity) one.finish();
        const found = (await axe.run(options)).violations.filter(grave);
        const { scrollWidth, clientWidth } = document.documentElement;
        return [
          ...found.map((one) => `${one.id} ${one.nodes[0].target}`),
          ...(scrollWidth > clientWidth ? ["wider than the window"] : []),
        ];
      };
    };"""
)


def problems(page, path, looks):
    """What is wrong with a page, in each of the looks (width, colour scheme): the first is the one it is loaded in."""
    answer = page.goto(path)
    if answer.status >= 500 or (answer.status == 404 and "no-such-page" not in path):
        return [f"{path}: {answer.status}"]
    page.evaluate("bringAxe()")
    found = []
    for place, (width, scheme) in enumerate([*looks, looks[0]]):
        if place:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)
        if place < len(looks):
            found += [f"{path} ({width} px, {scheme}): {problem}" for problem in page.evaluate("look()")]
    return found


PHONE, DESK = 375, 1280


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize(
    ("language", "looks"),
    [
        pytest.param("ja", [(PHONE, "dark"), (DESK, "light")], id="ja"),
        pytest.param("en", [(DESK, "dark"), (PHONE, "light")], id="en"),
    ],
)
def test_no_page_shuts_anybody_out(demo, open_page, sign_in, language, looks, half):
    """Every page is loaded once in each language and looked at twice, with every rule of axe that can find something
    serious or critical, and for its width:

    Japanese: on a phone in dark as it is loaded, then on the same page made as wide as a desk, in light.
    English: at a desk in dark as it is loaded, then on the same page made as narrow as a phone, in light.

    So each language is seen in both widths and in both colour schemes, and each width in both languages and in both
    schemes. Every second page is in the other half, so that two processes share the work.
    """
    User.objects.filter(pk=demo.pk).update(language=language)
    (width, scheme), *_ = looks
    page = open_page(width, language="ja-JP" if language == "ja" else "en-US", dark=scheme == "dark")
    page.context.add_init_script(AXE)
    found = [problem for path in public_pages()[half::2] for problem in problems(page, path, looks)]
    sign_in(page, demo)
    found += [problem for path in staff_pages()[half::2] for problem in problems(page, path, looks)]
    assert not found, "\n".join(found)


def tab_to(page, selector, most=80):
    """Press Tab until the wanted element has the focus, as somebody without a mouse does."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
    pytest.fail(f"{selector} cannot be reached by keyboard")


def test_a_question_is_asked_and_answered_by_keyboard_alone(open_page, story_clock, queue, settled, transactional_db):
    make.make_store()
    agent = make.make_user("aya@shop.example", name="佐藤 彩", role="agent")
    visitor = open_page(1280)
    visitor.goto("/")
    tab_to(visitor, "a[href='/contact/']")
    visitor.keyboard.press("Enter")
    visitor.wait_for_url("**/contact/")
    tab_to(visitor, "select[name=category]")
    visitor.keyboard.press("ArrowDown")
    for name, text in (("body", "色を教えてください。"), ("name", "山田 花子"), ("email", "hanako@mail.example")):
        tab_to(visitor, f"[name={name}]")
        visitor.keyboard.insert_text(text)
    tab_to(visitor, "main form button.btn-primary")
    visitor.keyboard.press("Enter")
    visitor.wait_for_url("**/contact/thanks/**")
    inquiry = Inquiry.objects.get()

    desk = open_page(1280)
    desk.goto("/admin/")
    if not desk.evaluate("document.activeElement.matches('input[name=login]')"):
        tab_to(desk, "input[name=login]")
    desk.keyboard.insert_text(agent.email)
    tab_to(desk, "input[name=password]")
    desk.keyboard.insert_text(make.PASSWORD)
    desk.keyboard.press("Enter")
    desk.wait_for_selector(".user-menu")
    # The first stop is the way past the navigation.
    desk.keyboard.press("Tab")
    assert desk.evaluate("document.activeElement.matches('.skip-link')")
    desk.keyboard.press("Enter")
    desk.keyboard.press("Tab")
    desk.goto("/admin/inquiries/")
    tab_to(desk, f"#rows a[href^='/admin/inquiries/{inquiry.pk}/']")
    desk.keyboard.press("Enter")
    desk.wait_for_url(f"**/admin/inquiries/{inquiry.pk}/**")
    settled(desk)
    tab_to(desk, "#composer-body")
    desk.keyboard.insert_text("黒と茶がございます。")
    tab_to(desk, "#reply-form .popover > summary")
    desk.keyboard.press("Enter")
    tab_to(desk, "button[name=then][value=solved]")
    desk.keyboard.press("Enter")
    desk.wait_for_selector("#thread :text('黒と茶がございます。')")
    inquiry.refresh_from_db()
    assert inquiry.status == "solved"
    assert "黒と茶がございます。" in OutgoingMail.objects.get(key__startswith="inquiries.message:").text
