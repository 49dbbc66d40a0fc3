"""Details of a restatement beyond dose and frequency: year, hour, weekday, how many times, which eye, by which device.

A detail other than the one that the record gives makes a restatement differ from it as surely as another dose does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from apps.safety.rules.guard.quantities import number

_DAYS = {"mon": "mon", "tue": "tue", "wed": "wed", "thu": "thu", "fri": "fri", "sat": "sat", "sun": "sun"}
_PATTERN = re.compile(
    r"\b(?:in|since|from|until|of|during|stopped|started|began|ended)\s+(?:\w+\s+)?(?P<year>(?:19|20)\d\d)\b"
    r"|\b(?P<hour>[01]?\d|2[0-3])[:h](?P<minute>[0-5]\d)\b(?!\s*(?:mg|mcg|g|ml|l|units?|mmol|%|cm|kg|kpa)\b)"
    r"|(?<![\d/])\b(?P<military>(?!(?:19|20)\d\d\b(?!\s*h))(?:[01]\d|2[0-3])[0-5]\d)\b(?=\s*(?:h\b|hrs?\b|,|\)|;|$|(?:[01]\d|2[0-3])[0-5]\d\b))"
    r"|\b(?P<twelve>1[0-2]|[1-9])(?:[:.](?P<twelfth>[0-5]\d))?\s?(?P<half>am|pm)\b"
    r"|\b(?P<day>(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:days?)?)\b"
    r"|\bx\s?(?P<times>\d{1,2})\b(?!\s*(?:/|\d|mg|mcg|g\b|ml|days?|d\b|weeks?|months?|cm))"
    r"|\b(?P<said>two|three|four|five|six|seven|eight|nine|ten|\d{1,2})\s+(?:times|doses|shocks)\b(?!\s*(?:a|per|each|every|daily|weekly|in\s+24|the|higher|more|as)\b)"
    r"|(?<![\w./])(?P<strength>\d{1,3}(?:\.\d+)?(?:/\d{1,3}(?:\.\d+)?){1,2}|\d{1,2}-\d{1,2}(?=\s?mg))(?![\w/])"
    r"|\b(?:day\s?|d)(?P<of>\d{1,2}\s?(?:of(?:\s+an?)?|/)\s?\d{1,2})\b"
    r"|\b(?P<ratio>1:\d{1,3})\b(?!\s*(?:am|pm))"
    r"|\b(?P<side>right|left|both|each|re|le|ou)(?:\s+(?P<organ>eyes?|ears?|nostrils?))?\b"
    r"|\b(?P<device>spacer|nebuli[sz]er|nebuli[sz]ed|nebs?|film|driver)\b"
)


@dataclass(frozen=True, slots=True)
class Particular:
    start: int
    fact: str


@lru_cache(maxsize=64)
def particulars(text: str) -> tuple[Particular, ...]:
    """The details in a cleaned text, left to right."""
    found = (_read(match) for match in _PATTERN.finditer(text))
    return tuple(item for item in found if item is not None)


def _read(match: re.Match[str]) -> Particular | None:
    start = match.start()
    if match["year"]:
        return Particular(start, f"year:{match['year']}")
    if match["hour"]:
        return Particular(start, f"clock:{int(match['hour'])}:{match['minute']}")
    if match["military"]:
        return Particular(start, f"clock:{int(match['military'][:2])}:{match['military'][2:]}")
    if match["twelve"]:
        hour = int(match["twelve"]) % 12 + (12 if match["half"] == "pm" else 0)
        return Particular(start, f"clock:{hour}:{match['twelfth'] or '00'}")
    if match["day"]:
        return Particular(start, f"day:{_DAYS[match['day'][:3]]}")
    if count := match["times"] or match["said"]:
        return Particular(start, f"times:{number(count):g}")
    if match["ratio"]:
        return Particular(start, f"ratio:{match['ratio']}")
    if match["of"]:
        return Particular(start, "dayof:" + "/".join(re.findall(r"\d+", match["of"])))
    if match["strength"]:
        return Particular(start, f"strength:{match['strength']}")
    if match["device"]:
        device = match["device"]
        return Particular(start, f"device:{'nebuliser' if device.startswith('neb') else device}")
    return _side(match)


def _side(match: re.Match[str]) -> Particular | None:
    side = match["side"]
    if side in {"re", "le", "ou"}:
        sides = {"re": "right", "le": "left", "ou": "both"}
        return Particular(match.start(), f"side:{sides[side]}") if side == "ou" else None
    if not match["organ"]:
        return None
    return Particular(match.start(), f"side:{'both' if side in {'both', 'each'} else side}")


def contradicts(fact: str, held: set[str]) -> bool:
    """True when the record gives this kind of detail for the medicine, and another one."""
    kind = fact.split(":", 1)[0] + ":"
    return fact not in held and any(other.startswith(kind) for other in held)
