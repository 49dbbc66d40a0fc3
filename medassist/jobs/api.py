"""Jobs over the API: where one stands, its live events, its cancellation."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from medassist.accounts.access import Permission, actor_of
from medassist.common.errors import InvalidInput, Unavailable
from medassist.jobs import estimate, selectors, services, usage
from medassist.jobs.schemas import JobView


class JobDocument(serializers.Serializer[JobView]):
    """The public face of a job; `result` is the address of its result once it is done."""

    schema_version = serializers.ChoiceField(choices=["1.0"])
    id = serializers.UUIDField()
    kind = serializers.CharField()
    clinic = serializers.CharField()
    queue = serializers.CharField()
    tier = serializers.ChoiceField(choices=["light", "heavy"])
    mode = serializers.ChoiceField(choices=["batch", "streaming"])
    fence = serializers.IntegerField()
    deadline_at = serializers.DateTimeField()
    idempotency_key = serializers.CharField(allow_null=True)
    trace_id = serializers.CharField()
    references = serializers.DictField(child=serializers.CharField())
    state = serializers.ChoiceField(choices=["queued", "running", "done", "dead", "cancelled"])
    lane = serializers.ChoiceField(choices=["emergency", "interactive", "batch"])
    attempt = serializers.IntegerField()
    step = serializers.CharField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    estimated_wait_s = serializers.IntegerField(allow_null=True)
    links = serializers.DictField(child=serializers.CharField())


_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def idempotency_key(request: Request, most: int = 200) -> str | None:
    """The `Idempotency-Key` of a request, if it has one; raises `InvalidInput` unless it is printable ASCII."""
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    if len(given) > most or not _KEY.fullmatch(given):
        raise InvalidInput(fields={"Idempotency-Key": f"1 to {most} printable ASCII characters without spaces"})
    return str(given)


def idempotency_parameter(same: str = "job") -> OpenApiParameter:
    """The header as the API's description names it; `same`: what the same key gives again."""
    return OpenApiParameter(
        "Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER, description=f"The same key gives the same {same}."
    )  # fmt: skip


def job_document(job: JobView) -> dict[str, Any]:
    """A job as JSON-ready values."""
    address = f"/api/v1/jobs/{job.id}"
    links = {"self": address, "events": f"{address}/events"}
    if not job.finished:
        links["cancel"] = f"{address}/cancel"
    if job.state == "done":
        links["result"] = job.result_address
    return {
        "schema_version": "1.0", "id": str(job.id), "kind": job.kind, "clinic": job.clinic, "queue": job.queue,
        "lane": job.lane, "tier": job.tier, "mode": "streaming" if job.streaming else "batch", "state": job.state,
        "attempt": job.attempt, "fence": job.fence, "deadline_at": job.deadline_at, "step": job.step,
        "reason": job.reason, "idempotency_key": job.idempotency_key, "trace_id": job.trace_id,
        "references": dict(job.references), "created_at": job.created_at, "started_at": job.started_at,
        "finished_at": job.finished_at, "estimated_wait_s": job.estimated_wait_s, "links": links,
    }  # fmt: skip


class JobItem(APIView):
    required_permission = Permission.JOB_READ

    @extend_schema(operation_id="jobs_read", responses=JobDocument)
    def get(self, request: Request, job_id: UUID) -> Response:
        """Where a job stands."""
        job = selectors.job_view(actor=actor_of(request), job_id=job_id)
        return Response(job_document(estimate.with_estimate(job)))


class JobEvents(APIView):
    required_permission = Permission.JOB_READ

    @extend_schema(
        operation_id="jobs_events",
        responses={
            307: OpenApiResponse(description="The address of the event stream (text/event-stream), with a ticket.")
        },
    )
    def get(self, request: Request, job_id: UUID) -> HttpResponse:
        """Leads to the job's live events; `Last-Event-ID` resumes there."""
        address = selectors.events_address(actor=actor_of(request), job_id=job_id)
        if not address:
            raise Unavailable("Live events are not configured here; poll the job instead")
        response = HttpResponseRedirect(address)
        response.status_code = 307
        return response


class JobCancel(APIView):
    required_permission = Permission.CASE_CANCEL

    @extend_schema(operation_id="jobs_cancel", request=None, responses={202: JobDocument})
    def post(self, request: Request, job_id: UUID) -> Response:
        """Cancels the work; a running job ends as soon as its worker lets go."""
        actor = actor_of(request)
        services.cancel(actor=actor, job_id=job_id)
        return Response(job_document(selectors.job_view(actor=actor, job_id=job_id)), status=202)


class UsageDayDocument(serializers.Serializer[Any]):
    day = serializers.DateField()
    calls = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    jobs = serializers.IntegerField()


class UsagePersonDocument(serializers.Serializer[Any]):
    person = serializers.CharField()
    calls = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    jobs = serializers.IntegerField()


class UsageModelDocument(serializers.Serializer[Any]):
    backbone = serializers.CharField()
    model = serializers.CharField()
    adapter = serializers.CharField()
    calls = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()


class QuotaDocument(serializers.Serializer[Any]):
    person = serializers.CharField()
    jobs_per_day = serializers.IntegerField(allow_null=True)
    tokens_per_day = serializers.IntegerField(allow_null=True)
    jobs_left = serializers.IntegerField(allow_null=True)
    tokens_left = serializers.IntegerField(allow_null=True)


class UsageDocument(serializers.Serializer[Any]):
    """What the clinic used, by UTC day, person and model, and what is left of its allowances today."""

    days = UsageDayDocument(many=True)
    people = UsagePersonDocument(many=True)
    models = UsageModelDocument(many=True)
    quotas = QuotaDocument(many=True)


class UsageRead(APIView):
    required_permission = Permission.USAGE_READ

    @extend_schema(
        operation_id="usage_read",
        responses=UsageDocument,
        parameters=[OpenApiParameter("days", OpenApiTypes.INT, description="UTC days, today included (30).")],
    )
    def get(self, request: Request) -> Response:
        """Jobs, calls and tokens of the clinic's last days, and what is left of its quotas today."""
        given = request.query_params.get("days", "30")
        if not re.fullmatch(r"[0-9]{1,3}", given) or not 1 <= int(given) <= usage.MOST_DAYS:
            raise InvalidInput(fields={"days": f"a whole number from 1 to {usage.MOST_DAYS}"})
        return Response(asdict(usage.usage_of(actor=actor_of(request), days=int(given))))
