"""The web process (gunicorn, WSGI threads). Never imports torch, transformers or vllm."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medassist.settings.base")
application = get_wsgi_application()
