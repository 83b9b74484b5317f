import pytest

from tests.followups.make import make_planned, make_sequence, make_step
from tests.make import make_order


@pytest.fixture
def due(db):
    """One after-care letter, due now."""
    return make_planned(make_step(make_sequence()), make_order())
