"""`POST /api/v1/cases/bulk`: many cases, one a line; the answer is a line for each, in the same order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import IO, Any

from django.conf import settings
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.cases import services
from apps.cases.api.documents import BulkLine
from medassist.accounts.access import Actor, Permission, actor_of
from medassist.clinical.parsing import parse_case, parse_json
from medassist.common.errors import InvalidInput, TooLarge
from medassist.common.logs import trace_id
from medassist.jobs.api import idempotency_key, idempotency_parameter, job_document
from medassist.jobs.estimate import with_estimate
from medassist.jobs.selectors import job_views

NDJSON = "application/x-ndjson"
LONGEST_KEY = 190
"""Room for `:` and the number of a line within the 200 characters of a job's key."""


class LinesParser(BaseParser):
    media_type = NDJSON

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Any:
        """(number, line) of every line that is not blank, numbered from 1 with the blank ones; raises `TooLarge`.

        All is read before anything is done, so that a file which is too large leaves nothing half submitted.
        """
        limit, most = settings.MAX_BULK_BYTES, settings.MAX_BULK_LINES
        body: bytes = stream.read(limit + 1)
        if len(body) > limit:
            raise TooLarge(f"A file of cases may have at most {limit} bytes")
        lines = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
        if len(lines) > most:
            raise TooLarge(f"A file of cases may have at most {most} lines")
        return lines


class LinesRenderer(JSONRenderer):
    """Accepts `Accept: application/x-ndjson`; what it renders itself is a problem, the lines are streamed."""

    media_type = NDJSON
    format = "ndjson"


class CasesBulk(APIView):
    required_permission = Permission.CASE_SUBMIT
    parser_classes = [LinesParser]
    renderer_classes = [LinesRenderer, JSONRenderer]

    @extend_schema(
        operation_id="cases_bulk",
        request={NDJSON: OpenApiTypes.STR},
        responses={(200, NDJSON): OpenApiResponse(BulkLine, "One such object a line, in the order of the file.")},
        parameters=[idempotency_parameter("jobs, line by line")],
    )
    def post(self, request: Request) -> StreamingHttpResponse:
        """Takes one case a line, each in a transaction of its own, in the batch lane. A line that is wrong is answered
        with its problem and changes nothing for the others."""
        actor = actor_of(request)
        key = idempotency_key(request, LONGEST_KEY)
        lines: Any = request.data
        if not lines:
            raise InvalidInput("There is no case in the file", fields={"": "send one case a line"})
        return StreamingHttpResponse(self._answers(actor, lines, key), content_type=NDJSON)

    def _answers(self, actor: Actor, lines: list[tuple[int, bytes]], key: str | None) -> Iterator[bytes]:
        # Lines are made while they are sent, when the outermost layer has forgotten the request's name.
        name = trace_id.get()
        return (self._line(actor, number, line, key and f"{key}:{number}", name) for number, line in lines)

    def _line(self, actor: Actor, number: int, line: bytes, key: str | None, name: str) -> bytes:
        token = trace_id.set(name)
        try:
            answer = self._submit(actor, line, key)
        except Exception as error:  # noqa: BLE001  one line's fault is never another's; the handler logs what is ours
            answered = self.get_exception_handler()(error, {"view": self})
            answer = {"status": answered.status_code, "problem": answered.data} if answered is not None else {}
        finally:
            trace_id.reset(token)
        return JSONRenderer().render({"line": number, **answer}) + b"\n"

    def _submit(self, actor: Actor, line: bytes, key: str | None) -> dict[str, Any]:
        if len(line) > settings.MAX_CASE_BYTES:
            raise TooLarge(f"A case may have at most {settings.MAX_CASE_BYTES} bytes")
        # Whatever its triage level: hundreds of emergencies in one file must not stand before the patient who is here
        # now. The floor is in the answer, so nobody waits for the lane to learn of it.
        done = services.request_assessment(
            actor=actor, case=parse_case(parse_json(line)), idempotency_key=key, lane="batch"
        )
        job = job_views([done.job_id])[done.job_id]
        return {
            "status": 202,
            "case": str(done.case_id),
            "job": job_document(with_estimate(job)),
            "triage": done.floor.model_dump(mode="json"),
            "links": {"case": f"/api/v1/cases/{done.case_id}", "job": f"/api/v1/jobs/{done.job_id}"},
        }
