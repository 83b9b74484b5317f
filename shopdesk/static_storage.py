"""Static files as they are served in production: small, compressed, under names that change with their content."""

from collections.abc import Iterator
from typing import Any

import rcssmin
import rjsmin
from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

_SMALLER = {".css": rcssmin.cssmin, ".js": rjsmin.jsmin}


class SmallStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Our own stylesheet and scripts lose their comments and blanks before they are named and compressed."""

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        if not dry_run:
            for name in paths:
                suffix = name[name.rfind(".") :]
                if name.startswith(("css/", "js/")) and suffix in _SMALLER:
                    self._make_smaller(name, suffix)
        yield from super().post_process(paths, dry_run, **options)

    def _make_smaller(self, name: str, suffix: str) -> None:
        with self.open(name) as file:
            source = file.read().decode()
        self.delete(name)
        self._save(name, ContentFile(_SMALLER[suffix](source).encode()))
