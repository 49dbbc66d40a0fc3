"""One error family: what went wrong, as a stable code, for every door to translate once.

A door (API, page, command, task) turns a `MedAssistError` into its own form: the API into an
RFC 9457 problem document, a page into a message, a command into one line with the code. `detail`
and `fields` are shown to callers, so they never carry patient text or secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class MedAssistError(Exception):
    """Base of all expected errors. `retryable` says that the same call may succeed later."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong on our side"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str = "",
        *,
        fields: Mapping[str, str] | None = None,
        retry_after: int | None = None,
        more: Mapping[str, int | None] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.fields: dict[str, str] = dict(fields or {})
        self.retry_after = retry_after
        self.more: dict[str, int | None] = dict(more or {})
        """Further members of the problem document, for example `estimated_wait_s`."""


class InvalidInput(MedAssistError):
    """The input is well-formed but wrong; `fields` maps a dotted path to what is wrong there."""

    code = "invalid_input"
    status = 400
    title = "The input is not valid"


class FhirRefused(MedAssistError):
    """FHIR resources make no case; the door answers with an OperationOutcome that names every entry."""

    code = "fhir_refused"
    status = 422
    title = "These FHIR resources make no case"


class NotJson(MedAssistError):
    code = "not_json"
    status = 400
    title = "The body is not valid JSON"


class UnsupportedMedia(MedAssistError):
    code = "unsupported_media_type"
    status = 415
    title = "The content type is not supported"


class TooLarge(MedAssistError):
    code = "too_large"
    status = 413
    title = "The body is larger than this address accepts"


class NotAuthenticated(MedAssistError):
    code = "not_authenticated"
    status = 401
    title = "Sign in or send a valid API key"


class RecordRestricted(MedAssistError):
    """The case is there, but restricted to named people; who must see it now can say why (break-glass)."""

    code = "record_restricted"
    status = 403
    title = "This case is restricted to named people"


class KeyExpired(NotAuthenticated):
    code = "key_expired"
    title = "This API key has expired"


class KeyRevoked(NotAuthenticated):
    code = "key_revoked"
    title = "This API key has been revoked"


class WrongClinic(MedAssistError):
    """The credential belongs to another clinic than the host name says."""

    code = "wrong_clinic"
    status = 403
    title = "This credential does not belong to this clinic"


class PermissionDenied(MedAssistError):
    code = "permission_denied"
    status = 403
    title = "You do not have the right to do this"


class SecondFactorRequired(MedAssistError):
    code = "second_factor_required"
    status = 403
    title = "The clinic requires a second factor; set one up on the site first"


class NotFound(MedAssistError):
    """Also the answer for what exists in another clinic: the two are indistinguishable."""

    code = "not_found"
    status = 404
    title = "There is nothing at this address"


class IdempotencyConflict(MedAssistError):
    code = "idempotency_conflict"
    status = 409
    title = "This Idempotency-Key was used with another body"


class StateConflict(MedAssistError):
    code = "state_conflict"
    status = 409
    title = "This cannot be done in the present state"


class ActivationRefused(MedAssistError):
    """A version of a model, a prompt or a rule set would lower a bar, or nobody knows; `detail` names it."""

    code = "activation_refused"
    status = 409
    title = "This version may not be activated"


class ClinicNotOpen(StateConflict):
    """The clinic exists but is being set up, closing or closed: nothing may run in it."""

    code = "clinic_not_open"
    title = "This clinic is not open"


class TooManyRequests(MedAssistError):
    code = "too_many_requests"
    status = 429
    title = "Too many requests"
    retryable = True


class QuotaExceeded(TooManyRequests):
    """The day's allowance of the clinic or of one person is used up; `fields` names which."""

    code = "quota_exceeded"
    title = "The allowance for today is used up"


class RateLimited(TooManyRequests):
    """One caller sent more requests within a minute than the clinic allows."""

    code = "rate_limited"
    title = "Too many requests in this minute"


class Unavailable(MedAssistError):
    code = "unavailable"
    status = 503
    title = "The service is not available at the moment"
    retryable = True


class BackboneUnavailable(Unavailable):
    """The model server cannot be reached, is overloaded or failed: infrastructure, not the answer."""

    code = "backbone_unavailable"
    title = "The language model is not available at the moment"


class BackboneTimeout(BackboneUnavailable):
    code = "backbone_timeout"
    title = "The language model did not answer in time"


class BackboneRejected(MedAssistError):
    """The model server refused the request itself (4xx): trying again changes nothing."""

    code = "backbone_rejected"
    status = 502
    title = "The language model refused the request"


class PromptTooLong(BackboneRejected):
    code = "prompt_too_long"
    title = "The case and its evidence do not fit the language model's context"


class BadModelOutput(MedAssistError):
    """The model answered with something that is not what the schema asks for."""

    code = "bad_model_output"
    status = 502
    title = "The language model's answer could not be used"


class CallAborted(MedAssistError):
    """The caller cancelled while the model was thinking."""

    code = "call_aborted"
    status = 409
    title = "The work was cancelled"


class AnswerWithheld(MedAssistError):
    """A guard stage failed or refused: nothing unchecked may leave."""

    code = "answer_withheld"
    status = 502
    title = "The answer was withheld by a safety check"


class DocumentsNotReady(Unavailable):
    code = "documents_not_ready"
    title = "Documents of this case are still being read"


class RetrievalUnavailable(Unavailable):
    code = "retrieval_unavailable"
    title = "The guideline search is not available at the moment"


class MediaOff(StateConflict):
    """Pictures are not switched on here."""

    code = "media_off"
    title = "Pictures are not switched on for this clinic"


class MediaUnavailable(Unavailable):
    """The image server is away, frozen or full: infrastructure, not the request."""

    code = "media_unavailable"
    title = "The image server is not available at the moment"


class MediaFailed(MedAssistError):
    code = "media_failed"
    status = 502
    title = "The image server could not draw this picture"


class MediaTimeout(MediaFailed):
    code = "media_timeout"
    title = "The picture took longer than allowed"


class DeliveryFailed(MedAssistError):
    """A receiver of webhooks did not take a message; `retry_after` says when it is tried again."""

    code = "delivery_failed"
    status = 502
    title = "The receiver did not take the message"


class ReceiverAway(Unavailable):
    code = "receiver_away"
    title = "The receiver does not answer at the moment"


class WebhookOff(NotFound):
    code = "webhook_off"
    title = "The webhook is switched off"


class PreconditionFailed(MedAssistError):
    """A CDS Hooks call without the data that its service needs."""

    code = "precondition_failed"
    status = 412
    title = "The data that this service needs were not sent"


class ConfigurationError(MedAssistError):
    """A setting is missing or wrong; raised while settings are read, so that a process refuses to start."""

    code = "configuration_error"
    title = "The configuration is not valid"
