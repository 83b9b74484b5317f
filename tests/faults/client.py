"""The web's part: queues letters in transactions, and tells the parent a key only when its commit was confirmed.

A transaction that broke off is tried again with the same keys, as a visitor presses the button again.
"""

import os
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shopdesk.settings")

import django
from django.core.management import call_command
from django.db import connection, transaction

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
    outbox.queue(
        key=key,
        to_address=f"{key.replace(':', '.')}@mail.example",
        to_name="山田 花子",
        from_address="honten@shop.example",
        from_name="くらしの道具店",
        subject=f"ご注文の商品について {key}",
        text=f"花子様\n.行頭の点\nお世話になっております。{key}\n",
        now=clock.now(),
    )


def main() -> None:
    django.setup()
    clock.now = control.now
    for command in control.commands():
        what = command.pop("do")
        if what == "migrate":
            call_command("migrate", verbosity=0, interactive=False)
        elif what == "queue":
            queue(**command)
        control.tell(done=what)


if __name__ == "__main__":
    main()
