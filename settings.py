"""Django's settings, made of the platform's: picks the environment, loads `config/`, and derives Django's own names.

`from config.default import *` gives the names their types; the values in force are put over them one line later.
"""

from pathlib import Path
from typing import Any

from bklog.page import paths
from bklog.telemetry import logs
from config.address import ingest_url
from config.bucket import bucket_address
from config.database import databases
from config.default import *
from config.environ import ROOT, load
from config.folders import export_folder
from config.queue import message_queue
from config.secrets import ensure_secret_key
from config.store import store_addresses

_loaded = load()
globals().update({name: setting.value for name, setting in _loaded.values.items()})

ENVIRONMENT: str = _loaded.environment
BASE_DIR: Path = ROOT
DEBUG = False

INSTALLED_APPS = [
    "bklog.queues",
    "bklog.accounts",
    "bklog.collect",
    "bklog.export",
    "bklog.saved",
    "bklog.blocks",
    "bklog.pipeline",
    "bklog.clientlog",
    "bklog.supervise",
]
MIDDLEWARE = [
    "bklog.api.measure.measure",
    "bklog.api.elastic_door.open_door",
    "bklog.api.original_door.open_door",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
    "bklog.api.middleware.AnswerFailures",
    "bklog.api.middleware.authenticate",
    "bklog.api.authorise.Authorise",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [paths.DIST.parent],
        "OPTIONS": {"libraries": {"vite": "django_vite.templatetags.django_vite"}},
    }
]
# The built page. Names of its files carry a digest: each may be kept for ever.
STATIC_URL = f"/{paths.FILES}"
STATIC_ROOT: Path | None = files if (files := paths.DIST / "files").is_dir() else None
DJANGO_VITE = {"default": {"manifest_path": paths.DIST / ".vite" / "manifest.json", "static_url_prefix": "/page/"}}
WHITENOISE_IMMUTABLE_FILE_TEST = ""  # a part of every name
WHITENOISE_ALLOW_ALL_ORIGINS = False
ROOT_URLCONF = "bklog.api.urls"
WSGI_APPLICATION = "bklog.api.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = True

DATABASES: dict[str, dict[str, Any]] = databases(_loaded)
MESSAGE_QUEUE = message_queue(_loaded)
STORES = store_addresses(_loaded)
INGEST_URL = ingest_url(_loaded)
BUCKET = bucket_address(_loaded)
EXPORT_FOLDER = export_folder(_loaded)

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False

LOGGING: dict[str, Any] = logs.dict_config(logs.program_name(), _loaded.BKLOG_LOG_LEVEL, _loaded.BKLOG_LOG_FORMAT)

SECRET_KEY: str = _loaded.BKLOG_SECRET_KEY or ensure_secret_key(_loaded.home)
ALLOWED_HOSTS: list[str] = ["localhost", "127.0.0.1", "[::1]", *_loaded.BKLOG_ALLOWED_HOSTS]
# The gateway checks bodies already; a body that is too large for the API has a limit of its own in `bklog.api`.
DATA_UPLOAD_MAX_MEMORY_SIZE: int | None = 16 * 2**20
SESSION_COOKIE_SECURE = SECURE_SSL_REDIRECT = bool(_loaded.BKLOG_HTTPS)
# The first makes hashes, all are read. Python's own library has both.
PASSWORD_HASHERS = [f"django.contrib.auth.hashers.{one}PasswordHasher" for one in ("Scrypt", "PBKDF2")]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _loaded.BKLOG_HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _loaded.BKLOG_HTTPS else None
# What looks after the processes asks over plain HTTP on the machine itself.
SECURE_REDIRECT_EXEMPT = [r"^healthz/$", r"^readiness/$", r"^metrics/?$"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
