"""The settings as mypy's Django plugin loads them: without an environment. Nothing else uses this module."""

import os

os.environ["READ_DOT_ENV"] = "false"
os.environ.setdefault("SECRET_KEY", "types-only-" * 5)
os.environ.setdefault("SITE_URL", "https://types.invalid")
os.environ.setdefault("DATABASE_URL", "postgres://types.invalid/none")
os.environ.setdefault("REDIS_URL", "redis://types.invalid")

from shopdesk.settings import *  # noqa: F403  # all of them, after the environment
