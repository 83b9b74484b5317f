"""A private Dovecot: IMAP, IMAPS, POP3, POP3S and the sign-in for Postfix. Any user exists and has the same password."""

import imaplib
import os
import re
import ssl

from tests.realservers.authority import ADDRESSES, GOOD
from tests.realservers.processes import Program, free_port

PASSWORD = "himitsu-no-aikotoba"
NOBODY = 65534

CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {log}
auth_verbose = yes
protocols = imap pop3
listen = {listen}
default_vsz_limit = 512M
ssl = yes
ssl_cert = <{certificates[0]}
ssl_key = <{certificates[0]}
{locals}
mail_location = maildir:~/Maildir
first_valid_uid = {nobody}
first_valid_gid = {nobody}
auth_mechanisms = plain login xoauth2 oauthbearer
auth_failure_delay = 0
mail_max_userip_connections = 3
namespace inbox {{
  inbox = yes
}}
passdb {{
  driver = static
  mechanisms = plain login
  args = password={password}
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
userdb {{
  driver = static
  args = uid={nobody} gid={nobody} home={folder}/home/%u
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  inet_listener sasl {{
    address = 127.0.0.1
    port = {sasl}
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service stats {{
  chroot =
}}
"""
OAUTH = """
tokeninfo_url = {url}/tokeninfo?access_token=
username_attribute = email
"""


class Dovecot(Program):
    name = "dovecot"

    def __init__(self, certificates, provider_url):
        super().__init__()
        self.imap, self.imaps, self.pop3, self.pop3s, self.sasl = (free_port() for _ in range(5))
        self.ports = (self.imap, self.imaps, self.pop3, self.pop3s, self.sasl)
        home = self.folder / "home"
        home.mkdir()
        os.chown(home, NOBODY, NOBODY)
        own = "".join(
            f"local {address} {{\n  ssl_cert = <{certificates[address]}\n  ssl_key = <{certificates[address]}\n}}\n"
            for address in ADDRESSES
        )
        (self.folder / "oauth2.conf").write_text(OAUTH.format(url=provider_url))
        self.config = self.folder / "dovecot.conf"
        self.config.write_text(
            CONFIG.format(
                folder=self.folder, log=self.log, listen=", ".join(ADDRESSES), locals=own,
                certificates=[certificates[GOOD]], nobody=NOBODY, password=PASSWORD, **{
                    name: getattr(self, name) for name in ("imap", "imaps", "pop3", "pop3s", "sasl")
                },
            )
        )  # fmt: skip

    def command(self):
        return ["dovecot", "-c", str(self.config), "-F"]

    # --- what another mail program does and sees ------------------------------------------------------------------

    def program(self, user):
        """Another mail program, signed in."""
        client = imaplib.IMAP4(GOOD, self.imap, timeout=10)
        client.login(user, PASSWORD)
        return client

    def deliver(self, user, *raws, folder="INBOX"):
        """Mails arrive, as IMAP's APPEND takes them: 8-bit and all."""
        client = self.program(user)
        if folder != "INBOX":
            client.create(folder)
        for raw in raws:
            code, words = client.append(folder, "", None, raw)
            assert code == "OK", words
        client.logout()

    def state(self, user):
        """All that a client could have changed: the files with their flags, and what the server counts."""
        base = self.folder / "home" / user / "Maildir"
        files = {
            str(path.relative_to(base))
            for path in base.rglob("*")
            if path.is_file() and path.parent.name in {"cur", "new", "tmp"}
        }
        client = self.program(user)
        counts = client.status("INBOX", "(MESSAGES UNSEEN UIDNEXT UIDVALIDITY HIGHESTMODSEQ)")[1]
        there = client.select("INBOX", readonly=True)[1] != [b"0"]
        flags = client.fetch("1:*", "(UID FLAGS)")[1] if there else []
        client.logout()
        return files, counts, flags

    def number_anew(self, user):
        """The server numbers its mails under another UIDVALIDITY, as after a move to another machine."""
        base = self.folder / "home" / user / "Maildir"
        for path in base.glob("dovecot.index*"):
            path.unlink()
        uids = base / "dovecot-uidlist"
        first, _, rest = uids.read_text().partition("\n")
        validity = re.search(r" V(\d+) ", first)[1]
        uids.write_text(first.replace(f" V{validity} ", f" V{int(validity) + 1000} ") + "\n" + rest)


def sees(address, port):
    """The certificate's refusal reason as OpenSSL gives it, for a look at the tests' own set-up."""
    try:
        imaplib.IMAP4_SSL(address, port, ssl_context=ssl.create_default_context(), timeout=5).shutdown()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    return ""
