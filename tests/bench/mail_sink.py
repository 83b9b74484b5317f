"""A mail server for measuring: takes everything, keeps counts only. Run as a process of its own; prints its port.

``python tests/bench/mail_sink.py`` serves until its standard input ends, then prints how many messages and how many
different Message-IDs it was given.
"""

import asyncio
import contextlib
import sys

GREETING = b"220 sink ESMTP\r\n"
EHLO = b"250-sink\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250 8BITMIME\r\n"


class Sink(asyncio.Protocol):
    """One connection. ``letters`` and ``ids`` are shared by all of them."""

    letters = 0
    ids: set = set()  # noqa: RUF012  # shared by all connections on purpose

    def connection_made(self, transport):
        self.transport = transport
        self.buffer = b""
        self.in_data = False
        transport.write(GREETING)

    def data_received(self, data):
        self.buffer += data
        answers = []
        while True:
            if self.in_data:
                end = self.buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                head = self.buffer[:end]
                self.buffer, self.in_data = self.buffer[end + 5 :], False
                Sink.letters += 1
                at = head.find(b"Message-ID: ")
                Sink.ids.add(head[at : head.find(b"\r\n", at)])
                answers.append(b"250 2.0.0 kept\r\n")
                continue
            line, found, rest = self.buffer.partition(b"\r\n")
            if not found:
                break
            self.buffer = rest
            verb = line[:4].upper()
            if verb in {b"EHLO", b"HELO"}:
                answers.append(EHLO)
            elif verb == b"DATA":
                self.in_data = True
                answers.append(b"354 go on\r\n")
            elif verb == b"QUIT":
                answers.append(b"221 bye\r\n")
            else:
                answers.append(b"250 ok\r\n")
        if answers:
            self.transport.write(b"".join(answers))


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    for line in iter(lambda: None, 1):
        with contextlib.suppress(EOFError):
            line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            break
        sys.stdout.write(f"{Sink.letters} {len(Sink.ids)}\n")
        sys.stdout.flush()
        Sink.letters = 0
        Sink.ids = set()
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
