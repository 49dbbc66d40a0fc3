"""API keys over the API: a clinic's administrator lists, makes, rotates and ends them; a key reads and rotates itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from django.db import connection
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel, ConfigDict, Field
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from medassist.accounts.access import SCOPES, Permission, actor_of
from medassist.accounts.schemas import IssuedKey
from medassist.accounts.services import LONGEST_OVERLAP, issue_api_key, revoke_api_key, rotate_api_key
from medassist.clinical.parsing import parse_as
from medassist.common.contracts import ContractBody
from medassist.common.errors import InvalidInput, NotFound, PermissionDenied
from medassist.tenancy import selectors as tenancy
from medassist.tenancy.context import current_schema
from medassist.tenancy.schemas import StoredKey
from medassist.web.limits import use_of

MOST_DAYS = 92
OVERLAP_S = 86_400


_Scope = Annotated[str, Field(json_schema_extra={"enum": [*sorted(scope.code for scope in SCOPES)]})]


class KeyInput(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=100, description="Which system uses it.")
    scopes: tuple[_Scope, ...] = Field(min_length=1, max_length=len(SCOPES))
    days: int = Field(default=365, ge=1, le=3650, description="Days until it expires.")


class RotationInput(BaseModel):
    """How long the secret before works on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    overlap_seconds: int = Field(default=OVERLAP_S, ge=0, le=int(LONGEST_OVERLAP.total_seconds()))


class KeyBody(ContractBody):
    contract = KeyInput


class RotationBody(ContractBody):
    contract = RotationInput


class KeyDocument(serializers.Serializer[Any]):
    """A key without its secret. `state`: works, revoked or expired."""

    prefix = serializers.CharField()
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    state = serializers.ChoiceField(choices=["active", "revoked", "expired"])
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    previous_secret_until = serializers.DateTimeField(allow_null=True)
    links = serializers.DictField(child=serializers.CharField())


class KeyList(serializers.Serializer[Any]):
    items = KeyDocument(many=True)
    scopes = serializers.ListField(child=serializers.CharField())


class IssuedKeyDocument(serializers.Serializer[Any]):
    """A key just made or rotated. `key` is shown this once and stored nowhere."""

    key = serializers.CharField()
    prefix = serializers.CharField()
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)
    previous_secret_until = serializers.DateTimeField(allow_null=True)


class KeyDayDocument(serializers.Serializer[Any]):
    day = serializers.DateField()
    requests = serializers.IntegerField()
    refused = serializers.IntegerField()
    jobs = serializers.IntegerField()


class KeyUsageDocument(serializers.Serializer[Any]):
    """What a key did by UTC day, newest first; `refused` of its requests were beyond the rate."""

    prefix = serializers.CharField()
    days = KeyDayDocument(many=True)


class KeyItself(BasePermission):
    """For a key that works, whatever its scopes; nobody else."""

    def has_permission(self, request: Request, view: Any) -> bool:  # noqa: ARG002
        if actor_of(request).kind != "api_key":
            raise PermissionDenied("Only an API key has a key of its own")
        return True


class KeysList(APIView):
    required_permission = Permission.KEY_MANAGE

    @extend_schema(operation_id="keys_list", responses=KeyList)
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """The clinic's keys, newest first, and the scopes that a key may have."""
        found = [key_document(key) for key in tenancy.keys_of(current_schema())]
        return Response({"items": found, "scopes": sorted(scope.code for scope in SCOPES)})

    @extend_schema(operation_id="keys_issue", request=KeyBody, responses={201: IssuedKeyDocument})
    def post(self, request: Request) -> Response:
        """Makes a key. Its text is in this answer and nowhere else."""
        given = parse_as(KeyInput, request.data, called="key")
        known = {scope.code: scope for scope in SCOPES}
        if wrong := {f"scopes.{place}": "not a scope" for place, code in enumerate(given.scopes) if code not in known}:
            raise InvalidInput("A key cannot have these scopes", fields=wrong)
        issued = issue_api_key(
            clinic=current_schema(), name=given.name, scopes={known[code] for code in given.scopes},
            expires_at=timezone.now() + timedelta(days=given.days), by=actor_of(request),
        )  # fmt: skip
        return _issued(issued, status=201)


class KeysItem(APIView):
    required_permission = Permission.KEY_MANAGE

    @extend_schema(operation_id="keys_read", responses=KeyDocument)
    def get(self, request: Request, prefix: str) -> Response:  # noqa: ARG002
        """One key, without its secret."""
        return Response(key_document(_key(prefix)))

    @extend_schema(operation_id="keys_revoke", responses={204: None})
    def delete(self, request: Request, prefix: str) -> Response:
        """Ends a key with its next request; it never comes back."""
        revoke_api_key(clinic=current_schema(), prefix=prefix, by=actor_of(request))
        return Response(status=204)


