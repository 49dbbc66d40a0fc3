"""Webhooks over the API: which address is told what, what became of each message, and sending one again."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from medassist.accounts.access import Permission, actor_of
from medassist.clinical.parsing import parse_as
from medassist.common.contracts import ContractBody
from medassist.common.errors import InvalidInput
from medassist.webhooks import services
from medassist.webhooks.catalogue import EVENTS
from medassist.webhooks.schemas import StoredDelivery, StoredWebhook, WebhookChange, WebhookInput

MOST = 200
STATES = ("waiting", "delivered", "dead")


class WebhookBody(ContractBody):
    contract = WebhookInput


class WebhookChangeBody(ContractBody):
    contract = WebhookChange


class WebhookDocument(serializers.Serializer[Any]):
    """A webhook. `off_reason`: failing or gone, when we switched it off. `secret` only in the answer that made it."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    host = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    events = serializers.ListField(child=serializers.CharField())
    active = serializers.BooleanField()
    off_reason = serializers.CharField(allow_blank=True)
    failing_since = serializers.DateTimeField(allow_null=True)
    previous_secret_until = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    links = serializers.DictField(child=serializers.CharField())


class NewWebhookDocument(WebhookDocument):
    """A webhook just made or rotated: `secret` is shown this once."""

    secret = serializers.CharField()


class WebhookList(serializers.Serializer[Any]):
    items = WebhookDocument(many=True)


