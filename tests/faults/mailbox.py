"""The shop's mailbox in a process of its own: tests/imap_server.py, filled and disturbed by lines from the parent.

What is delivered is drawn from the parent's number: plain letters, old Japanese encodings, files, copies of earlier
mails, other mails under a Message-ID that was there already, machines' answers, delivery reports, and broken ones.
"""

import base64
import hashlib
import os
import random
import sys
import threading

from tests.faults import control
from tests.imap_server import PASSWORD, ImapServer, Mail

KINDS = {
    "plain": 10, "jis": 2, "file": 3, "copy": 2, "other way": 1, "id again": 1, "machine": 1, "report": 1, "broken": 1,
}  # fmt: skip
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Writer:
    """Writes mails and remembers which of them are one and the same: ``mails`` is [[sha256, group, kind], …]."""

    def __init__(self):
        self.mails = []
        self.written = []  # (raw, Message-ID, group) of what may be copied

    def write(self, prefix, number, dice):
        """The next mail, of a kind that the dice choose."""
        return self.letter(dice.choices(list(KINDS), list(KINDS.values()))[0], number, prefix, dice)

    def letter(self, kind, number, prefix="s", dice=random):
        """A mail of that kind; its number makes it one of its own."""
        if not self.written and kind in {"copy", "other way", "id again"}:
            kind = "plain"
        name = f"{prefix}.{number}"
        body = f"こんにちは。{name} の件で伺います。\r\n.行頭の点\r\nよろしくお願いいたします。\r\n".encode()
        message_id, group, head, extra = f"<{name}@mail.example>", name, "", "text/plain; charset=utf-8"
        if kind == "copy":
            raw, _, group = dice.choice(self.written)
            return self._done(raw, group, kind)
        if kind == "other way":
            # The same mail by a second way, as a forwarder hands it over: only what the way added differs.
            raw, _, group = dice.choice(self.written)
            return self._done(f"Received: from elsewhere.example by mx.example; {name}\r\n".encode() + raw, group, kind)
        if kind == "id again":
            message_id = dice.choice(self.written)[1]
        if kind == "jis":
            extra = "text/plain; charset=iso-2022-jp"
            body = f"在庫はありますか。{name}\r\n".encode("iso-2022-jp")
        if kind == "machine":
            head = "Auto-Submitted: auto-replied\r\nX-Autoreply: yes\r\n"
        if kind == "file":
            extra = 'multipart/mixed; boundary="=_b"'
            picture = base64.encodebytes(PIXEL).replace(b"\n", b"\r\n")
            body = (
                b"--=_b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body + b"--=_b\r\n"
                b'Content-Type: image/png; name="a.png"\r\nContent-Disposition: attachment; filename="a.png"\r\n'
                b"Content-Transfer-Encoding: base64\r\n\r\n" + picture + b"--=_b--\r\n"
            )
        if kind == "report":
            extra = 'multipart/report; report-type=delivery-status; boundary="=_r"'
            body = (
                b"--=_r\r\nContent-Type: text/plain\r\n\r\nnot delivered\r\n"
                b"--=_r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
                b"Final-Recipient: rfc822; " + name.encode() + b"@mail.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
                b"\r\n--=_r--\r\n"
            )
        if kind == "broken":
            extra = 'multipart/mixed; boundary="=_never'
            body = bytes(dice.randrange(256) for _ in range(300)) + b"\r\n"
        raw = (
            f"{head}From: {name}@mail.example\r\nTo: support@shop.example\r\nSubject: question {name}\r\n"
            f"Message-ID: {message_id}\r\nDate: Fri, 20 Nov 2026 09:00:00 +0900\r\nMIME-Version: 1.0\r\n"
            f"Content-Type: {extra}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        ).encode() + body
        if kind in {"plain", "file", "jis"}:
            self.written.append((raw, message_id, group))
        return self._done(raw, group, kind)

    def bomb(self, prefix, number):
        """A mail that is made to kill its reader: deeply nested, in pieces, or with an endless header."""
        name = f"{prefix}.bomb"
        raw = [_nested, _pieces, _references][number % 3](f"From: {name}@mail.example\r\nX-Name: {name}\r\n".encode())
        return self._done(raw, name, "bomb")

    def _done(self, raw, group, kind):
        self.mails.append([hashlib.sha256(raw).hexdigest(), group, kind])
        return raw


def _nested(head):
    levels = b"".join(
        b'--b%d\r\nContent-Type: multipart/mixed; boundary="b%d"\r\n\r\n' % (level, level + 1) for level in range(3000)
    )
    return head + b'Content-Type: multipart/mixed; boundary="b0"\r\n\r\n' + levels


def _pieces(head):
    return head + b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\n\r\n" * 50_000 + b"--a--\r\n"


def _references(head):
    return head + b"References: " + b"<a.b.c@d.example> " * 50_000 + b"\r\n\r\nhello\r\n"


class _Server(ImapServer):
    """Takes mail in also while its folder is gone from the reader's sight."""

    def __init__(self):
        super().__init__()
        self.inbox = self.folders["INBOX"]

    def deliver(self, raw, folder="INBOX", at=None):
        self.inbox.mails.append(Mail(self.inbox.next_uid, raw))
        self.inbox.next_uid += 1

    def new_validity(self, folder="INBOX"):
        self.inbox.validity += 1
        for uid, mail in enumerate(self.inbox.mails, 1):
            mail.uid = uid
        self.inbox.next_uid = len(self.inbox.mails) + 1


def main() -> None:
    server = _Server()
    writer = Writer()

    def for_a_moment(name, value, normal, seconds):
        setattr(server, name, value)
        threading.Timer(seconds, setattr, [server, name, normal]).start()

    with server:
        control.tell(port=server.port)
        for command in control.commands():
            what = command.pop("do")
            answer = {}
            match what:
                case "deliver":
                    dice = random.Random(command["prefix"])
                    for number in range(command["count"]):
                        server.deliver(writer.write(command["prefix"], number, dice))
                case "bomb":
                    server.deliver(writer.bomb(command["prefix"], command["number"]))
                case "cut":
                    server.cut_once = command["bytes"]
                case "validity":
                    server.new_validity()
                case "slow":
                    for_a_moment("latency", 0.1, 0.0, 1.0)
                case "refuse":
                    for_a_moment("password", "another", PASSWORD, 0.7)
                case "vanish":
                    for_a_moment("folders", {}, {"INBOX": server.inbox}, 0.7)
                case "lie":
                    for mail in server.inbox.mails[-3:]:
                        server.lie[mail.uid] = 7
                case "dump":
                    answer = {"mails": writer.mails, "changes": server.changes, "logins": server.logins}
                case "reset":
                    server.folders = {"INBOX": (box := server.inbox)}
                    box.mails.clear()
                    box.validity += 1
                    server.cut_once, server.lie = None, {}
                    server.changes.clear()
                    server.password = PASSWORD
                    writer = Writer()
            control.tell(done=what, **answer)
    sys.stdout.close()
    os._exit(0)


if __name__ == "__main__":
    main()
