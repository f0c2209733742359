"""All settings of the site, from the environment (``.env`` beside manage.py is read too; see .env.example)."""

import os
import sys
from pathlib import Path

import structlog
from celery.schedules import crontab
from django.utils.translation import gettext_lazy as _

from ct6site import env
from ct6site.log_lines import is_news
from ct6site.own_names import OwnNames

BASE_DIR = Path(__file__).resolve().parent.parent
env.read_env_file(BASE_DIR / ".env")

# --- Where things lie -------------------------------------------------------------------------------------------
DATA_DIR = env.read_own_folder("CT6_DATA_DIR", BASE_DIR / "var")
LOG_LEVEL = env.read_choice("CT6_LOG_LEVEL", ["INFO", "DEBUG", "WARNING", "ERROR"], default="INFO")

# --- Security ---------------------------------------------------------------------------------------------------
DEBUG = env.read_flag("DEBUG", default=False)
EMBEDDED = not (os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE"))
SECRET_KEY = env.read_secret_key(DATA_DIR / "secret-key", make_it=EMBEDDED or DEBUG)
ALLOWED_HOSTS = env.read_list("ALLOWED_HOSTS") or OwnNames()
CSRF_TRUSTED_ORIGINS = env.read_origins("CSRF_TRUSTED_ORIGINS")
HTTPS = env.read_flag("CT6_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"
CONTENT_SECURITY_POLICY = (
    # The hash is Dash's one inline script, `var renderer = new DashRenderer();`.
    "default-src 'self'; script-src 'self' 'sha256-jZlsGVOhUAIcH+4PVs7QuGZkthRMgvT2n0ilH6/zTM0='; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; frame-ancestors 'self'"
)
ADMIN_CONTENT_SECURITY_POLICY = (
    # Alpine, which moves the admin's menus, evaluates the texts of its attributes.
    "default-src 'self'; script-src 'self' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; frame-ancestors 'self'"
)

# --- The product ------------------------------------------------------------------------------------------------
CT6_TIMEZONE = env.read_timezone("CT6_TIMEZONE")
CT6_ADOPT = env.read_choice("CT6_ADOPT", ["all", "ask"], default="all" if EMBEDDED else "ask")
CT6_ADDRESSES = env.read_addresses("CT6_ADDRESSES")
CT6_PORT = env.read_integer("CT6_PORT", default=29340, lowest=1, highest=65535)
CT6_BROKER = env.read_broker("CT6_MQTT_URL")
CT6_ASK = env.read_asking("CT6_ASK", CT6_BROKER)
CT6_PREFER = env.read_choice("CT6_PREFER", ["ayt", "mqtt"], default="ayt")
CT6_SWEEP_NETWORKS = env.read_networks("CT6_SWEEP_NETWORKS")
CT6_COLLECTOR_SEEN = "readings.heartbeats.collector_seen"
CT6_SPOOL_DIR = env.read_folder("CT6_SPOOL_DIR", DATA_DIR / "spool")
CT6_SPOOL_MAX_BYTES = 1_000_000 * env.read_integer("CT6_SPOOL_MAX", default=1000, lowest=1, highest=10_000_000)
CT6_ARCHIVE = env.read_archive("CT6_ARCHIVE", DATA_DIR / "archive")
CT6_HOT_HOURS = env.read_integer("CT6_HOT_HOURS", default=6, lowest=1, highest=87_600)
CT6_MINUTE_DAYS = env.read_integer("CT6_MINUTE_DAYS", default=92, lowest=2, highest=36_500)
CT6_ALERT_AFTER = env.read_number("CT6_ALERT_AFTER", default=20.0, lowest=10.0, highest=86_400.0)
CT6_PERIOD = env.read_number("CT6_PERIOD", default=1.0, lowest=0.25, highest=300.0)

# --- Django -----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_plotly_dash.apps.DjangoPlotlyDashConfig",
    "django_celery_beat",
    "django_celery_results",
    "axes",
    "ct6site",
    "devices",
    "readings",
    "dashboard",
]
if sys.argv[1:2] in (["collect_ct6"], ["watch_ct6"]):  # they run for ever and show no page: 50 MB less of each
    _FOR_PAGES = {"unfold", "django.contrib.admin", "django.contrib.messages", "django.contrib.staticfiles"}
    _FOR_PAGES |= {"rest_framework", "django_filters", "drf_spectacular", "drf_spectacular_sidecar", "axes"}
    _FOR_PAGES |= {"django_plotly_dash.apps.DjangoPlotlyDashConfig", "django_celery_beat", "django_celery_results"}
    INSTALLED_APPS = [app for app in INSTALLED_APPS if app not in _FOR_PAGES]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "ct6site.middleware.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_plotly_dash.middleware.BaseMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "ct6site.urls"
WSGI_APPLICATION = "ct6site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database ---------------------------------------------------------------------------------------------------
DATABASES = {"default": env.read_database("DATABASE_URL", f"sqlite:///{DATA_DIR / 'ct6.sqlite3'}")}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"  # four bytes: they stand in every row of the readings
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file for the tests too: several threads share it as in real life.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"] = {
        "charset": "utf8mb4",
        "connect_timeout": 10,
        # The default (repeatable read) takes gap locks: the collector would wait for a rollup of the same table.
        "isolation_level": "read committed",
    }
    DATABASES["default"]["TEST"] = {"CHARSET": "utf8mb4"}

