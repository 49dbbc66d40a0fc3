"""`cds-services`: CDS Hooks 2.0. Discovery is open; calls and feedback need the EHR's signed token or an API key."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.interop.rules import cds
from apps.interop.services import hooks
from apps.interop.services.trust import actor_of_token
from medassist.accounts.access import KeyHolder, Permission, actor_of
from medassist.accounts.authentication import ApiKeyAuthentication
from medassist.clinical.parsing import parse_as
from medassist.common.contracts import ContractBody
from medassist.tenancy.keys import sent_credential

ALLOWED = "authorization, content-type"


class CdsTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer` with a JWT of an EHR that the clinic trusts."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, None] | None:
        token = sent_credential(request._request)
        if token is None or token.count(".") != 2:
            return None
        return KeyHolder(actor_of_token(token, audience=request.build_absolute_uri(request.path))), None

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        return "Bearer"


class CdsTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = CdsTokenAuthentication
    name = "CdsHooksToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:  # noqa: ARG002
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A CDS Hooks token, signed by the EHR.",
        }


class HookBody(ContractBody):
    contract = cds.HookCall


class FeedbackBody(ContractBody):
    contract = cds.Feedback


class ServiceDocument(serializers.Serializer[Any]):
    id = serializers.CharField()
    hook = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    prefetch = serializers.DictField(child=serializers.CharField())


class DiscoveryDocument(serializers.Serializer[Any]):
    services = ServiceDocument(many=True)


class CardsDocument(ContractBody):
    contract = cds.Cards


class _Cds(APIView):
    authentication_classes = [CdsTokenAuthentication, ApiKeyAuthentication]
    methods = "POST"

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        # Any origin may ask: a browser sends no cookie here, and without a token there is nothing to read.
        response["Access-Control-Allow-Origin"] = "*"
        if request.method == "OPTIONS":
            response["Access-Control-Allow-Methods"] = f"{self.methods}, OPTIONS"
            response["Access-Control-Allow-Headers"] = ALLOWED
            response["Access-Control-Max-Age"] = "600"
        return super().finalize_response(request, response, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method != "OPTIONS":
            super().initial(request, *args, **kwargs)

    @extend_schema(exclude=True)
    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        """A browser asks before it calls; that question carries no token."""
        return Response(status=204)


class CdsServices(_Cds):
    authentication_classes = []
    permission_classes = []
    methods = "GET"

    @extend_schema(operation_id="cds_services", responses=DiscoveryDocument, auth=[])
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """CDS Hooks discovery: which hooks are answered, and what they need to be sent."""
        return Response(cds.discovery())


class CdsService(_Cds):
    required_permission = Permission.CASE_SUBMIT

    @extend_schema(
        operation_id="cds_call",
        request=HookBody,
        responses={200: CardsDocument, 412: OpenApiResponse(OpenApiTypes.OBJECT, "The patient was not sent.")},
    )
    def post(self, request: Request, service: str) -> Response:
        """Warning signs at once, by rules alone; the analysis is queued and shown at the next call."""
        hooks.require_service(service)
        call = parse_as(cds.HookCall, request.data, called="call")
        made = hooks.cards(actor=actor_of(request), service=service, call=call, site=site_of(request._request))
        return Response({"cards": made})


class CdsServiceFeedback(_Cds):
    required_permission = Permission.CASE_SUBMIT

    @extend_schema(operation_id="cds_feedback", request=FeedbackBody, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, service: str) -> Response:
        """What a clinician did with cards; feeds the evaluation."""
        hooks.require_service(service)
        given = parse_as(cds.Feedback, request.data, called="feedback")
        hooks.keep_feedback(actor=actor_of(request), service=service, given=given)
        return Response({})


def site_of(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")
