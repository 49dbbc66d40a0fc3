"""Where a clinic's events go, and each one's way there. Shared tables under row security; ids only, no patient data."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from medassist.common.fields import EncryptedTextField


class Endpoint(models.Model):
    """An address of the clinic's that is told of events.

    The address may hold a token, as messaging services hand them out, so it is sealed like the secret; `host` is what
    lists show. `failing_since` is set with the first failure and cleared by the next success.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.CharField(max_length=63)
    url = EncryptedTextField()
    host = models.CharField(_("host"), max_length=255)
    description = models.CharField(_("description"), max_length=200, blank=True, default="")
    events = models.JSONField(_("events"), default=list)
    secret = EncryptedTextField()
    previous_secret = EncryptedTextField(blank=True, default="")
    previous_until = models.DateTimeField(null=True, blank=True)
    active = models.BooleanField(_("active"), default=True)
    off_reason = models.CharField(_("switched off because"), max_length=40, blank=True, default="")
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["created_at"]
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        indexes = [models.Index(fields=["clinic", "active"], name="webhook_of_clinic")]

    def __str__(self) -> str:
        return self.host


class Delivery(models.Model):
    """One event on its way to one endpoint. How far it is stands in the job ledger (`job_id`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.CharField(max_length=63)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    event_id = models.UUIDField(default=uuid.uuid4)
    event_key = models.CharField(max_length=100)
    type = models.CharField(_("event"), max_length=40)
    body = models.JSONField()
    job_id = models.UUIDField()
    tries = models.PositiveIntegerField(_("tries"), default=0)
    last_try_at = models.DateTimeField(_("last try"), null=True, blank=True)
    last_status = models.PositiveSmallIntegerField(_("last status"), null=True, blank=True)
    last_problem = models.CharField(_("last problem"), max_length=60, blank=True, default="")
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [models.UniqueConstraint(fields=["endpoint", "event_key"], name="delivery_once")]
        indexes = [models.Index(fields=["clinic", "-created_at"], name="delivery_of_clinic")]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
