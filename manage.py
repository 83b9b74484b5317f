#!/usr/bin/env python
"""Django's command line for shopdesk."""

import os
import secrets
import sys

# Commands that read files and nothing of a shop.
WITHOUT_A_SHOP = {"parse_mail"}


def invent_settings() -> None:
    """What every installation must set, for a command that uses none of it."""
    os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(50))
    os.environ.setdefault("SITE_URL", "https://shop.invalid")
    os.environ.setdefault("DATABASE_URL", "postgres://nobody@shop.invalid/none")
    os.environ.setdefault("REDIS_URL", "redis://shop.invalid")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shopdesk.settings")
    if WITHOUT_A_SHOP.intersection(sys.argv[1:2]):
        invent_settings()
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # The sentence is written for whoever installs this; a traceback would bury it.
        sys.exit(f"shopdesk: {error}")


if __name__ == "__main__":
    main()
