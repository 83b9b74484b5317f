import pytest

from tests import make
from tests.filing.make import make_mailbox


@pytest.fixture
def store(db):
    return make.make_store()


@pytest.fixture
def mailbox(store):
    """The desk's own mailbox, answering."""
    return make_mailbox()


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path / "media")
