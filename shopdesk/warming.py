"""What the first requests of a process would read and put into words one after the other: read before the processes are
made, so that nobody waits for it and all of them share it."""

import contextlib

from django.conf import settings
from django.template.loader import get_template
from django.urls import NoReverseMatch, get_resolver, reverse
from django.utils import translation

from shopdesk.celery import app


def warm() -> None:
    """Read the addresses with their views, the templates, the words of every language and the way to the broker.

    Nothing is connected: a connection must not be shared by processes.
    """
    folder = settings.BASE_DIR / "templates"
    for path in sorted(folder.rglob("*.html")):
        get_template(path.relative_to(folder).as_posix())
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            translation.gettext("")
            _addresses()
    app.finalize()
    app.loader.import_default_modules()
    app.connection_for_write().get_transport_cls()


def _addresses() -> None:
    """Addresses are kept by language, and by namespace once one has been asked for."""
    for namespace in get_resolver().namespace_dict:
        with contextlib.suppress(NoReverseMatch):
            reverse(f"{namespace}:nothing")
