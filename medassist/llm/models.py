"""Backbones and routes that platform staff adds to those of the settings. Public schema only; no key is stored."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from medassist.common.errors import NotFound
from medassist.llm import secrets
from medassist.tenancy.selectors import clinic_by_schema


def check_address(value: str) -> None:
    """An http(s) address that ends in /v1 or another path, without a name, a password or a query in it."""
    try:
        parts = urlsplit(value)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        whole = False
        parts = urlsplit("")
    if not whole or parts.query or parts.fragment:
        raise ValidationError(_("An address that begins with http:// or https:// and has no query."), code="address")
    if parts.username is not None or parts.password is not None:
        raise ValidationError(
            _("A key or password does not belong in an address; see the key's reference."), code="key"
        )


class Backbone(models.Model):
    """A model server.

    With `canary_percent` 0 it is asked after the settings' own backbones, by `order`, or takes the place of the one
    whose name it bears. Otherwise it is asked first for that share of the subjects.
    """

    class Tiers(models.TextChoices):
        LIGHT = "light", _("light")
        HEAVY = "heavy", _("heavy")
        BOTH = "both", _("both")

    name = models.SlugField(_("name"), max_length=40, unique=True)
    base_url = models.CharField(_("address"), max_length=300, validators=[check_address])
    model = models.CharField(_("served model"), max_length=200)
    tiers = models.CharField(_("tiers"), max_length=5, choices=Tiers.choices, default=Tiers.BOTH)
    order = models.PositiveSmallIntegerField(_("order"), default=100)
    enabled = models.BooleanField(_("enabled"), default=True)
    canary_percent = models.PositiveSmallIntegerField(
        _("canary percent"), default=0, validators=[MaxValueValidator(100)]
    )
    api_key_ref = models.CharField(
        _("reference of the key"), max_length=110, blank=True, default="",
        validators=[RegexValidator(secrets.PATTERN, secrets.FORMS, code="key_reference")], help_text=secrets.FORMS,
    )  # fmt: skip

    class Meta:
        ordering = ["order", "name"]
        verbose_name = _("backbone")
        verbose_name_plural = _("backbones")
        constraints = [
            models.CheckConstraint(condition=Q(api_key_ref__regex=secrets.PATTERN), name="backbone_key_by_reference"),
            models.CheckConstraint(condition=Q(canary_percent__lte=100), name="backbone_canary_percent"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        super().clean()
        if self.canary_percent and self.name in {"light", "heavy", *(one.name for one in settings.LLM_FALLBACKS)}:
            raise ValidationError({"name": _("The settings' backbone of this name cannot be a canary of itself.")})


class Route(models.Model):
    """Which backbone and which adapter serve the calls that fit; a blank field fits everything.

    Of several that fit, the one that names a clinic wins, then the one that names more fields.
    """

    class Lanes(models.TextChoices):
        EMERGENCY = "emergency", _("emergency")
        INTERACTIVE = "interactive", _("interactive")
        BATCH = "batch", _("batch")

    class Tiers(models.TextChoices):
        LIGHT = "light", _("light")
        HEAVY = "heavy", _("heavy")

    clinic = models.CharField(_("clinic"), max_length=63, blank=True, default="")
    kind = models.CharField(
        _("kind of job"), max_length=60, blank=True, default="",
        validators=[RegexValidator(r"^[a-z0-9_.-]+$", _("The name of a kind of job, for example cases.assessment."))],
    )  # fmt: skip
    lane = models.CharField(_("lane"), max_length=12, blank=True, default="", choices=Lanes.choices)
    tier = models.CharField(_("tier"), max_length=5, blank=True, default="", choices=Tiers.choices)
    backbone = models.ForeignKey(
        Backbone, null=True, blank=True, on_delete=models.PROTECT, related_name="routes",
        verbose_name=_("pinned backbone"),
    )  # fmt: skip
    adapter = models.CharField(
        _("adapter"), max_length=100, blank=True, default="",
        validators=[RegexValidator(r"^[\w.:/-]+$", _("The served name of an adapter, without blanks."))],
    )  # fmt: skip
    fall_back = models.BooleanField(
        _("fall back"), default=False, help_text=_("Ask the ordinary backbones when the pinned one is away.")
    )

    class Meta:
        ordering = ["clinic", "kind", "lane", "tier"]
        verbose_name = _("route")
        verbose_name_plural = _("routes")
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "kind", "lane", "tier"],
                name="route_once",
                violation_error_message=_("There is a route for this clinic, kind, lane and tier already."),
            )
        ]

    def __str__(self) -> str:
        named = [part for part in (self.clinic, self.kind, self.lane, self.tier) if part]
        return " ".join(named) or "any"

    def clean(self) -> None:
        super().clean()
        if self.clinic:
            try:
                clinic_by_schema(self.clinic)
            except NotFound:
                raise ValidationError({"clinic": _("There is no such clinic.")}) from None
