"""``manage.py doctor``: what is wrong with this installation, and the cure."""

import json
import os
import sys
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import translation
from django.utils.translation import gettext as _

from shopdesk import clock
from shopdesk.desk import diagnosis


def language_of(environ: dict[str, str]) -> str:
    """The terminal's language where it is one of ours, otherwise the shop's."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        code = environ.get(name, "")[:2]
        if code in dict(settings.LANGUAGES):
            return code
    return str(settings.LANGUAGE_CODE)


class Command(BaseCommand):
    help = "Says what is wrong with this installation and how to fix it; exit status 1 when something is red."
    requires_system_checks: Any = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of sentences")
        parser.add_argument("--language", choices=[code for code, name in settings.LANGUAGES])

    def handle(self, *args: object, **options: Any) -> None:
        with translation.override(options["language"] or language_of(dict(os.environ))):
            findings = list(diagnosis.examine(clock.now()))
            red = any(finding.colour == "red" for finding in findings)
            if options["json"]:
                body = {"ok": not red, "findings": [asdict(finding) for finding in findings]}
                self.stdout.write(json.dumps(body, ensure_ascii=False, indent=2))
            else:
                self._write(findings)
        if red:
            sys.exit(1)

    def _write(self, findings: list[diagnosis.Finding]) -> None:
        marks = {
            "ok": self.style.SUCCESS("✓"),
            "warn": self.style.WARNING("!"),
            "red": self.style.ERROR("✗"),
        }
        for finding in findings:
            self.stdout.write(f"{marks[finding.colour]} {finding.text}")
            if finding.cure:
                self.stdout.write(f"    → {finding.cure}")
        wrong = sum(finding.colour != "ok" for finding in findings)
        self.stdout.write("")
        self.stdout.write(_("%(count)s things to look at.") % {"count": wrong} if wrong else _("All is well."))
