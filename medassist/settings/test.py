"""`base` on throw-away services, started once per test session.

With TEST_DATABASE_URL and TEST_REDIS_URL given, those servers are used instead; each pytest-xdist worker gets its
own database (pytest-django names it) and its own Redis database number.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re

from medassist.settings import throwaway

if "TEST_DATABASE_URL" not in os.environ or "TEST_REDIS_URL" not in os.environ:
    # The workers of pytest-xdist inherit the addresses; the pipe stays open in this process alone.
    _addresses, _keep_alive = throwaway.start()
    for _name, _address in _addresses.items():
        os.environ.setdefault(_name, _address)


def _key(name: str) -> str:
    return base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()


_worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or "0")
for _variable in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "SECRET_KEY", "PUBLIC_DOMAIN", "ALLOWED_HOSTS"):
    # What a developer's shell has set must not reach the tests.
    os.environ.pop(_variable, None)
    os.environ.pop(f"{_variable}_FILE", None)
os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
os.environ["REDIS_URL"] = re.sub(r"/\d*$", f"/{_worker % 16}", os.environ["TEST_REDIS_URL"])
os.environ["SECRET_KEY"] = "only-for-tests-" + "x" * 50
for _variable, _value in {
    "FIELD_KEYS": f"test:{_key('field')}",
    "AUDIT_KEY": _key("audit"),
    "TICKET_KEY": _key("ticket"),
}.items():
    os.environ[_variable] = _value

from medassist.settings.base import *  # noqa: E402, F403
from medassist.settings.base import LOGGING, STATIC_ROOT  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGGING["root"]["level"] = "WARNING"
# The static files' server warns at every start about a folder that is not there.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
# In this process, so that a test forgets what an earlier one counted (conftest).
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
