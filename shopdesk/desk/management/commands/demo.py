"""Fill an installation with the demo shop."""

import json
import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

import faq.demo
import followups.demo
import inquiries.demo
import returns.demo
import shopdesk.shop.demo
from shopdesk import clock
from shopdesk.accounts.models import Role, User

# (mail address, name, name shown to customers, role)
STAFF = [
    ("tenchou@shop.example.com", "小春 ゆき", "店長 小春", "owner"),
    ("uketsuke@shop.example.com", "若草 はな", "若草", "agent"),
    ("hojo@shop.example.com", "桜井 りん", "桜井", "assistant"),
    ("gaichu@shop.example.com", "白波 そら", "担当 白波", "outsourced"),
    ("souko@shop.example.com", "森 たける", "", "warehouse"),
]


class Command(BaseCommand):
    help = "Loads the demo shop: invented people, products and questions, with dates relative to today."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="do nothing where there are staff already")
        parser.add_argument("--password", help="the owner's password; a random one where none is given")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints one line of JSON last: {"email", "password"} of the owner who was made, or {} when nothing was done.

        Raises CommandError outside of DEMO and DEBUG: demo people have no place among real customers.
        """
        if not (settings.DEMO or settings.DEBUG):
            raise CommandError("The demo shop is loaded where DEMO=true only.")
        if User.objects.exists():
            if not options["if_empty"]:
                raise CommandError("There are staff already. `make demo-reset` starts over.")
            self.stdout.write(json.dumps({}))
            return
        password = options["password"] or secrets.token_urlsafe(9)
        now = clock.now()
        with transaction.atomic():
            for email, name, alias, role in STAFF:
                # The others sign in once the owner has invited them.
                User.objects.create_user(
                    email,
                    password if role == "owner" else None,
                    name=name,
                    alias=alias,
                    role=Role.objects.get(code=role),
                )
            shopdesk.shop.demo.load(now)
            faq.demo.load(now)
            inquiries.demo.load(now)
            returns.demo.load(now)
            followups.demo.load(now)
        self.stdout.write(json.dumps({"email": STAFF[0][0], "password": password}))
