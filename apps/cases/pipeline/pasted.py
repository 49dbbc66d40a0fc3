"""A case out of pasted text: headings go to their fields, numbers to theirs. A clinician confirms every field.

Nothing is left out and nothing is concluded: what no heading claims is history, and numbers stay in the text as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from apps.safety import services as safety
from medassist.clinical.case import LONG_TEXT, CaseInput
from medassist.clinical.parsing import parse_case

MOST_CHARS = LONG_TEXT
_HEADINGS: tuple[tuple[str, str], ...] = (
    ("presenting_complaint",
     r"presenting\s+complaints?|chief\s+complaints?|reason\s+for\s+(?:visit|referral|attendance|admission)|p/?c|cc"),
    ("history", r"(?:history\s+of\s+(?:the\s+)?present(?:ing)?\s+(?:illness|complaint))|hpi|hpc|hopc|history|narrative|background"),
    ("examination", r"(?:physical\s+)?exam(?:ination)?|on\s+examination|o/?e|objective|obs(?:ervations)?|vital\s+signs|vitals|findings"),
    ("labs", r"lab(?:oratory)?(?:\s+(?:results?|values?))?s?|bloods?|results?|investigations|ix"),
    ("medications", r"(?:current\s+|regular\s+|home\s+)?med(?:ication|icine)?s?(?:\s+history)?|drug\s+history|drugs|dhx?|rx"),
    ("allergies", r"allerg(?:y|ies)(?:\s+and\s+intolerances)?|adrs?|intolerances"),
    ("past_history", r"past\s+(?:medical\s+|surgical\s+)?history|p\.?m\.?h(?:x|\.)?|psh|pmshx|comorbidities|known\s+conditions"),
    ("family_history", r"family\s+history|f\.?h(?:x|\.)?"),
    ("social_history", r"social\s+(?:and\s+occupational\s+)?history|s\.?h(?:x|\.)?|social"),
    ("question", r"questions?|what\s+i\s+want\s+to\s+know"),
    ("own_impression", r"(?:my\s+|own\s+|clinical\s+)?impression|working\s+diagnosis|imp"),
)  # fmt: skip
_HEADING = re.compile(
    r"^[ \t]*(?:[-*#]+[ \t]*)?(?:"
    + "|".join(f"(?P<{name}>{words})" for name, words in _HEADINGS)
    + r")[ \t]*[:\-–][ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_LISTS = frozenset({"medications", "allergies", "past_history", "family_history"})
_ITEM = re.compile(r"\s*(?:\n+|;|•|(?<!\d),(?!\d))\s*")
_NONE = re.compile(r"(?:nil|none|no(?:ne)?\s+known|nkda|nka|-|n/a)(?:\s+\w+)?\.?", re.IGNORECASE)
_FIRST = re.compile(r"(?:\d[.,]\d|[^.!?\n])+[.!?]?")
_SEX = (
    ("female", re.compile(r"\b(?:female|woman|lady|girl|f(?=\s*,)|\d+\s*-?\s*(?:y/?o|yo)?\s*f)\b", re.IGNORECASE)),
    ("male", re.compile(r"\b(?:male|man|gentleman|boy|m(?=\s*,)|\d+\s*-?\s*(?:y/?o|yo)?\s*m)\b", re.IGNORECASE)),
)


def case_of(text: str, *, locale: str) -> CaseInput:
    """The case that a pasted text describes. Raises `InvalidInput` for what the contract refuses (an empty text)."""
    fields: dict[str, Any] = {"locale": locale}
    for name, words in _parts(text.replace("\r\n", "\n")):
        if name in _LISTS:
            fields.setdefault(name, []).extend(_items(words, keep_none=name == "allergies"))
        elif words:
            field = "examination" if name == "labs" else name
            fields[field] = f"{fields[field]}\n{words}" if field in fields else words
    if "presenting_complaint" not in fields and (first := _FIRST.match(fields.get("history", "").strip())):
        fields["presenting_complaint"] = first.group().strip()[:2000]
    case = parse_case(fields)
    vitals, age, labs = safety.measured_in(case)
    patient = case.patient.model_copy(update={"age": age, "sex": _sex(text)})
    rows = [{"name": name.replace("_", " ").capitalize(), "value": value, "unit": unit} for name, value, unit in labs]
    data = case.model_dump(mode="json") | {
        "patient": patient.model_dump(mode="json"), "vitals": vitals.model_dump(mode="json"), "labs": rows,
    }  # fmt: skip
    return parse_case(data)


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """(field, words) in order; what stands before the first heading is history."""
    at, name = 0, "history"
    for match in [*_HEADING.finditer(text), None]:
        yield from _ended(name, text[at : match.start() if match else len(text)])
        if match is not None:
            at, name = match.end(), str(match.lastgroup)


def _ended(name: str, words: str) -> Iterator[tuple[str, str]]:
    """A list ends with its line, or below a bare heading with the first blank line; what follows is history again."""
    if name not in _LISTS:
        yield name, words.strip()
        return
    line, _, rest = words.partition("\n")
    if not line.strip():
        line, _, rest = rest.partition("\n\n")
    yield name, line.strip()
    if rest.strip():
        yield "history", rest.strip()


def _items(words: str, *, keep_none: bool) -> list[str]:
    found = [item.strip(" -*•.") for item in _ITEM.split(words)]
    # "None known" is an answer about allergies, and no entry of a list of medicines.
    return [item for item in found if item and (keep_none or not _NONE.fullmatch(item))]


def _sex(text: str) -> str:
    """The patient's sex by the first word that tells it; a text that says both is left to the clinician."""
    opening = text[:300]
    found = [name for name, pattern in _SEX if pattern.search(opening)]
    return found[0] if len(found) == 1 else "unknown"
