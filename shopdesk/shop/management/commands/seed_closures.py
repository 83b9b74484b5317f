"""``manage.py seed_closures``: public holidays of this and the next two years; run it again each year."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from shopdesk import clock
from shopdesk.shop import calendar


class Command(BaseCommand):
    help = "Add the public holidays, and the usual summer and year-end closings as inactive proposals."

    def add_arguments(self, parser: ArgumentParser) -> None:
        this, last = calendar.years_to_seed(clock.now())
        parser.add_argument("--from", type=int, default=this, dest="year_from", metavar="YEAR")
        parser.add_argument("--to", type=int, default=last, dest="year_to", metavar="YEAR")

    def handle(self, *args: Any, **options: Any) -> None:
        count = calendar.seed_closures(options["year_from"], options["year_to"])
        self.stdout.write(_("Closing days added: %(count)s") % {"count": count})
