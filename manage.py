#!/usr/bin/env python
"""Django's command line for shopdesk."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shopdesk.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # The sentence is written for whoever installs this; a traceback would bury it.
        sys.exit(f"shopdesk: {error}")


if __name__ == "__main__":
    main()
