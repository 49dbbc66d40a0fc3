"""What the page frame needs to know about where it is shown."""

from __future__ import annotations

from django import template
from django.conf import settings

from apps.media.selectors import is_on
from medassist.common.errors import ConfigurationError
from medassist.tenancy.context import current_clinic
from medassist.tenancy.schemas import ClinicRef

register = template.Library()


@register.simple_tag
def clinic() -> ClinicRef | None:
    """The clinic whose host name answers; None on the platform's own host."""
    try:
        return current_clinic()
    except ConfigurationError:
        return None


@register.simple_tag
def idle() -> dict[str, int]:
    """After how many seconds without use a session ends (`limit`), and how long before that the page warns (`warn`)."""
    return {"limit": settings.SESSION_COOKIE_AGE, "warn": settings.SESSION_WARNING_SECONDS}


@register.simple_tag
def media_on() -> bool:
    """Whether this clinic may ask for pictures."""
    return is_on()
