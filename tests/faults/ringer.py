"""Beat, quicker: rings the sweeps. Two of them, or none for a while, must change nothing."""

import contextlib
import os
import sys
import threading
import time

from celery import Celery

EVERY = 0.4  # seconds
TASKS = ["shopdesk.mail.tasks.sweep_outgoing", "shopdesk.mail.tasks.sweep_mailboxes", "inquiries.tasks.sweep_filing"]


def main() -> None:
    broker = Celery("ringer", broker=os.environ["REDIS_URL"])
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    options = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}
    while True:
        # A connection of its own each time; when the broker is down, the next round tries again.
        with contextlib.suppress(Exception), broker.connection_for_write(transport_options=options) as connection:
            for task in TASKS:
                broker.send_task(task, expires=EVERY * 5, ignore_result=True, connection=connection, retry=False)
        time.sleep(EVERY)


if __name__ == "__main__":
    main()
