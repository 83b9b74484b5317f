"""The mail server of the world outside, in a process of its own: tests/sink.py, told by lines what to do wrong."""

import hashlib
import os
import random
import sys
import time
from collections import Counter

from tests import sink as sinks
from tests.faults import control

LOST = "LOST"  # after the final dot: hang up and keep nothing


class _Handler(sinks._Handler):
    async def handle_DATA(self, server, session, envelope):  # noqa: N802  # aiosmtpd's name
        script = self.sink._script["data"]
        if script and script[0] == LOST:
            self.sink.next_answer("data")
            server.transport.abort()
            return "421 gone"
        return await super().handle_DATA(server, session, envelope)


class _Sink(sinks.Sink):
    """Counts the answers that were really given, and when letters came."""

    def __init__(self):
        super().__init__()
        self.given = Counter()
        self.times = []
        self._controller.handler = _Handler(self)

    def next_answer(self, stage):
        answer = super().next_answer(stage)
        if answer is not None:
            self.given[f"{stage} {answer.split()[0]}"] += 1
        return answer


def main() -> None:
    sink = _Sink()
    dice = random.Random(1)  # how slow a server is, is no secret

    def slow(received):
        sink.times.append(time.time())
        time.sleep(dice.uniform(0.002, 0.015))

    sink.on_message = slow
    sink.start()
    control.tell(port=sink.port)
    for command in control.commands():
        what = command.pop("do")
        answer = {}
        if what == "say":
            sink.say(command["stage"], *command["answers"])
        elif what == "reset":
            sink.reset()
            sink.given.clear()
            sink.times.clear()
        elif what == "quiet":
            with sink._lock:
                sink._script.clear()
        elif what == "dump":
            answer = {
                "messages": [
                    [message.message_id, message.recipients, hashlib.sha256(message.raw).hexdigest()]
                    for message in sink.messages
                ],
                "given": dict(sink.given),
                "times": sink.times,
            }
        control.tell(done=what, **answer)
    sys.stdout.close()
    os._exit(0)


if __name__ == "__main__":
    main()
