"""``manage.py import_orders FILE``: what the import screen does, for scripts and for large files."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from shopdesk import clock
from shopdesk.shop.importing import detect, encodings, run
from shopdesk.shop.importing.problems import FileProblem
from shopdesk.shop.models import Store

# How many errors are printed for people; --json tells all of them.
SHOWN = 50


class Command(BaseCommand):
    help = (
        "Import orders from a CSV export of EC-CUBE 4 or Shopify. Exit status: 0 when the file could be read, also "
        "when some of its rows have errors; 1 when the file as a whole cannot be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--profile", default=detect.AUTO, choices=[detect.AUTO, *detect.PROFILES])
        parser.add_argument("--encoding", default=encodings.AUTO, choices=[encodings.AUTO, *encodings.LABELS])
        parser.add_argument("--store", default="", metavar="CODE", help="code of the store; without it the default one")
        parser.add_argument("--dry-run", action="store_true", help="tell what would happen, write nothing")
        parser.add_argument(
            "--json", action="store_true", help="print one JSON object to standard output, nothing else"
        )
        parser.add_argument(
            "--plan-followups",
            action="store_true",
            help="plan follow-up mail for older orders too (it is not, unasked)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        path: Path = options["file"]
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        store = self._store(options["store"])
        choice = {"encoding": options["encoding"], "profile": options["profile"]}
        try:
            if options["dry_run"]:
                outcome = run.run(content, store=store, now=now, dry_run=True, **choice)
            else:
                outcome = run.run_now(
                    content, file_name=path.name, store=store, now=now, clock=clock.now,
                    plan_followups=options["plan_followups"], **choice,
                )  # fmt: skip
        except FileProblem as problem:
            raise CommandError(f"{path}: {problem}") from problem
        if options["json"]:
            self.stdout.write(json.dumps(outcome.as_json(), ensure_ascii=False))
        else:
            self._tell(outcome, dry_run=options["dry_run"])

    def _store(self, code: str) -> Store:
        try:
            return Store.objects.get(code=code) if code else Store.default()
        except Store.DoesNotExist:
            codes = ", ".join(Store.objects.values_list("code", flat=True))
            if code:
                message = _("There is no store “%(code)s”. Stores: %(codes)s") % {"code": code, "codes": codes or "-"}
            else:
                message = _("There is no store yet. Add one in the admin first.")
            raise CommandError(message) from None

    def _tell(self, outcome: run.Outcome, *, dry_run: bool) -> None:
        form = {
            "profile": detect.PROFILES[outcome.profile].LABEL, "encoding": encodings.LABELS[outcome.encoding],
        }  # fmt: skip
        self.stdout.write(_("Read as %(profile)s, %(encoding)s.") % form)
        counts = {
            "new": outcome.new, "updated": outcome.updated, "unchanged": outcome.unchanged,
            "errors": len(outcome.problems),
        }  # fmt: skip
        if dry_run:
            line = _("Would be: new %(new)s, updated %(updated)s, unchanged %(unchanged)s, errors %(errors)s")
        else:
            line = _("New %(new)s, updated %(updated)s, unchanged %(unchanged)s, errors %(errors)s")
        self.stdout.write(line % counts)
        if outcome.skipped:
            self.stdout.write(_("Not orders yet (payment not finished): %(count)s") % {"count": outcome.skipped})
        for problem in outcome.problems[:SHOWN]:
            where = _("Line %(line)s") % {"line": problem.line}
            cell = " ".join(filter(None, (problem.column, f"“{problem.value}”" if problem.value else "")))
            self.stdout.write(f"  {where}: {cell + ': ' if cell else ''}{problem.message}")
        if len(outcome.problems) > SHOWN:
            self.stdout.write(_("… and %(count)s more errors") % {"count": len(outcome.problems) - SHOWN})
