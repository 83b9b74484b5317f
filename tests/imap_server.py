"""A small IMAP4rev1 server on loopback that speaks to real clients, and misbehaves when it is told to.

    with ImapServer() as server:
        server.deliver(b"Subject: x\\r\\n\\r\\nbody")
        server.cut_once = 40      # hang up after 40 bytes of the next body
        ...
        assert server.commands    # every command line as it came, without literals

Only reading is served. Whatever would change something (SELECT, STORE, EXPUNGE, MOVE, APPEND, a FETCH that marks) is
noted in ``changes``, so that a test can say that nothing was touched.
"""

import base64
import contextlib
import re
import socketserver
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

PASSWORD = "himitsu-no-aikotoba"
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
WRITES = ("STORE", "EXPUNGE", "MOVE", "COPY", "APPEND", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "CLOSE")


@dataclass
class Mail:
    uid: int
    raw: bytes
    at: datetime = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


@dataclass
class Folder:
    validity: int = 1000
    mails: list = field(default_factory=list)
    next_uid: int = 1


class ImapServer:
    """See the module. Attributes may be changed while it runs."""

    def __init__(self, *, user="shop", password=PASSWORD):
        self.user, self.password = user, password
        self.token = "access-token-1"
        self.folders = {"INBOX": Folder()}
        self.commands = []
        self.changes = []
        self.logins = 0
        self.latency = 0.0  # seconds before each answer
        self.cut_once = None  # bytes of a body after which the connection is hung up, once
        self.cut_uid = None  # … only for this UID
        self.hang = threading.Event()  # while set, nothing is answered at all
        self.lie = {}  # uid -> size that RFC822.SIZE tells
        self.literal = {}  # uid -> length that the literal announces
        self.refuse = set()  # UIDs whose FETCH is answered NO
        self.echo_password = False  # a refusal repeats what was sent
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.owner = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.hang.clear()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def deliver(self, raw, folder="INBOX", at=None):
        """A new mail; returns its UID."""
        box = self.folders[folder]
        mail = Mail(box.next_uid, raw, *([at] if at else []))
        box.next_uid += 1
        box.mails.append(mail)
        return mail.uid

    def new_validity(self, folder="INBOX"):
        """As after a migration of the server: the same mails, numbered anew under another UIDVALIDITY."""
        box = self.folders[folder]
        box.validity += 1
        for uid, mail in enumerate(box.mails, 1):
            mail.uid = uid
        box.next_uid = len(box.mails) + 1


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        pass  # clients hang up as they like


class _HungUp(Exception):
    pass


