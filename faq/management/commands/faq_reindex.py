"""Builds the FAQ's search index anew: after an upgrade of the dictionary, or when in doubt."""

import time
from typing import Any

from django.core.management.base import BaseCommand

from faq import indexing


class Command(BaseCommand):
    help = "Build the FAQ search index anew."

    def handle(self, *args: Any, **options: Any) -> None:
        start = time.perf_counter()
        count = indexing.reindex()
        self.stdout.write(f"{count} articles indexed in {time.perf_counter() - start:.1f} s.")