# --- Users ------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "ct6site.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "login"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 90
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "ct6site.refusals.locked_out"

# --- Language, time, static files -------------------------------------------------------------------------------
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]
LANGUAGE_CODE = env.read_choice("CT6_LANGUAGE", [code for code, _ in LANGUAGES], default="en-gb")
LANGUAGE_COOKIE_AGE = SESSION_COOKIE_AGE
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"  # days are cut in Python by each device's zone: no time zone table of a database is needed
USE_TZ = True
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "ct6site" / "locale"]  # before those of Django's own admin
STATIC_URL = "static/"
STATIC_ROOT = env.read_folder("CT6_STATIC_DIR", DATA_DIR / "static")
STATICFILES_FINDERS = [
    "dashboard.static_files.AppFinder",
    "dashboard.static_files.DashComponentFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "dashboard.static_files.HashedStaticFiles"},
}
# Before `collectstatic` ran, files are served from where the packages have them: neither compressed nor cached.
WHITENOISE_USE_FINDERS = not (STATIC_ROOT / "staticfiles.json").is_file()
PLOTLY_COMPONENTS = ["dash_mantine_components"]
PLOTLY_DASH = {
    "serve_locally": True,
    "insert_demo_migrations": False,
    "view_decorator": "dashboard.access.guarded",
}

# --- REST API ---------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "ct6site.tokens.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["devices.access.ReadOrConfigure"],
    "DEFAULT_RENDERER_CLASSES": ["ct6site.rendering.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "ct6site.refusals.explain",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": _("CT6 energy meters"),
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {"WorkStateEnum": "devices.models.Job.State"},
}

# --- Admin ------------------------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": _("CT6 energy meters"),
    "SITE_HEADER": _("CT6 energy meters"),
    "SITE_ICON": "ct6site.admin_menu.icon",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "ct6site.admin_menu.icon"}],
    "DASHBOARD_CALLBACK": "ct6site.overview.overview",
    "SIDEBAR": {"navigation": "ct6site.admin_menu.navigation"},
    "COLORS": {
        "primary": {  # the dashboard's green
            "50": "#e6f6f2", "100": "#c9ebe3", "200": "#a0dccf", "300": "#6fcdb9", "400": "#2fc4a4", "500": "#1fa98c",
            "600": "#0b7562", "700": "#08604f", "800": "#054a3d", "900": "#043a30", "950": "#022620",
        },
    },
}  # fmt: skip

