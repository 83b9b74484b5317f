"""Settings, read from the environment. Every name is described in README.md and .env.example.

A value may also come from a file: ``SECRET_KEY_FILE=/run/secrets/secret_key`` serves where ``SECRET_KEY`` is asked.
"""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import django_stubs_ext
import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from shopdesk.schedule import BEAT_SCHEDULE

# Lets typed subclasses name their parameter at run time: ModelAdmin[User], Paginator[Order].
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.FileAwareEnv()
if env.bool("READ_DOT_ENV", default=True) and (BASE_DIR / ".env").is_file():
    env.read_env(BASE_DIR / ".env")


def required(name: str, cure: str) -> str:
    """The value of ``name``; refuses to start with the sentence that fixes it when it is missing or empty."""
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. {cure}")
    return value


# --- what kind of process this is ---------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
DEMO = env.bool("DEMO", default=False)

SECRET_KEY = required(
    "SECRET_KEY", 'Make one with: python -c "import secrets; print(secrets.token_urlsafe(50))" and put it in .env.'
)
if not DEBUG and (len(SECRET_KEY) < 40 or SECRET_KEY.startswith(("dev", "change-me", "django-insecure"))):
    raise ImproperlyConfigured(
        "SECRET_KEY is a placeholder or shorter than 40 characters. Make one with: "
        'python -c "import secrets; print(secrets.token_urlsafe(50))"'
    )
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])

# The public address of this installation. Every link in a mail starts with it; no request header is believed instead.
SITE_URL = required("SITE_URL", "Give the public address, for example SITE_URL=https://help.example.com").rstrip("/")
_site = urlsplit(SITE_URL)
if _site.scheme not in {"http", "https"} or not _site.hostname:
    raise ImproperlyConfigured(f"SITE_URL={SITE_URL!r} is not an address. Write it like https://help.example.com")
_secure = _site.scheme == "https"
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[_site.hostname])
CSRF_TRUSTED_ORIGINS: list[str] = [SITE_URL]
# How many reverse proxies stand in front; 0 means that X-Forwarded-For and X-Forwarded-Proto are not believed.
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)

# --- parts --------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "shopdesk.desk.admin_app.ShopdeskAdminConfig",
    "shopdesk.accounts",
    "shopdesk.shop",
    "shopdesk.mail",
    "shopdesk.desk",
    "faq",
    "inquiries",
    "returns",
    "followups",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "anymail",
    "csp",
    "django.forms",
]

MIDDLEWARE = [
    "shopdesk.middleware.OutageMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "shopdesk.accounts.middleware.StaffMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "shopdesk.middleware.parts_apart",
    "shopdesk.desk.off_hours.OffHoursMiddleware",
]

ROOT_URLCONF = "shopdesk.urls"
WSGI_APPLICATION = "shopdesk.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["shopdesk.desk.templatetags.quick_url"],
            "libraries": {
                "i18n": "shopdesk.desk.templatetags.quick_i18n",
                "static": "shopdesk.desk.templatetags.quick_static",
            },
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "shopdesk.desk.context.site",
            ],
        },
    }
]
# "i18n" and "static" are loaded from our libraries on purpose.
SILENCED_SYSTEM_CHECKS = ["templates.W003"]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- data ---------------------------------------------------------------------------------------------------------

required("DATABASE_URL", "Point it to PostgreSQL 15 or newer: DATABASE_URL=postgres://user:password@host:5432/shopdesk")
DATABASES = {"default": env.db_url("DATABASE_URL")}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must start with postgres:// — PostgreSQL is the only database served.")
DATABASES["default"]["HOST"] = unquote(DATABASES["default"]["HOST"])  # the folder of a unix socket is written %2F…
DATABASES["default"]["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", default=60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 3)
# Trying every order of ten joined tables costs the planner 5 ms, and most are only relations of one row. It may
# rearrange six: with three it walked whole tables for the list of inquiries.
# A kept plan (shopdesk.statements) serves all values: what makes a difference for the planner stands in its words.
DATABASES["default"]["OPTIONS"].setdefault("options", "-c join_collapse_limit=6 -c plan_cache_mode=force_generic_plan")
# Plans of shopdesk.statements are kept with the connection. A pooler that hands every transaction another connection,
# and does not know prepared statements (PgBouncer before 1.22), needs this off.
if env.bool("DATABASE_PREPARE", default=True):
    DATABASES["default"]["OPTIONS"].setdefault("prepare_threshold", 5)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The cache holds nothing that may not be lost, and lives in PostgreSQL so that the web keeps serving without a broker.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "shopdesk_cache"}}

REDIS_URL = required("REDIS_URL", "Point it to Valkey or Redis: REDIS_URL=redis://host:6379/0")

