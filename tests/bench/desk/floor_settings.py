"""The least that Django can do: no session, no user, no middleware, no application."""

import os

from shopdesk.settings import DATABASES  # noqa: F401  # the same database, the same way

SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = []
MIDDLEWARE = []
ROOT_URLCONF = "tests.bench.desk.floor"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
USE_TZ = True