class _Session(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True  # an answer in two writes would wait 40 ms for the first one's acknowledgement

    def handle(self):
        self.owner = self.server.owner
        self.folder = None
        self.writable = False
        with contextlib.suppress(_HungUp, ConnectionError):
            self.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2] ready")
            while line := self.rfile.readline():
                self.command(line.decode("utf-8", "surrogateescape").rstrip("\r\n"))

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def command(self, line):
        owner = self.owner
        while owner.hang.is_set():
            time.sleep(0.02)
        tag, _, rest = line.partition(" ")
        owner.commands.append(rest)
        if owner.latency:
            time.sleep(owner.latency)
        name, _, arguments = rest.partition(" ")
        name = name.upper()
        if name == "UID":
            sub, _, arguments = arguments.partition(" ")
            name = f"UID_{sub.upper()}"
        if any(word in name for word in WRITES):
            owner.changes.append(rest)
        getattr(self, f"do_{name.lower()}", self.unknown)(tag, arguments)

    def unknown(self, tag, _):
        self.say(f"{tag} BAD unknown command")

    def do_capability(self, tag, _):
        self.say("* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2")
        self.say(f"{tag} OK done")

    def do_noop(self, tag, _):
        self.say(f"{tag} OK done")

    def do_logout(self, tag, _):
        self.say("* BYE")
        self.say(f"{tag} OK done")
        raise _HungUp

    def do_login(self, tag, arguments):
        user, password = [re.sub(r"\\(.)", r"\1", word) for word in re.findall(r'"((?:[^"\\]|\\.)*)"', arguments)] or (
            [*arguments.split(), "", ""]
        )[:2]
        self.admit(tag, user == self.owner.user and password == self.owner.password, password)

    def do_authenticate(self, tag, arguments):
        self.say("+ ")
        words = base64.b64decode(self.rfile.readline().strip()).decode()
        if arguments.upper() == "PLAIN":
            _, user, password = words.split("\0")
            self.admit(tag, user == self.owner.user and password == self.owner.password, password)
        else:
            good = words == f"user={self.owner.user}\1auth=Bearer {self.owner.token}\1\1"
            if not good:
                self.say("+ " + base64.b64encode(b'{"status":"400"}').decode())
                self.rfile.readline()
            self.admit(tag, good, words)

    def admit(self, tag, good, password):
        self.owner.logins += 1
        if good:
            self.say(f"{tag} OK welcome")
        else:
            words = f"wrong password {password}" if self.owner.echo_password else "wrong password"
            self.say(f"{tag} NO [AUTHENTICATIONFAILED] {words}")

    def do_select(self, tag, arguments):
        self.owner.changes.append(f"SELECT {arguments}")
        self.open(tag, arguments, "READ-WRITE")

    def do_examine(self, tag, arguments):
        self.open(tag, arguments, "READ-ONLY")

    def open(self, tag, arguments, mode):
        self.folder = self.owner.folders.get(arguments.strip('"'))
        if self.folder is None:
            self.say(f"{tag} NO [NONEXISTENT] no such folder")
            return
        self.say("* FLAGS (\\Seen)")
        self.say(f"* {len(self.folder.mails)} EXISTS")
        self.say(f"* OK [UIDVALIDITY {self.folder.validity}] ok")
        self.say(f"* OK [UIDNEXT {self.folder.next_uid}] ok")
        self.say(f"{tag} OK [{mode}] done")

    def do_uid_search(self, tag, arguments):
        found = list(self.folder.mails)
        if match := re.search(r"UID (\S+)", arguments):
            found = self.by_set(match[1], by_uid=True)
        if match := re.search(r"SINCE (\d+)-(\w+)-(\d+)", arguments):
            day = datetime(int(match[3]), MONTHS.index(match[2]) + 1, int(match[1]), tzinfo=UTC)
            found = [mail for mail in found if mail.at >= day]
        self.say("* SEARCH " + " ".join(str(mail.uid) for mail in found))
        self.say(f"{tag} OK done")

    def by_set(self, words, *, by_uid):
        mails = self.folder.mails
        numbered = [(mail.uid if by_uid else number, mail) for number, mail in enumerate(mails, 1)]
        highest = numbered[-1][0] if numbered else 0
        wanted = set()
        for part in words.split(","):
            ends = [highest if end == "*" else int(end) for end in part.split(":")]
            wanted |= set(range(min(ends), max(ends) + 1))
        return [mail for number, mail in numbered if number in wanted]

    def do_uid_fetch(self, tag, arguments):
        self.fetch(tag, arguments, by_uid=True)

    def do_fetch(self, tag, arguments):
        self.fetch(tag, arguments, by_uid=False)

    def fetch(self, tag, arguments, *, by_uid):
        owner = self.owner
        words, _, what = arguments.partition(" ")
        if "BODY[" in what.upper() or re.search(r"RFC822(?!\.SIZE|\.HEADER)", what.upper()):
            owner.changes.append(f"FETCH {arguments}")  # marks as seen
        for mail in self.by_set(words, by_uid=by_uid):
            number = self.folder.mails.index(mail) + 1
            items = [f"UID {mail.uid}"]
            if "RFC822.SIZE" in what.upper():
                items.append(f"RFC822.SIZE {owner.lie.get(mail.uid, len(mail.raw))}")
            match = re.search(r"BODY(?:\.PEEK)?\[([^\]]*)\](?:<(\d+)\.(\d+)>)?", what, re.IGNORECASE)
            if match is None:
                self.say(f"* {number} FETCH ({' '.join(items)})")
                continue
            if mail.uid in owner.refuse:
                self.say(f"{tag} NO [SERVERBUG] not today")
                return
            content = mail.raw
            if match[1].upper().startswith("HEADER"):
                content = content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                if fields := re.search(r"FIELDS \(([^)]*)\)", match[1]):
                    names = "|".join(fields[1].split())
                    lines = re.findall(rb"(?im)^(?:%s):[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n" % names.encode(), content)
                    content = b"".join(lines) + b"\r\n"
            section = f"BODY[{match[1]}]"
            if match[2]:
                content = content[int(match[2]) : int(match[2]) + int(match[3])]
                section += f"<{match[2]}>"
            announced = owner.literal.get(mail.uid, len(content))
            self.wfile.write(f"* {number} FETCH ({' '.join(items)} {section} {{{announced}}}\r\n".encode())
            if owner.cut_once is not None and owner.cut_uid in (None, mail.uid):
                cut, owner.cut_once = owner.cut_once, None
                self.wfile.write(content[:cut])
                raise _HungUp
            self.wfile.write(content + b")\r\n")
        self.say(f"{tag} OK done")