# Uploaded files: never served by path, only by views that check who asks.
MEDIA_ROOT = env.path("MEDIA_ROOT", default=str(BASE_DIR / "var" / "media"))()
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024  # of form fields; files are counted by their own forms
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 20
FILE_UPLOAD_HANDLERS = [
    "shopdesk.uploads.Limit",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / "var" / "static"))()
STATICFILES_DIRS = [BASE_DIR / "static"]
# Whether static files have been collected (hashed names, compressed); without it they are served from where they lie.
STATICFILES_MANIFEST = env.bool("STATICFILES_MANIFEST", default=not DEBUG)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if not STATICFILES_MANIFEST
        else "shopdesk.static_storage.SmallStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not STATICFILES_MANIFEST

# --- people -------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["shopdesk.accounts.backends.RoleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_ENGINE = "shopdesk.accounts.sessions"
SESSION_COOKIE_AGE = 60 * 60 * 12
SESSION_SAVE_EVERY_REQUEST = False
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"

ACCOUNT_ADAPTER = "shopdesk.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_PREVENT_ENUMERATION = True
# Passwords are counted by our own adapter, atomically in PostgreSQL. allauth counts wrong codes of the second factor
# under "login_failed" (five in five minutes for a person), and the rest as it does by itself.
ACCOUNT_RATE_LIMITS = {"login_failed": "30/m/ip,5/5m/key", "login": None}
ACCOUNT_EMAIL_NOTIFICATIONS = True
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
# A code counts half a minute longer than its own, either way (RFC 6238: one step, for slow typing); none counts twice.
MFA_TOTP_TOLERANCE = 1
MFA_ADAPTER = "shopdesk.accounts.adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "shopdesk"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _secure

# --- words and time -----------------------------------------------------------------------------------------------

LANGUAGE_CODE = "ja"
LANGUAGES = [("ja", "日本語"), ("en", "English")]
FORMAT_MODULE_PATH = "shopdesk.formats"
LOCALE_PATHS = [BASE_DIR / "shopdesk" / "locale"]
LANGUAGE_COOKIE_SAMESITE = "Lax"
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Tokyo")  # the shop's own zone; rows are stored in UTC

# --- the web's defences -------------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=False)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # probes come from inside, without TLS
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if _secure else 0)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
    }
}

# --- letters ------------------------------------------------------------------------------------------------------

# smtp://user:password@host:587/?tls=True … or an anymail backend by EMAIL_BACKEND with its own ANYMAIL_ settings.
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="smtp://localhost:25")
EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="django.core.mail.backends.smtp.EmailBackend")
EMAIL_HOST = EMAIL_CONFIG["EMAIL_HOST"]
EMAIL_PORT = EMAIL_CONFIG["EMAIL_PORT"]
EMAIL_HOST_USER = EMAIL_CONFIG["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = EMAIL_CONFIG["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = EMAIL_CONFIG.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL_CONFIG.get("EMAIL_USE_SSL", False)
# Connecting and each command; the reply to the final dot has its own 600 s (RFC 5321 §4.5.3.2.6), see mail/delivery.py.
EMAIL_TIMEOUT = 60
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"support@{_site.hostname}")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# The right-hand side of our Message-IDs.
MESSAGE_ID_DOMAIN = env.str("MESSAGE_ID_DOMAIN", default=DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">"))
# Letters a minute by the way above; 0: no limit of ours. Routes that are entered in the admin have their own.
EMAIL_PER_MINUTE = env.int("EMAIL_PER_MINUTE", default=0)
# Automatic after-care and advertising mail waits for a person when the clock moved by more hours than this between two
# sweeps, or backwards: a wrong date would send a year's appointments at once. 0: the clock is believed.
CLOCK_JUMP_HOURS = env.float("CLOCK_JUMP_HOURS", default=6.0)
# How long somebody who asked for the next inquiry may keep it without answering.
PULL_MINUTES = env.int("PULL_MINUTES", default=30)
ANYMAIL = {
    name.removeprefix("ANYMAIL_"): value for name, value in os.environ.items() if name.startswith("ANYMAIL_") and value
}
# "user:password" with which a provider posts what became of letters; without it nothing is taken.
if _hook_secret := env.str("ANYMAIL_WEBHOOK_SECRET", default=""):
    ANYMAIL["WEBHOOK_SECRET"] = _hook_secret

# --- background ---------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False  # the row is the job: a lost ring is rung again, a repeated one finds nothing due
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A visitor never waits for a broker that is away: one short try, then the sweep finds the row.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "max_retries": 1,
    "interval_start": 0,
}
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its broker as long as it takes
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- logs ---------------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "shopdesk.logs.Formatter", "format": "{asctime} {levelname} {name}: {message}", "style": "{"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}
