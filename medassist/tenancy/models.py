"""Clinics, their host names and their API keys: all in the public schema."""

from __future__ import annotations

from typing import cast

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_tenants.models import DomainMixin, TenantMixin

from medassist.tenancy.schemas import ClinicRef, ClinicState, StoredKey, is_schema_name


def check_schema_name(value: str) -> None:
    if not is_schema_name(value):
        raise ValidationError(
            _("A schema name has lower-case letters, digits and underscores, begins with a letter and has at most 40."),
            code="schema_name",
        )


class Clinic(TenantMixin):  # type: ignore[misc]
    """One clinic or hospital.

    provisioning -> open -> closing -> closed. Only `open` clinics are entered by requests and jobs. A process
    killed while it provisions leaves `provisioning`; running `open_clinic` again carries on from there.
    """

    class States(models.TextChoices):
        PROVISIONING = "provisioning", _("being set up")
        OPEN = "open", _("open")
        CLOSING = "closing", _("closing")
        CLOSED = "closed", _("closed")

    # `services.open_clinic` makes the schema: saving a row must stay a row.
    auto_create_schema = False
    auto_drop_schema = False

    schema_name = models.CharField(_("schema"), max_length=40, unique=True, validators=[check_schema_name])
    name = models.CharField(_("name"), max_length=200)
    state = models.CharField(_("state"), max_length=12, choices=States.choices, default=States.PROVISIONING)
    locale = models.CharField(_("locale"), max_length=10, default="en-GB")
    emergency_number = models.CharField(_("emergency number"), max_length=20, default="999")
    languages = models.JSONField(_("languages"), default=list, blank=True)
    second_factor_required = models.BooleanField(
        _("second factor required"),
        default=False,
        help_text=_("Clinicians and administrators must set up an authenticator app or a passkey before they go on."),
    )
    features_off = models.JSONField(_("switched off"), default=list, blank=True)
    """Of `FEATURES`."""
    reads_per_minute = models.PositiveIntegerField(
        _("reads a minute"),
        null=True,
        blank=True,
        help_text=_("API requests of one key or person that read. Empty: the installation's default; 0: no limit."),
    )
    writes_per_minute = models.PositiveIntegerField(
        _("writes a minute"),
        null=True,
        blank=True,
        help_text=_("API requests of one key or person that submit or change. Empty: the default; 0: no limit."),
    )
    db_role = models.CharField(_("database role"), max_length=63, blank=True, default="", editable=False)
    migrated_to = models.CharField(_("migrated to"), max_length=64, blank=True, default="", editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["schema_name"]
        verbose_name = _("clinic")
        verbose_name_plural = _("clinics")

    def __str__(self) -> str:
        return self.name

    def as_ref(self) -> ClinicRef:
        return ClinicRef(
            schema_name=self.schema_name,
            name=self.name,
            locale=self.locale,
            emergency_number=self.emergency_number,
            languages=tuple(self.languages) or (self.locale.split("-")[0],),
            state=cast(ClinicState, self.state),
            second_factor_required=self.second_factor_required,
            features_off=tuple(self.features_off),
            reads_per_minute=self.reads_per_minute,
            writes_per_minute=self.writes_per_minute,
        )


class Domain(DomainMixin):  # type: ignore[misc]
    """A host name at which one clinic answers."""

    class Meta:
        ordering = ["domain"]
        verbose_name = _("host name")
        verbose_name_plural = _("host names")

    def __str__(self) -> str:
        return str(self.domain)


class ApiKey(models.Model):
    """A hospital system's credential; it belongs to exactly one clinic, which is how its requests find that clinic.

    It lives here and not in `accounts`: the middleware must know the clinic of a key before any clinic is
    entered, and `accounts` has a table in each clinic's schema too. active -> revoked or expired; never back.
    Its secret can be rotated: the prefix stays, and the secret before works until `previous_until`.
    """

    clinic = models.ForeignKey(Clinic, on_delete=models.CASCADE, related_name="api_keys", verbose_name=_("clinic"))
    prefix = models.CharField(_("prefix"), max_length=12, unique=True)
    digest = models.CharField(max_length=64, editable=False)
    previous_digest = models.CharField(max_length=64, editable=False, blank=True, default="")
    previous_until = models.DateTimeField(_("secret before works until"), null=True, blank=True)
    name = models.CharField(_("name"), max_length=100)
    scopes = models.JSONField(_("scopes"), default=list)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.CharField(_("created by"), max_length=160, blank=True, default="")
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name} (ma_{self.prefix}…)"

    def as_stored(self) -> StoredKey:
        return StoredKey(
            prefix=self.prefix,
            digest=self.digest,
            clinic=self.clinic.schema_name,
            name=self.name,
            scopes=tuple(self.scopes),
            expires_at=self.expires_at,
            revoked_at=self.revoked_at,
            last_used_at=self.last_used_at,
            previous_digest=self.previous_digest,
            previous_until=self.previous_until,
        )


class ApiKeyUse(models.Model):
    """Requests of one key on one UTC day, as far as they have been carried over from Redis (web/limits.py)."""

    prefix = models.CharField(max_length=12)
    day = models.DateField()
    requests = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prefix", "day"], name="tenancy_key_use_once")]

    def __str__(self) -> str:
        return f"ma_{self.prefix}… on {self.day}"
