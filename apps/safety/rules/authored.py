"""Texts that only people write: escalation advice per level and language, and the disclaimers."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from typing import Any

from medassist.clinical.assessment import Escalation
from medassist.clinical.case import Audience
from medassist.clinical.triage import TriageLevel

FALLBACK = "en"


@lru_cache(maxsize=1)
def _texts() -> dict[str, Any]:
    path = resources.files("apps.safety.rules").joinpath("data/escalation.json")
    texts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return texts


def escalation(
    *, level: TriageLevel, locale: str, emergency_number: str, audience: Audience = "clinician"
) -> Escalation:
    """The authored advice for a level. A language without its own text gets the English one, and says so in `locale`."""
    texts = _texts()
    language = _language(locale, texts["texts"])
    authored = texts["texts"][language][audience][level]
    return Escalation(
        level=level,
        title=authored["title"],
        text=authored["text"].format(number=emergency_number),
        locale=language,
        template_version=texts["version"],
    )


def disclaimers(*, locale: str, audience: Audience, language_model: bool) -> tuple[str, ...]:
    """What every answer says about itself."""
    texts = _texts()["disclaimers"]
    authored = texts[_language(locale, texts)]
    return (*authored[audience], authored["language_model" if language_model else "not_a_language_model"])


def _language(locale: str, texts: dict[str, Any]) -> str:
    language = locale.split("-", maxsplit=1)[0]
    return language if language in texts else FALLBACK