# --- Background work --------------------------------------------------------------------------------------------
REDIS_URL = env.read_redis("REDIS_URL")
CELERY_BROKER_URL = REDIS_URL or "filesystem://localhost"
if not REDIS_URL:
    # Without Redis the broker is a folder. These values are measured: without them tasks wait for seconds.
    BROKER_DIR = DATA_DIR / "broker"
    (BROKER_DIR / "control").mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR),
        "data_folder_out": str(BROKER_DIR),
        "control_folder": str(BROKER_DIR / "control"),
        "store_processed": False,
        "polling_interval": 0.1,
    }
    CELERY_WORKER_POOL = "threads"
    CELERY_WORKER_CONCURRENCY = 2
    CELERY_WORKER_PREFETCH_MULTIPLIER = 0
CELERY_RESULT_BACKEND = "django-db"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_TASK_TIME_LIMIT = 30 * 60
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "ct6site.beating:BeatingScheduler"
CELERY_TASK_DEFAULT_QUEUE = "jobs"
CELERY_TASK_ROUTES = {
    "readings.tasks.*": {"queue": "rollups"},
    "devices.tasks.*": {"queue": "jobs"},
    "ct6site.tasks.*": {"queue": "jobs"},
}
# Each entry expires before its next turn, so that ticks never pile up behind a slow one.
CELERY_BEAT_SCHEDULE = {
    "roll up closed minutes": {
        "task": "readings.tasks.roll_up",
        "schedule": 10.0,
        "options": {"expires": 9.0, "queue": "rollups"},
    },
    "heartbeat of the rollups worker": {
        "task": "readings.tasks.note_heartbeat",
        "schedule": 10.0,
        "args": ["worker-rollups"],
        "options": {"expires": 9.0, "queue": "rollups"},
    },
    "heartbeat of the jobs worker": {
        "task": "readings.tasks.note_heartbeat",
        "schedule": 10.0,
        "args": ["worker-jobs"],
        "options": {"expires": 9.0, "queue": "jobs"},
    },
    "start due jobs": {
        "task": "devices.tasks.start_due_jobs",
        "schedule": 15.0,
        "options": {"expires": 14.0, "queue": "jobs"},
    },
    "read the status of units": {
        "task": "devices.tasks.read_due_statuses",
        "schedule": 30.0,
        "options": {"expires": 29.0, "queue": "jobs"},
    },
    "push open wishes": {
        "task": "devices.tasks.push_open_wishes",
        "schedule": 30.0,
        "options": {"expires": 29.0, "queue": "jobs"},
    },
    "put readings into files": {
        "task": "readings.tasks.archive",
        "schedule": 30.0,
        "options": {"expires": 29.0, "queue": "rollups"},
    },
    "sweep files that nothing names": {
        "task": "readings.tasks.sweep_archive",
        "schedule": crontab(hour="4", minute="20"),
        "options": {"expires": 3600.0, "queue": "rollups"},
    },
    "let go of what is too old": {
        "task": "readings.tasks.let_go",
        "schedule": crontab(hour="0-4", minute="*/2"),
        "options": {"expires": 110.0, "queue": "rollups"},
    },
    "audit rollups": {
        "task": "readings.tasks.audit_rollups",
        "schedule": crontab(hour="3", minute="10"),
        "options": {"expires": 3600.0, "queue": "rollups"},
    },
    "forget old alerts": {
        "task": "ct6site.tasks.forget_old_alerts",
        "schedule": crontab(hour="4", minute="40"),
        "options": {"expires": 3600.0, "queue": "jobs"},
    },
    "back up changed factory configurations": {
        "task": "devices.tasks.back_up_factory_configs",
        "schedule": crontab(hour="2", minute="40"),
        "options": {"expires": 3600.0, "queue": "jobs"},
    },
}

# --- Log --------------------------------------------------------------------------------------------------------
_LOG_STEPS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[*_LOG_STEPS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lines": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0),
            "foreign_pre_chain": _LOG_STEPS,
        },
    },
    "filters": {"news": {"()": "django.utils.log.CallbackFilter", "callback": is_news}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "celery": {"level": "WARNING"},
        "django_celery_beat": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "urllib3": {"level": "INFO"},  # its lines for developers hold the addresses of alert channels
        "django.request": {
            "level": "ERROR",
            "filters": ["news"],
        },  # else a line for each page that is not there or not allowed
    },
}
