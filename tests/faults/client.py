"""The web's part: queues letters in transactions, and tells the parent a key only when its commit was confirmed.

A transaction that broke off is tried again with the same keys, as a visitor presses the button again.
"""

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shopdesk.settings")

import django
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client

from shopdesk import clock
from tests.faults import control

TRY_SECONDS = 60


def queue(prefix: str, count: int, group: int) -> None:
    from shopdesk.mail import outbox

    for first in range(0, count, group):
        keys = [f"{prefix}:{number}" for number in range(first, min(first + group, count))]
        end = time.monotonic() + TRY_SECONDS
        while True:
            try:
                with transaction.atomic():
                    for key in keys:
                        _letter(outbox, key)
            except Exception as error:
                connection.close()
                if time.monotonic() > end:
                    control.tell(refused=keys, error=repr(error))
                    break
                time.sleep(0.05)
            else:
                control.tell(told=keys)
                break


def _letter(outbox, key: str) -> None:
    # Every tenth is after-care: mail of a kind that waits while a guard holds.
    aftercare = key.endswith("7")
    # Every tenth has two copies, one of them hidden: the server may refuse any of the three.
    name = key.replace(":", ".")
    copies = {"cc": [f"cc.{name}@mail.example"], "bcc": [f"bcc.{name}@mail.example"]} if key.endswith("3") else {}
    outbox.queue(
        key=key,
        to_address=f"{name}@mail.example",
        to_name="山田 花子",
        from_address="honten@shop.example",
        from_name="くらしの道具店",
        subject=f"ご注文の商品について {key}",
        text=f"花子様\n.行頭の点\nお世話になっております。{key}\n",
        mail_class="service" if aftercare else "transactional",
        headers={"List-Unsubscribe": "<https://shop.example/stop>"} if aftercare else None,
        now=clock.now(),
        **copies,
    )


def open_mailbox(port: int) -> None:
    from shopdesk.accounts import secretbox
    from shopdesk.mail.models import Mailbox
    from tests.imap_server import PASSWORD

    Mailbox.objects.create(
        name="問い合わせ窓口",
        address="support@shop.example",
        kind=Mailbox.Kind.IMAP,
        host="127.0.0.1",
        port=port,
        security=Mailbox.Security.NONE,
        username="shop",
        secret=secretbox.seal(PASSWORD),
        status=Mailbox.Status.ACTIVE,
    )


def open_hook() -> str:
    """A mailbox that a provider posts to; returns the secret part of its address."""
    from shopdesk.mail.models import Mailbox
    from shopdesk.mail.receiving import hooks

    secret, digest = hooks.new_address()
    Mailbox.objects.create(
        name="転送", address="hook@shop.example", kind=Mailbox.Kind.WEBHOOK, hook_digest=digest, status="active"
    )
    return secret


def post(secret: str, prefix: str, count: int) -> None:
    """What a provider does: posts each mail, some several times at once, and again until it hears 200."""
    for number in range(count):
        name = f"{prefix}.{number}"
        raw = (
            f"From: {name}@mail.example\r\nTo: hook@shop.example\r\nSubject: posted {name}\r\n"
            f"Message-ID: <{name}@mail.example>\r\n\r\nHello from {name}\r\n"
        ).encode()
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: _post(secret, raw), range(1 + number % 4)))  # noqa: B023  # used at once
        strange = {status for some in answers for status in some} - {200, 503}
        control.tell(posted=hashlib.sha256(raw).hexdigest(), group=name, strange=sorted(strange))


def _post(secret: str, raw: bytes) -> list[int]:
    statuses = []
    end = time.monotonic() + TRY_SECONDS
    try:
        while time.monotonic() < end:
            web = Client(raise_request_exception=False)
            statuses.append(web.post(f"/hooks/mail/{secret}/", raw, content_type="message/rfc822").status_code)
            if statuses[-1] == 200:
                break
            time.sleep(0.1)
    finally:
        connection.close()
    return statuses


def resume() -> bool:
    """A person looks why letters are held, and lets them go."""
    from shopdesk.accounts.models import User
    from shopdesk.mail import guards

    guard = guards.held()
    if guard is None:
        return False
    guards.resume(reason=guard.reason, by=User.objects.get(), now=clock.now())
    return True


def make_cast() -> None:
    from tests import make

    make.make_store()
    make.make_user("owner@shop.example", role="owner")


def main() -> None:
    django.setup()
    clock.now = control.now
    secret = ""
    for command in control.commands():
        what, answer = command.pop("do"), {}
        if what == "migrate":
            call_command("migrate", verbosity=0, interactive=False)
            make_cast()
        elif what == "mailbox":
            connection.close()  # it may be one of those that were cut in the last seed
            open_mailbox(**command)
            secret = open_hook()
        elif what == "queue":
            queue(**command)
        elif what == "post":
            post(secret, **command)
        elif what == "resume":
            connection.close()  # the last one may have been cut
            answer["held"] = resume()
        control.tell(done=what, **answer)


if __name__ == "__main__":
    main()
