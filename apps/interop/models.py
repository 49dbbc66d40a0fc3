"""Which EHRs a clinic trusts for CDS Hooks, which cards they were shown, and what clinicians thought of them."""

from __future__ import annotations

import uuid

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from medassist.common.errors import MedAssistError
from medassist.common.fields import EncryptedTextField
from medassist.common.outside import check_url


def check_key_address(value: str) -> None:
    try:
        check_url(value)
    except MedAssistError as error:
        raise ValidationError(next(iter(error.fields.values()), error.detail), code="address") from None


class CdsClient(models.Model):
    """An EHR whose signed calls are taken. Its keys come from its address, or are held here."""

    name = models.CharField(_("name"), max_length=100)
    issuer = models.CharField(
        _("issuer"), max_length=300, unique=True, help_text=_("The iss of its tokens, letter for letter.")
    )
    jwks_url = models.CharField(
        _("address of its keys"), max_length=500, blank=True, default="", validators=[check_key_address],
        help_text=_("https; empty when the keys are given below."),
    )  # fmt: skip
    jwks = models.JSONField(_("its keys (JWK set)"), null=True, blank=True, help_text=_("Public keys only."))
    is_active = models.BooleanField(_("switched on"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("CDS Hooks client")
        verbose_name_plural = _("CDS Hooks clients")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        super().clean()
        if bool(self.jwks_url) == bool(self.jwks):
            raise ValidationError(_("Give the address of its keys or the keys themselves, one of the two."))
        if self.jwks is not None:
            keys = self.jwks.get("keys") if isinstance(self.jwks, dict) else None
            if (
                not isinstance(keys, list)
                or not keys
                or not all(isinstance(key, dict) and key.get("kid") for key in keys)
            ):
                raise ValidationError({"jwks": _("A JWK set: an object with keys, each with its kid.")})
            if any("d" in key or key.get("kty") == "oct" for key in keys):
                raise ValidationError({"jwks": _("Public keys only; there is a private or a shared one among these.")})


class CdsCard(models.Model):
    """A card that was shown: which kind and level, and the case behind it when one was stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    service = models.CharField(max_length=60)
    kind = models.CharField(max_length=20)
    level = models.CharField(max_length=20)
    case_id = models.UUIDField(null=True, blank=True)
    rules = models.JSONField(default=list)
    shown_to = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class CdsFeedback(models.Model):
    """What somebody did with a card. The comment may say anything, so it is sealed."""

    card = models.ForeignKey(CdsCard, on_delete=models.CASCADE, related_name="feedback")
    outcome = models.CharField(max_length=10)
    reason = models.CharField(max_length=200, blank=True, default="")
    comment = EncryptedTextField(blank=True, default="")
    at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.outcome} {self.card_id}"
