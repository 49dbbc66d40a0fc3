"""All settings, from environment variables only; a wrong or missing one stops the process by name.

docs/operators/settings.md describes each variable. Nothing exists only in production: the embedded
set-up, compose and Kubernetes differ by values, not by code.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

from medassist.common import env

BASE_DIR = Path(__file__).resolve().parent.parent.parent
STATE_DIR = Path(env.text("MEDASSIST_STATE_DIR", str(BASE_DIR / ".state")))
VERSION = "0.1.0"

DEBUG = env.boolean("DEBUG", False)
SECRET_KEY = env.required("SECRET_KEY", "A random string of at least 50 characters.")
FIELD_KEYS = env.required("FIELD_KEYS", "id:base64 of 32 bytes, comma-separated; the first encrypts, all decrypt.")
AUDIT_KEY = env.required("AUDIT_KEY", "base64 of 32 bytes; signs the audit chain.")
TICKET_KEY = env.required("TICKET_KEY", "base64 of 32 bytes, shared by web and events.")

# "localhost" in development: clinic `demo` answers on demo.localhost.
PUBLIC_DOMAIN = env.text("PUBLIC_DOMAIN", "localhost")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", (PUBLIC_DOMAIN, f".{PUBLIC_DOMAIN}", "127.0.0.1", "[::1]"))
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
SECURE_SITE = env.boolean("SECURE_SITE", False)

# --- applications -------------------------------------------------------------------------------

# People live in both kinds of schema (platform staff in public, clinic people in the clinic);
# contenttypes in public only (ARCHITECTURE section 10).
_PEOPLE = [
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.admin",
    "guardian",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
    "medassist.accounts",
    "medassist.audit",
]
SHARED_APPS = [
    "django_tenants",
    "medassist.common",
    "medassist.tenancy",
    "django.contrib.contenttypes",
    *_PEOPLE,
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "medassist.jobs",
    "medassist.llm",
    "medassist.webhooks",
    "medassist.embedded",
    "medassist.web",
    "apps.rag",
    "apps.safety",
]
TENANT_APPS = [
    *_PEOPLE,
    "apps.safety",
    "apps.rag",
    "apps.documents",
    "apps.cases",
    "apps.notes",
    "apps.chat",
    "apps.media",
    "apps.interop",
]
INSTALLED_APPS = [*SHARED_APPS, *[app for app in TENANT_APPS if app not in SHARED_APPS]]

TENANT_MODEL = "tenancy.Clinic"
TENANT_DOMAIN_MODEL = "tenancy.Domain"
TENANT_LIMIT_SET_CALLS = True
PUBLIC_SCHEMA_URLCONF = "medassist.urls_public"
ROOT_URLCONF = "medassist.urls"
WSGI_APPLICATION = "medassist.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# One migration for each of these apps instead of the thirty that they bring: a clinic opens the faster for it, and
# `makemigrations --check` tells when an upgrade changes their tables (docs/decisions/0023).
MIGRATION_MODULES = {
    "account": "medassist.accounts.tables.account",
    "socialaccount": "medassist.accounts.tables.socialaccount",
    "mfa": "medassist.accounts.tables.mfa",
    "usersessions": "medassist.accounts.tables.usersessions",
    "axes": "medassist.accounts.tables.axes",
}
# Tables of those apps that nothing here writes: none of them is made in a clinic.
PUBLIC_ONLY_MODELS = frozenset(
    {
        "account.emailconfirmation", "socialaccount.socialapp", "socialaccount.socialtoken",
        "axes.accesslog", "axes.accessfailurelog",
    }
)  # fmt: skip

MIDDLEWARE = [
    "medassist.web.middleware.RequestScope",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "medassist.tenancy.middleware.ClinicFromRequest",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "medassist.accounts.middleware.IdleLogOff",
    "medassist.accounts.middleware.SecondFactorRule",
    "axes.middleware.AxesMiddleware",
    "medassist.web.edge.ApiEdge",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "medassist" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- data ----------------------------------------------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "medassist.tenancy.postgres",
        **env.database("DATABASE_URL", "postgresql://user:password@host:port/name"),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": env.integer("DATABASE_CONNECT_TIMEOUT", 5, minimum=1)},
    }
}
# A pool suits the threaded processes; prefork children and one-shot commands run without.
DATABASE_POOL_SIZE = env.integer("DATABASE_POOL_SIZE", 0, minimum=0, maximum=200)
if DATABASE_POOL_SIZE:
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": min(2, DATABASE_POOL_SIZE),
        "max_size": DATABASE_POOL_SIZE,
        "timeout": 10,
        "max_lifetime": 600,
    }
DATABASE_ROUTERS = ["medassist.tenancy.routers.PublicTables", "django_tenants.routers.TenantSyncRouter"]

# Events, rate limits and the cache; the broker may be the same Redis, another one, or RabbitMQ.
REDIS_URL = env.required("REDIS_URL", "redis://:password@host:port/0")
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # What is remembered of a person of one clinic (a used code, a count of attempts) is nothing in another.
        "KEY_FUNCTION": "django_tenants.cache.make_key",
        "KEY_PREFIX": "cache",
    }
}
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", REDIS_URL)

# --- people --------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
# What counts as a person's own action prolongs a session, and only that (accounts/middleware.py).
SESSION_COOKIE_AGE = env.integer("SESSION_IDLE_SECONDS", 1800, minimum=60)
SESSION_WARNING_SECONDS = min(120, SESSION_COOKIE_AGE // 3)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = SECURE_SITE
CSRF_COOKIE_SECURE = SECURE_SITE
SECURE_SSL_REDIRECT = SECURE_SITE
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_SITE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_SITE
SECURE_HSTS_PRELOAD = SECURE_SITE
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.boolean("BEHIND_TLS_PROXY", False) else None
X_FRAME_OPTIONS = "DENY"

# Proxies whose X-Forwarded-For is believed: addresses or networks. Empty: the address of the connection counts.
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")

EMAIL_HOST = env.text("EMAIL_HOST", "")
EMAIL_PORT = env.integer("EMAIL_PORT", 587, minimum=1, maximum=65535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.boolean("EMAIL_USE_TLS", True)
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", f"medassist@{PUBLIC_DOMAIN}")
EMAIL_TIMEOUT = 10
PASSWORD_RESET_BY_EMAIL = bool(EMAIL_HOST)
PASSWORD_RESET_TIMEOUT = 3600

ACCOUNT_ADAPTER = "medassist.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
ACCOUNT_UNIQUE_EMAIL = False
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
# Wrong passwords and codes are counted by django-axes, in the clinic's own tables.
ACCOUNT_RATE_LIMITS = {
    "login": None, "login_failed": None, "reauthenticate": "10/m/user",
    "reset_password": "20/m/ip,5/h/key", "reset_password_from_key": "20/m/ip", "change_password": "5/m/user",
}  # fmt: skip
ACCOUNT_FORMS = {"reset_password": "medassist.accounts.forms.AskForLinkForm"}
SOCIALACCOUNT_ADAPTER = "medassist.accounts.adapters.ProviderAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_OPENID_CONNECT_URL_PREFIX = ""
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
OIDC_HOSTS = tuple(host.lower() for host in env.words("OIDC_HOSTS"))

MFA_ADAPTER = "medassist.accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1
MFA_TOTP_ISSUER = "MedAssist"
MFA_RATE_LIMITS = {"webauthn_login": "60/m/ip"}
# Without TLS there is no origin that could be checked; browsers keep to their own rules all the same.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SECURE_SITE
MFA_FORMS = {
    "authenticate": "medassist.accounts.forms.CodeForm",
    "reauthenticate": "medassist.accounts.forms.CodeAgainForm",
    "activate_totp": "medassist.accounts.forms.ActivateTOTPForm",
}
PLATFORM_SECOND_FACTOR = env.boolean("PLATFORM_SECOND_FACTOR", False)

AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = env.integer("SIGN_IN_ATTEMPTS", 5, minimum=3, maximum=100)
AXES_COOLOFF_TIME = timedelta(minutes=env.integer("LOCK_OUT_MINUTES", 15, minimum=1))
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_CLIENT_IP_CALLABLE = "medassist.accounts.addresses.client_ip"
AXES_LOCKOUT_CALLABLE = "medassist.accounts.views.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code", "credential", "csrfmiddlewaretoken", "next"]

# --- limits --------------------------------------------------------------------------------------

MAX_CASE_BYTES = env.integer("MAX_CASE_BYTES", 2_000_000, minimum=10_000)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_CASE_BYTES + 65_536
MAX_WAIT_SECONDS = env.integer("MAX_WAIT_SECONDS", 60, minimum=0, maximum=300)
MAX_WAITERS = env.integer("MAX_WAITERS", 4, minimum=0)
METRICS_TOKEN = env.text("METRICS_TOKEN", "")
# Requests of one API key or person a minute, where a clinic has no numbers of its own; 0: no limit (web/limits.py).
API_READS_PER_MINUTE = env.integer("API_READS_PER_MINUTE", 1_200, minimum=0)
API_WRITES_PER_MINUTE = env.integer("API_WRITES_PER_MINUTE", 300, minimum=0)
MAX_BULK_BYTES = env.integer("MAX_BULK_BYTES", 20_000_000, minimum=10_000)
MAX_BULK_LINES = env.integer("MAX_BULK_LINES", 1_000, minimum=1)
BULK_PATHS = ("/api/v1/cases/bulk",)
"""Where bodies up to MAX_BULK_BYTES are read, as lines."""

# --- jobs ----------------------------------------------------------------------------------------

JOB_LEASE_SECONDS = env.integer("JOB_LEASE_SECONDS", 20, minimum=2)
JOB_DEADLINE_SECONDS = env.integer("JOB_DEADLINE_SECONDS", 900, minimum=10)
JOB_MAX_ATTEMPTS = env.integer("JOB_MAX_ATTEMPTS", 3, minimum=1)
JOB_CLINIC_CAP = env.integer("JOB_CLINIC_CAP", 8, minimum=1)
JOB_CLINIC_QUEUE_LIMIT = env.integer("JOB_CLINIC_QUEUE_LIMIT", 5_000, minimum=1)
JOB_GLOBAL_QUEUE_LIMIT = env.integer("JOB_GLOBAL_QUEUE_LIMIT", 50_000, minimum=1)
# Short work that the web process does itself, at most so many at once in a process (medassist/jobs/direct.py).
DIRECT_PLACES = env.integer("DIRECT_PLACES", 8, minimum=1, maximum=1_000)
NOTES_DIRECT_CHARS = env.integer("NOTES_DIRECT_CHARS", 6_000, minimum=0)
NOTES_DIRECT_SECONDS = env.number("NOTES_DIRECT_SECONDS", 10.0, minimum=0.5)
SWEEP_SECONDS = env.number("SWEEP_SECONDS", 1.0, minimum=0.05)

# --- language models -----------------------------------------------------------------------------

LLM_BASE_URL = env.text("LLM_BASE_URL", "")
LLM_MODEL = env.text("LLM_MODEL", "medassist-reference")
LLM_API_KEY = env.text("LLM_API_KEY", "none")
LLM_HEAVY_BASE_URL = env.text("LLM_HEAVY_BASE_URL", LLM_BASE_URL)
LLM_HEAVY_MODEL = env.text("LLM_HEAVY_MODEL", LLM_MODEL)
LLM_HEAVY_API_KEY = env.text("LLM_HEAVY_API_KEY", LLM_API_KEY)
LLM_FALLBACKS = env.backbones("LLM_FALLBACKS")
LLM_TIMEOUT_SECONDS = env.number("LLM_TIMEOUT_SECONDS", 120.0, minimum=1)
LLM_CONNECT_SECONDS = env.number("LLM_CONNECT_SECONDS", 3.0, minimum=0.1)
LLM_PRIORITY = env.boolean("LLM_PRIORITY", False)
LLM_SECRETS_DIR = env.text("LLM_SECRETS_DIR", "")
LLM_ROUTES_REFRESH_SECONDS = env.number("LLM_ROUTES_REFRESH_SECONDS", 5.0, minimum=0)
CLAIM_CHECKER = env.choice("CLAIM_CHECKER", ("off", "backbone"), "off")
DRAFT_SAMPLES = env.integer("DRAFT_SAMPLES", 1, minimum=1, maximum=9)

# --- retrieval -----------------------------------------------------------------------------------

QDRANT_URL = env.text("QDRANT_URL", "")
QDRANT_API_KEY = env.text("QDRANT_API_KEY")
EMBEDDER = env.choice("EMBEDDER", ("minilm", "sentence-transformers", "http"), "minilm")
EMBEDDER_MODEL = env.text("EMBEDDER_MODEL", "all-MiniLM-L6-v2")
EMBEDDER_URL = env.text("EMBEDDER_URL", "")
EMBEDDER_API_KEY = env.text("EMBEDDER_API_KEY", "none")
MAX_DOCUMENT_BYTES = env.integer("MAX_DOCUMENT_BYTES", 25_000_000, minimum=10_000, maximum=200_000_000)
MAX_UPLOAD_BYTES = env.integer("MAX_UPLOAD_BYTES", 100_000_000, minimum=10_000)
UPLOAD_PATHS = ("/api/v1/documents/ingest", "/documents/", "/cases/new/")
"""Where files may come: bodies up to MAX_UPLOAD_BYTES are read there, and nowhere else."""
SAFETY_EVENTS_KEEP_DAYS = env.integer("SAFETY_EVENTS_KEEP_DAYS", 730, minimum=30)
SEARCH_KEEP_DAYS = env.integer("SEARCH_KEEP_DAYS", 30, minimum=1)
RERANKER = env.choice("RERANKER", ("scores", "none", "late_interaction", "cross_encoder"), "scores")
RERANKER_MODEL = env.text("RERANKER_MODEL", "cross-encoder/ms-marco-MiniLM-L6-v2")
FUSION_SPARSE_SHARE = env.number("FUSION_SPARSE_SHARE", 0.5, minimum=0, maximum=1)
INDEX_CLINICS = env.integer("INDEX_CLINICS", 50, minimum=1)

# --- calls to the outside -------------------------------------------------------------------------

# Hosts of the operator's own network that clinics' webhooks and keys of EHRs may lead to, over plain http too: n8n.internal for example.
OUTSIDE_PRIVATE_HOSTS = env.words("OUTSIDE_PRIVATE_HOSTS")
OUTSIDE_TIMEOUT_SECONDS = env.number("OUTSIDE_TIMEOUT_SECONDS", 10.0, minimum=0.1)

# --- media ---------------------------------------------------------------------------------------

MEDIA_ENABLED = env.boolean("MEDIA_ENABLED", False)
MEDIA_CLINICS = env.words("MEDIA_CLINICS")
MEDIA_QUEUE = env.text("MEDIA_QUEUE", "media")
MEDIA_JOBS_PER_DAY = env.integer("MEDIA_JOBS_PER_DAY", 50, minimum=0)
MEDIA_DEADLINE_SECONDS = env.integer("MEDIA_DEADLINE_SECONDS", 3_600, minimum=60)
MEDIA_TIMEOUT_SECONDS = env.number("MEDIA_TIMEOUT_SECONDS", 600.0, minimum=1)
MEDIA_REPLY_SECONDS = env.number("MEDIA_REPLY_SECONDS", 10.0, minimum=0.1)
MEDIA_POLL_SECONDS = env.number("MEDIA_POLL_SECONDS", 5.0, minimum=0.1)
MEDIA_MAX_BYTES = env.integer("MEDIA_MAX_BYTES", 20_000_000, minimum=100_000, maximum=100_000_000)
MEDIA_WORKFLOW = env.text("MEDIA_WORKFLOW", "text_to_image")
MEDIA_CHECKPOINT = env.text("MEDIA_CHECKPOINT", "sd_xl_base_1.0.safetensors")
MEDIA_GPU_LABELS = env.words("MEDIA_GPU_LABELS")
LLM_GPU_LABELS = env.words("LLM_GPU_LABELS")
COMFYUI_URL = env.text("COMFYUI_URL", "")

# --- events --------------------------------------------------------------------------------------

EVENTS_URL = env.text("EVENTS_URL", "")
"""Base URL at which browsers reach the events process; empty means no live progress (polling still works)."""

# --- web -----------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
# Of the pages; what is assessed, and what it answers in, is the case's own locale.
LANGUAGES = [("en-gb", "English"), ("es", "Español")]
TIME_ZONE = env.text("TIME_ZONE", "UTC")
USE_I18N = True
USE_TZ = True
LOCALE_PATHS = [BASE_DIR / "medassist" / "locale"]
STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(STATE_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "medassist" / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

_events_origin = "/".join(EVENTS_URL.split("/")[:3])
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'", *([_events_origin] if _events_origin else [])],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "object-src": ["'none'"],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "medassist.accounts.authentication.ApiKeyAuthentication",
        "medassist.accounts.authentication.ClinicSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["medassist.accounts.permissions.DenyByDefault"],
    "DEFAULT_THROTTLE_CLASSES": ["medassist.web.limits.CallerRate"],
    "DEFAULT_PARSER_CLASSES": ["medassist.web.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "medassist.web.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MedAssist API",
    "DESCRIPTION": "An expert assistant to clinicians. It never prescribes and never gives a dose.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "TriageLevelEnum": ["emergency_now", "same_day", "routine"],
        "TextKindEnum": ["guideline", "protocol", "case_document"],
        "RuleDecisionStateEnum": ["signed_off", "switched_off", "lapsed"],
        "CiteKindEnum": ["record", "guideline", "document"],
        "ClaimKindEnum": ["patient_fact", "guideline", "inference"],
        "NameEnum": [
            "reason",
            "history",
            "findings",
            "results",
            "assessment_recorded",
            "plan_recorded",
            "open_questions",
        ],
        "AssessmentSchemaVersionEnum": ["1.0", "1.1"],
        "JobDocumentSchemaVersionEnum": ["1.0"],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "medassist.web.openapi.with_problems",
    ],
}

# Structured lines with an allow-list of keys: patient text cannot reach a log by accident.
logging.captureWarnings(True)
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "medassist.common.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {
        "django.server": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        # Its lines name people and addresses; the trail has what must be known.
        "axes": {"level": "CRITICAL"},
        "openai": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
    },
}
