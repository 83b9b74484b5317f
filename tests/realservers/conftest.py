import os
import secrets
import shutil
import sys

import pytest

from tests.realservers.authority import certificates
from tests.realservers.tokens import Provider


def _needed(program):
    if not sys.platform.startswith("linux"):
        pytest.skip("Private mail servers on several loopback addresses need Linux.")
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed; on Debian: apt-get install dovecot-imapd dovecot-pop3d postfix")
    if os.geteuid() != 0:
        pytest.skip(f"{program} changes users and so has to be started by root.")


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """(authority, certificates by address)."""
    return certificates(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def provider():
    server = Provider()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def dovecot(authority, provider):
    _needed("dovecot")
    from tests.realservers.dovecot import Dovecot

    server = Dovecot(authority[1], provider.url).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def running_postfix(authority, dovecot):
    _needed("postfix")
    from tests.realservers.postfix import Postfix

    server = Postfix(authority[1], dovecot.sasl).start()
    yield server
    server.stop()


@pytest.fixture
def postfix(running_postfix):
    running_postfix.policy.reset()
    return running_postfix


@pytest.fixture(autouse=True)
def trusted(authority, monkeypatch):
    """The run's own authority is one that this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0].file))


@pytest.fixture
def user():
    """A mailbox of the test's own."""
    return f"u{secrets.token_hex(6)}@shop.example"
