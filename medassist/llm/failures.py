"""Maps what the openai client and its transport raise to the project's one error family.

A server's own words may repeat the prompt, so they never reach a message of ours.
"""

from __future__ import annotations

import math

import httpx2
import openai

from medassist.common.errors import (
    BackboneRejected,
    BackboneTimeout,
    BackboneUnavailable,
    BadModelOutput,
    MedAssistError,
    PromptTooLong,
)
from medassist.llm.schemas import ChatResult

MAX_RETRY_AFTER_S = 3600
ADAPTER_RETRY_S = 10


class AdapterMissing(BackboneUnavailable):
    """The server is there and does not serve the adapter: loading it is the operator's, waiting is the job's."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, retry_after=ADAPTER_RETRY_S)


class UnusableAnswer(BadModelOutput):
    """An answer that was given, and paid for, but cannot be used; `result` says by whom and with how many tokens."""

    def __init__(self, detail: str, *, result: ChatResult) -> None:
        super().__init__(detail)
        self.result = result


_TOO_LONG = ("maximum context length", "context_length_exceeded", "maximum model length", "longer than the maximum")


def translate(error: Exception) -> MedAssistError:
    """The error to raise instead of `error`."""
    if isinstance(error, MedAssistError):
        return error
    if isinstance(error, openai.APIStatusError):
        return _by_status(error)
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException | TimeoutError):
        return _timeout(error)
    if isinstance(error, openai.APIConnectionError | httpx2.HTTPError | OSError):
        return BackboneUnavailable("The language model's server cannot be reached.")
    if isinstance(error, openai.APIResponseValidationError | ValueError):
        return BadModelOutput("The language model's server sent something that is not a chat answer.")
    if isinstance(error, openai.APIError):
        # An error object inside a stream that began with 200: the server died or gave up half-way.
        return _by_words(error) or BackboneUnavailable("The language model's server failed while it answered.")
    return BackboneUnavailable("The call to the language model failed.")


def _by_status(error: openai.APIStatusError) -> MedAssistError:
    status = error.status_code
    if status == 408:
        return BackboneTimeout()
    # A redirect is a proxy or a login page in the way: the server behind it may be fine again soon.
    if status == 429 or status >= 500 or status < 400:
        return BackboneUnavailable(
            f"The language model's server answered {status}.",
            retry_after=retry_after(error.response.headers.get("retry-after")),
        )
    return _by_words(error) or BackboneRejected(f"The language model's server refused the request ({status}).")


def _by_words(error: openai.APIError) -> PromptTooLong | None:
    said = f"{error.code or ''} {error.message} {error.body or ''}".lower()
    return PromptTooLong() if any(words in said for words in _TOO_LONG) else None


def _timeout(error: Exception) -> BackboneUnavailable:
    cause = error.__cause__ if isinstance(error, openai.APITimeoutError) else error
    if isinstance(cause, httpx2.ConnectTimeout):
        return BackboneUnavailable("The language model's server cannot be reached.")
    return BackboneTimeout()


def retry_after(value: str | None) -> int | None:
    """Whole seconds of a Retry-After header; dates and nonsense count as not given."""
    try:
        seconds = float(value) if value else None
    except ValueError:
        return None
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return None
    return min(math.ceil(seconds), MAX_RETRY_AFTER_S)
