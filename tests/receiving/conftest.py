import pytest

from tests.imap_server import ImapServer


@pytest.fixture
def imap():
    with ImapServer() as server:
        yield server
