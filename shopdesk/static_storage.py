"""Static files as they are served in production: small, compressed, under names that change with their content."""

from collections.abc import Iterator
from typing import Any

from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

try:
    import minify
except ImportError:  # no wheel for this machine: the files are served as they are written
    minify = None

_KINDS = {".css": "text/css", ".js": "text/javascript"}


def smaller(source: str, suffix: str) -> str:
    """A stylesheet or a script without comments, blanks and long local names; as it is where nothing can do that."""
    return str(minify.string(_KINDS[suffix], source)) if minify else source


class SmallStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Our own stylesheet and scripts become smaller before they are named and compressed."""

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        if not dry_run:
            for name in paths:
                suffix = name[name.rfind(".") :]
                if name.startswith(("css/", "js/")) and suffix in _KINDS:
                    self._make_smaller(name, suffix)
        yield from super().post_process(paths, dry_run, **options)

    def _make_smaller(self, name: str, suffix: str) -> None:
        with self.open(name) as file:
            source = file.read().decode()
        self.delete(name)
        self._save(name, ContentFile(smaller(source, suffix).encode()))