class KeysRotate(APIView):
    required_permission = Permission.KEY_MANAGE

    @extend_schema(operation_id="keys_rotate", request=RotationBody, responses={201: IssuedKeyDocument})
    def post(self, request: Request, prefix: str) -> Response:
        """A new secret for a key; the one before works on for `overlap_seconds` (a day)."""
        return _rotated(request, prefix)


class KeysUsage(APIView):
    required_permission = (Permission.KEY_MANAGE, Permission.USAGE_READ)

    @extend_schema(
        operation_id="keys_usage",
        responses=KeyUsageDocument,
        parameters=[OpenApiParameter("days", OpenApiTypes.INT, description="UTC days, today included (30).")],
    )
    def get(self, request: Request, prefix: str) -> Response:
        """Requests and jobs of a key by day."""
        return Response(usage_document(_key(prefix), days=_days(request)))


class KeysCurrent(APIView):
    permission_classes = [KeyItself]

    @extend_schema(operation_id="keys_current", responses=KeyDocument)
    def get(self, request: Request) -> Response:
        """The key that asks: its scopes, when it expires, whether the secret before still works."""
        return Response(key_document(_key(actor_of(request).id)))


class KeysCurrentRotate(APIView):
    permission_classes = [KeyItself]

    @extend_schema(operation_id="keys_current_rotate", request=RotationBody, responses={201: IssuedKeyDocument})
    def post(self, request: Request) -> Response:
        """A new secret for the key that asks. Its scopes and its expiry stay."""
        return _rotated(request, actor_of(request).id)


def _rotated(request: Request, prefix: str) -> Response:
    given = parse_as(RotationInput, request.data or {}, called="rotation")
    overlap = timedelta(seconds=given.overlap_seconds)
    return _issued(
        rotate_api_key(clinic=current_schema(), prefix=prefix, overlap=overlap, by=actor_of(request)), status=201
    )


def _issued(issued: IssuedKey, *, status: int) -> Response:
    stored = _key(issued.prefix)
    return Response(
        {
            "key": issued.key, "prefix": issued.prefix, "name": issued.name, "scopes": list(issued.scopes),
            "expires_at": issued.expires_at, "previous_secret_until": stored.previous_until,
        },
        status=status,
    )  # fmt: skip


def _key(prefix: str) -> StoredKey:
    found = tenancy.key_by_prefix(prefix) if re.fullmatch(r"[0-9a-f]{12}", prefix) else None
    if found is None or found.clinic != current_schema():
        raise NotFound
    return found


def _days(request: Request) -> int:
    given = request.query_params.get("days", "30")
    if not re.fullmatch(r"[0-9]{1,3}", given) or not 1 <= int(given) <= MOST_DAYS:
        raise InvalidInput(fields={"days": f"a whole number from 1 to {MOST_DAYS}"})
    return int(given)


def state_of(key: StoredKey) -> str:
    """active, revoked or expired."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= timezone.now() else "active"


def key_document(key: StoredKey) -> dict[str, Any]:
    here = f"/api/v1/keys/{key.prefix}"
    overlap = key.previous_until if key.previous_until and key.previous_until > timezone.now() else None
    return {
        "prefix": key.prefix, "name": key.name, "scopes": list(key.scopes), "state": state_of(key),
        "expires_at": key.expires_at, "revoked_at": key.revoked_at, "last_used_at": key.last_used_at,
        "previous_secret_until": overlap, "links": {"self": here, "usage": f"{here}/usage"},
    }  # fmt: skip


_JOBS = """
SELECT submitted_by, (created_at AT TIME ZONE 'UTC')::date, count(*) FROM jobs_job
WHERE clinic = %s AND submitted_by = ANY(%s) AND created_at >= %s GROUP BY 1, 2
"""


def usage_document(key: StoredKey, *, days: int) -> dict[str, Any]:
    """Requests from the counters, jobs from the ledger; days without any are left out."""
    return {"prefix": key.prefix, "days": usage_of_keys([key], days=days)[key.prefix]}


def usage_of_keys(keys: Iterable[StoredKey], *, days: int) -> dict[str, list[dict[str, Any]]]:
    """prefix -> its days, newest first. The keys are of one clinic, and that clinic is entered."""
    prefixes = [key.prefix for key in keys]
    by_day: dict[str, dict[Any, dict[str, Any]]] = {prefix: {} for prefix in prefixes}
    empty: dict[str, int] = {"requests": 0, "refused": 0, "jobs": 0}
    for (prefix, day), (requests, refused) in use_of(prefixes, days=days).items():
        by_day[prefix][day] = {**empty, "requests": requests, "refused": refused}
    since = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    with connection.cursor() as cursor:
        cursor.execute(_JOBS, [current_schema(), [f"api_key:{prefix}" for prefix in prefixes], since])
        for who, day, jobs in cursor.fetchall():
            by_day[who.removeprefix("api_key:")].setdefault(day, dict(empty))["jobs"] = jobs
    return {
        prefix: [{"day": day, **found[day]} for day in sorted(found, reverse=True)] for prefix, found in by_day.items()
    }
