"""The cast of the desk: as for inquiries, with the clock frozen for views."""

from tests.inquiries.conftest import _frozen, assistant, outsourced, store  # noqa: F401  # fixtures