class DeliveryDocument(serializers.Serializer[Any]):
    """One event on its way to one webhook. `last_problem`: timeout, tls, connection, name_not_found, private_address,
    redirect, refused, address_refused, or nothing. `body` is what was sent."""

    id = serializers.UUIDField()
    webhook = serializers.UUIDField()
    event = serializers.UUIDField()
    type = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    tries = serializers.IntegerField()
    last_try_at = serializers.DateTimeField(allow_null=True)
    last_status = serializers.IntegerField(allow_null=True)
    last_problem = serializers.CharField(allow_blank=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    body = serializers.DictField()
    links = serializers.DictField(child=serializers.CharField())


class DeliveryList(serializers.Serializer[Any]):
    items = DeliveryDocument(many=True)


class EventDocument(serializers.Serializer[Any]):
    type = serializers.CharField()
    what = serializers.CharField()
    carries = serializers.ListField(child=serializers.CharField())


class EventList(serializers.Serializer[Any]):
    items = EventDocument(many=True)


class WebhooksList(APIView):
    required_permission = Permission.WEBHOOK_MANAGE

    @extend_schema(operation_id="webhooks_list", responses=WebhookList)
    def get(self, request: Request) -> Response:
        """The clinic's webhooks, oldest first."""
        return Response({"items": [webhook_document(one) for one in services.webhooks(actor=actor_of(request))]})

    @extend_schema(operation_id="webhooks_add", request=WebhookBody, responses={201: NewWebhookDocument})
    def post(self, request: Request) -> Response:
        """Adds a webhook. Its secret is in this answer and nowhere else."""
        given = parse_as(WebhookInput, request.data, called="webhook")
        made = services.add(actor=actor_of(request), given=given)
        return Response(_with_secret(made), status=201)


class WebhooksItem(APIView):
    required_permission = Permission.WEBHOOK_MANAGE

    @extend_schema(operation_id="webhooks_read", responses=WebhookDocument)
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """One webhook, without its secret."""
        return Response(webhook_document(services.webhook(actor=actor_of(request), webhook_id=webhook_id)))

    @extend_schema(operation_id="webhooks_change", request=WebhookChangeBody, responses=WebhookDocument)
    def patch(self, request: Request, webhook_id: UUID) -> Response:
        """Changes what is given; `active: true` switches on again what was switched off for failing."""
        given = parse_as(WebhookChange, request.data, called="webhook")
        return Response(webhook_document(services.change(actor=actor_of(request), webhook_id=webhook_id, given=given)))

    @extend_schema(operation_id="webhooks_remove", responses={204: None})
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        """Removes a webhook and its list of deliveries."""
        services.remove(actor=actor_of(request), webhook_id=webhook_id)
        return Response(status=204)


class WebhooksRotate(APIView):
    required_permission = Permission.WEBHOOK_MANAGE

    @extend_schema(operation_id="webhooks_rotate", request=None, responses={201: NewWebhookDocument})
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """A new secret; for a day each message carries a signature of both."""
        return Response(_with_secret(services.rotate(actor=actor_of(request), webhook_id=webhook_id)), status=201)


class WebhooksTest(APIView):
    required_permission = Permission.WEBHOOK_MANAGE

    @extend_schema(operation_id="webhooks_test", request=None, responses={202: DeliveryDocument})
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """Sends `webhook.test` to this webhook alone."""
        made = services.send_test(actor=actor_of(request), webhook_id=webhook_id)
        return Response(delivery_document(made), status=202)


class WebhooksEvents(APIView):
    required_permission = Permission.WEBHOOK_MANAGE

    @extend_schema(operation_id="webhooks_events", responses=EventList)
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """What a webhook may be told of."""
        items = [
            {"type": event.name, "what": event.what, "carries": [event.subject, *event.names.values()]}
            for event in EVENTS.values()
        ]
        return Response({"items": items})


class WebhooksDeliveries(APIView):
    required_permission = Permission.WEBHOOK_MANAGE

    @extend_schema(
        operation_id="webhooks_deliveries",
        responses=DeliveryList,
        parameters=[
            OpenApiParameter("state", OpenApiTypes.STR, enum=list(STATES)),
            OpenApiParameter("webhook", OpenApiTypes.UUID),
            OpenApiParameter("limit", OpenApiTypes.INT, description=f"1 to {MOST} (50)."),
        ],
    )
    def get(self, request: Request) -> Response:
        """What was sent in the last 30 days, newest first."""
        given = request.query_params
        state, limit, webhook = given.get("state", ""), given.get("limit", "50"), given.get("webhook")
        if state and state not in STATES:
            raise InvalidInput(fields={"state": f"one of {', '.join(STATES)}"})
        if not re.fullmatch(r"[0-9]{1,3}", limit) or not 1 <= int(limit) <= MOST:
            raise InvalidInput(fields={"limit": f"a whole number from 1 to {MOST}"})
        try:
            webhook_id = UUID(webhook) if webhook else None
        except ValueError:
            raise InvalidInput(fields={"webhook": "the id of a webhook"}) from None
        found = services.deliveries(actor=actor_of(request), webhook_id=webhook_id, state=state, limit=int(limit))
        return Response({"items": [delivery_document(one) for one in found]})


class WebhooksDelivery(APIView):
    required_permission = Permission.WEBHOOK_MANAGE

    @extend_schema(operation_id="webhooks_delivery", responses=DeliveryDocument)
    def get(self, request: Request, delivery_id: UUID) -> Response:
        """One message and what became of it."""
        return Response(delivery_document(services.delivery(actor=actor_of(request), delivery_id=delivery_id)))


class WebhooksRedeliver(APIView):
    required_permission = Permission.WEBHOOK_MANAGE

    @extend_schema(operation_id="webhooks_redeliver", request=None, responses={202: DeliveryDocument})
    def post(self, request: Request, delivery_id: UUID) -> Response:
        """Sends a message again, with the id that it had."""
        again = services.redeliver(actor=actor_of(request), delivery_id=delivery_id)
        return Response(delivery_document(again), status=202)


def webhook_document(hook: StoredWebhook) -> dict[str, Any]:
    here = f"/api/v1/webhooks/{hook.id}"
    links = {"self": here, "deliveries": f"/api/v1/webhooks/deliveries?webhook={hook.id}"}
    return {**hook.model_dump(exclude={"secret"}), "links": links}


def _with_secret(hook: StoredWebhook) -> dict[str, Any]:
    return {**webhook_document(hook), "secret": hook.secret}


def delivery_document(sent: StoredDelivery) -> dict[str, Any]:
    here = f"/api/v1/webhooks/deliveries/{sent.id}"
    return {**sent.model_dump(), "links": {"self": here, "redeliver": f"{here}/redeliver"}}
