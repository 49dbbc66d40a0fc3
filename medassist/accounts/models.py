"""People: platform staff in the public schema, everybody else in their clinic's schema."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from medassist.accounts.access import Role
from medassist.accounts.addresses import issuer_problem
from medassist.common.fields import EncryptedTextField
from medassist.tenancy.context import current_schema
from medassist.tenancy.schemas import PUBLIC_SCHEMA

_ADMIN_SITE_ROLES = frozenset({Role.CLINIC_ADMIN, Role.AUDITOR, Role.PLATFORM_STAFF})


class People(UserManager["User"]):
    def create_user(self, username: str, email: str | None = None, password: str | None = None, **fields: Any) -> User:
        return self._store(username, email, password, fields)

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **fields: Any
    ) -> User:
        """For `manage.py createsuperuser`: a member of the platform staff."""
        return self._store(username, email, password, {**fields, "role": Role.PLATFORM_STAFF})

    def _store(self, username: str, email: str | None, password: str | None, fields: dict[str, Any]) -> User:
        person = self.model(
            username=self.model.normalize_username(username), email=self.normalize_email(email), **fields
        )
        person.set_password(password)
        person.save(using=self._db)
        return person


class User(AbstractUser):
    """One person with one role. active -> deactivated (`is_active`); people are never deleted, trails name them."""

    class Roles(models.TextChoices):
        CLINICIAN = Role.CLINICIAN.value, _("clinician")
        NURSE = Role.NURSE.value, _("nurse")
        PATIENT = Role.PATIENT.value, _("patient")
        CLINIC_ADMIN = Role.CLINIC_ADMIN.value, _("clinic administrator")
        AUDITOR = Role.AUDITOR.value, _("auditor")
        PLATFORM_STAFF = Role.PLATFORM_STAFF.value, _("platform staff")

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    full_name = models.CharField(_("full name"), max_length=150, blank=True)
    role = models.CharField(_("role"), max_length=20, choices=Roles.choices)

    objects: ClassVar[People] = People()
    REQUIRED_FIELDS = ["email"]

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ["username"]

    def __str__(self) -> str:
        return self.full_name or self.username

    # Both follow from the role, so that no second switch can contradict it.
    @property
    def is_staff(self) -> bool:  # type: ignore[override]
        """May open the admin site."""
        return self.role in _ADMIN_SITE_ROLES

    @property
    def is_superuser(self) -> bool:  # type: ignore[override]
        """Platform staff in the public schema; in a clinic nobody is above the rules."""
        return self.role == Role.PLATFORM_STAFF and current_schema() == PUBLIC_SCHEMA

    def get_full_name(self) -> str:
        return self.full_name or self.username

    def get_short_name(self) -> str:
        return self.full_name.split(" ")[0] if self.full_name else self.username


class IdentityProvider(models.Model):
    """The clinic's own sign-in service (OpenID Connect): one a clinic, used while it is switched on.

    People are matched by the provider's subject, the first time by an address that the provider says is verified.
    Nobody is made through it unless `creates_people` is set, and then with `default_role` alone.
    """

    class NewRoles(models.TextChoices):
        CLINICIAN = Role.CLINICIAN.value, _("clinician")
        NURSE = Role.NURSE.value, _("nurse")

    name = models.CharField(_("name"), max_length=60, help_text=_("As the button on the sign-in page says it."))
    issuer = models.URLField(_("issuer"), max_length=300)
    client_id = models.CharField(_("client id"), max_length=300)
    client_secret = EncryptedTextField(_("client secret"), blank=True, default="")
    is_active = models.BooleanField(_("switched on"), default=False)
    second_factor_there = models.BooleanField(
        _("asks for a second factor itself"),
        default=False,
        help_text=_("Where the clinic requires a second factor, signing in through this provider counts as one."),
    )
    creates_people = models.BooleanField(_("makes accounts for people not known here"), default=False)
    default_role = models.CharField(
        _("role of new people"), max_length=20, choices=NewRoles.choices, blank=True, default=""
    )

    class Meta:
        verbose_name = _("identity provider")
        verbose_name_plural = _("identity providers")
        constraints = [
            models.UniqueConstraint(models.Value(1), name="accounts_one_identity_provider"),
            models.CheckConstraint(
                condition=models.Q(creates_people=False) | ~models.Q(default_role=""),
                name="accounts_new_people_have_a_role",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """Names this provider in addresses and links; another issuer's subjects are other people."""
        return f"oidc-{hashlib.sha256(self.issuer.encode()).hexdigest()[:16]}"

    def clean(self) -> None:
        problem = issuer_problem(self.issuer)
        if problem:
            raise ValidationError({"issuer": problem})
        if self.creates_people and not self.default_role:
            raise ValidationError({"default_role": _("New people need a role.")})
