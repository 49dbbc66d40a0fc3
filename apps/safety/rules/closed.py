"""One decorator for the stages of the guard: a stage that fails lets nothing through."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from medassist.common.errors import AnswerWithheld, MedAssistError

P = ParamSpec("P")
R = TypeVar("R")


def fails_closed(stage: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Turns any unexpected exception of a stage into `AnswerWithheld`.

    The original is cut off on purpose: its message may hold patient text (a validation error quotes its input).
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except MedAssistError:
                raise
            except Exception:  # noqa: BLE001 - whatever goes wrong in here, nothing unchecked may leave
                raise AnswerWithheld(f"The {stage} could not finish.") from None

        return run

    return decorate
