"""A private Postfix: STARTTLS and implicit TLS, sign-in by Dovecot, and a policy server in the test that says what to do.

What is taken in lies in one Maildir for each recipient; nothing leaves the machine.
"""

import contextlib
import os
import re
import socket
import socketserver
import struct
import subprocess
import threading
import time

from tests.realservers.authority import ADDRESSES, GOOD
from tests.realservers.dovecot import NOBODY
from tests.realservers.processes import Program, free_port

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
maillog_file = {log}
maillog_file_prefixes = {folder}
myhostname = mx.provider.example
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
mynetworks =
inet_protocols = ipv4
smtputf8_enable = no
virtual_mailbox_domains = mail.example, xn--r8jz45g.example
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:all/
virtual_minimum_uid = 100
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
default_transport = discard
message_size_limit = {size}
mailbox_size_limit = 0
virtual_mailbox_limit = 0
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{sasl}
smtpd_error_sleep_time = 0
# A server that is killed over its first letter is no broken program: the next one need not wait a minute.
service_throttle_time = 1s
smtpd_delay_reject = yes
smtpd_policy_service_timeout = 20
smtpd_policy_service_retry_delay = 1
smtpd_policy_service_try_limit = 1
smtpd_client_restrictions =
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = check_policy_service unix:{policy}, permit_sasl_authenticated, reject
smtpd_end_of_data_restrictions = check_policy_service unix:{policy}
"""
MASTER = """
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
virtual   unix  -       n       n       -       -       virtual
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
showq     unix  n       -       n       -       -       showq
postlog   unix-dgram n  -       n       -       1       postlogd
"""
SIZE = 200_000


class Postfix(Program):
    name = "postfix"

    def __init__(self, certificates, sasl):
        super().__init__()
        self.starttls, self.tls, self.login = free_port(), free_port(), free_port()
        self.ports = (self.starttls, self.tls, self.login)
        for name, owner in (("spool", 0), ("data", _uid("postfix")), ("mail", NOBODY), ("etc", 0)):
            (self.folder / name).mkdir()
            os.chown(self.folder / name, owner, -1)
        self.policy = Policy(self.folder / "policy")
        words = {"folder": self.folder, "log": self.log, "sasl": sasl, "nobody": NOBODY, "size": SIZE}
        words["policy"] = self.policy.path
        (self.folder / "etc" / "main.cf").write_text(MAIN.format(**words))
        doors = f"{self.login} inet n - n - - smtpd -o smtpd_sasl_mechanism_filter=login -o smtputf8_enable=yes\n"
        doors += f"  -o smtpd_tls_chain_files={certificates[GOOD]} -o smtpd_discard_ehlo_keywords=pipelining,size\n"
        for address in ADDRESSES:
            for port, options in ((self.starttls, ""), (self.tls, " -o smtpd_tls_wrappermode=yes")):
                doors += (
                    f"{address}:{port} inet n - n - - smtpd{options} -o smtpd_tls_chain_files={certificates[address]}\n"
                )
        (self.folder / "etc" / "master.cf").write_text(doors + MASTER)

    def command(self):
        return ["/usr/lib/postfix/sbin/master", "-c", str(self.folder / "etc"), "-d"]

    def start(self):
        made = subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self.folder / "etc"), "check"], capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise RuntimeError(made.stderr)
        self.policy.start()
        super().start()
        # It was asked at each port whether it is there, and tells of that when it has a moment.
        end = time.monotonic() + 10
        while self.logged().count(": disconnect from") < len(self.ports) and time.monotonic() < end:
            time.sleep(0.02)
        return self

    def stop(self):
        super().stop()
        self.policy.stop()

    def quiet(self):
        """The length of the log once every session of before has been told to its end."""
        end = time.monotonic() + 5
        while True:
            log = self.logged()
            ended = log.count(": disconnect from") + len(re.findall(r"smtpd pid \d+ killed", log))
            if log.count(": connect from") <= ended or time.monotonic() > end:
                return len(log)
            time.sleep(0.02)

    def mails(self, address, *, wait=15):
        """What was delivered to an address, oldest first."""
        folder = self.folder / "mail" / "all" / "new"
        local, _, domain = address.partition("@")
        # Postfix quotes local parts that the standard does not allow bare.
        wanted = {f"Delivered-To: {address}".encode(), f'Delivered-To: "{local}"@{domain}'.encode()}
        end = time.monotonic() + wait
        while True:
            found = []
            for path in sorted(folder.glob("*")) if folder.exists() else []:
                raw = path.read_bytes()
                if wanted & set(raw.partition(b"\n\n")[0].split(b"\n")):
                    found.append(raw)
            if found or time.monotonic() > end:
                return found
            time.sleep(0.02)


class Policy:
    """Asked by Postfix at RCPT and after the final dot. ``say`` queues answers for a stage; else everything is let in.

    An answer is what Postfix's access(5) takes, or KILL: the process that asks dies without having answered.
    """

    KILL = "KILL"

    def __init__(self, path):
        self.path, self.answers, self.seen = path, {"RCPT": [], "END-OF-MESSAGE": []}, []
        self._server = None

    def start(self):
        class Handler(socketserver.StreamRequestHandler):
            def handle(handler):  # noqa: N805  # the outer self is the one that is needed
                self._one(handler)

        self._server = socketserver.ThreadingUnixStreamServer(str(self.path), Handler)
        self._server.daemon_threads = True
        self.path.chmod(0o666)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def say(self, stage, *answers):
        self.answers[stage].extend(answers)

    def reset(self):
        self.seen.clear()
        for answers in self.answers.values():
            answers.clear()

    def _one(self, handler):
        credentials = handler.request.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid = struct.unpack("3i", credentials)[0]
        with contextlib.suppress(OSError):
            words = {}
            for line in handler.rfile:
                name, _, value = line.decode().strip().partition("=")
                if name:
                    words[name] = value
                    continue
                self.seen.append(words)
                waiting = self.answers.get(words["protocol_state"], [])
                answer = waiting.pop(0) if waiting else "DUNNO"
                words = {}
                if answer == self.KILL:
                    os.kill(pid, 9)
                    return
                handler.wfile.write(f"action={answer}\n\n".encode())


def _uid(name):
    import pwd

    return pwd.getpwnam(name).pw_uid
