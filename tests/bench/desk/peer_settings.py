"""django-helpdesk over a schema of its own in the same database, as its documentation installs it."""

import os

from shopdesk.settings import DATABASES as OURS  # the same database, the same way

SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["*"]
DATABASES = {"default": {**OURS["default"], "OPTIONS": {"options": "-c search_path=helpdesk"}}}
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.sites",
    "django.contrib.admin", "django.contrib.humanize", "django.contrib.messages", "django.contrib.staticfiles",
    "helpdesk", "rest_framework",
]  # fmt: skip
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "tests.bench.desk.peer"
STATIC_URL = "/static/"
SITE_ID = 1
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
HELPDESK_PUBLIC_ENABLED = False
LOGIN_URL = "/login/"
# Without its teams, as its documentation says for installations that have none.
HELPDESK_TEAMS_MODE_ENABLED = False
HELPDESK_TEAMS_MODEL = "auth.User"
HELPDESK_TEAMS_MIGRATION_DEPENDENCIES = []
HELPDESK_KBITEM_TEAM_GETTER = lambda item: None  # noqa: E731  # a setting is a name
