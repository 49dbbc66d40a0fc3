"""Amounts, rates, frequencies and durations in a cleaned text, normalised so that equal ones compare equal.

Masses in micrograms, volumes in millilitres, activity in units, amounts of substance in millimoles,
dose forms by their own name; frequencies as the interval in hours plus words such as "night", "prn".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from apps.safety.rules.guard.units import (
    FOREIGN_NUMBERS,
    FORM_WORDS,
    FRACTIONS,
    NUMBER,
    PATTERN,
    ROMAN,
    UNIT_SCALE,
    WORD_NUMBERS,
)

QuantityKind = Literal["Q", "F", "K", "D", "V", "#"]
"""Q dose with a unit, F count of dose forms, K frequency, D duration, V measured value, # bare number."""


@dataclass(frozen=True, slots=True)
class Quantity:
    start: int
    end: int
    kind: QuantityKind
    facts: frozenset[str]
    """Normalised facts, e.g. {"mass:500000"}, {"every:12"}, {"form:tablet:2"}; equal facts mean the same thing."""
    unit: str = ""
    text: str = ""


def number(text: str) -> float | None:
    """The value of a number in digits, words, fractions or Roman numerals; None when it is none."""
    text = text.strip().lower()
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", text):
        return float(text.replace(",", ""))
    if re.fullmatch(r"\d*[.,]?\d+", text):
        return float(text.replace(",", "."))
    if fraction := re.fullmatch(r"(\d+(?:\.\d+)?)\s?/\s?(\d+)", text):
        return float(fraction[1]) / float(fraction[2]) if float(fraction[2]) else None
    if text in ROMAN:
        return float(ROMAN[text])
    if text in {"a", "an", "another", "extra"}:
        return 1.0
    if text.startswith(("a couple", "couple")) or text in {"both", "double"}:
        return 2.0
    if text.startswith("half"):
        return 0.5
    return FOREIGN_NUMBERS.get(text, _spoken(re.findall(r"[a-z]+", text)))


def _spoken(words: list[str]) -> float | None:
    total, current, seen, decimals = 0.0, 0.0, False, ""
    after_point = False
    for word in words:
        if word in {"and", "a"}:
            continue
        if word == "point":
            after_point, seen = True, True
        elif after_point and word in WORD_NUMBERS:
            decimals += str(int(WORD_NUMBERS[word]))
        elif word in WORD_NUMBERS:
            current, seen = current + WORD_NUMBERS[word], True
        elif word in {"hundred", "thousand", "million"}:
            scale = {"hundred": 100.0, "thousand": 1e3, "million": 1e6}[word]
            current, seen = (current or 1.0) * scale, True
            if scale > 100:
                total, current = total + current, 0.0
        elif word in FRACTIONS:
            current, seen = current + FRACTIONS[word], True
        else:
            return None
    return total + current + (float(f"0.{decimals}") if decimals else 0.0) if seen else None


_NUMBER_RE = re.compile(NUMBER)


def _numbers(text: str) -> list[float]:
    values = [number(m.group()) for m in _NUMBER_RE.finditer(text)]
    return [value for value in values if value is not None]


def _say(value: float) -> str:
    return f"{value:.6g}"


_INTERVALS = (
    (r"q\.?o\.?d|every other day|alt(?:ernate)? (?:days?|nights?)|every second day", 48.0),
    (
        r"o\.?d\.?|q\.?d\.?|qday|q\s?daily|(?:once )?daily|once (?:a|per|each|every) day|"
        r"once daily|a day|per day|every day|each day|al dia",
        24.0,
    ),
    (r"b\.?i\.?d\.?|b\.?d\.?s?|twice.*(?:day|daily)|morning and (?:night|evening)", 12.0),
    (r"t\.?i\.?d\.?|t\.?d\.?s\.?|thrice.*", 8.0),
    (r"q\.?i\.?d\.?|q\.?d\.?s\.?", 6.0),
    (r"hourly", 1.0),
    (r"(?:once )?weekly|wkly|once (?:a|per|every) week|per week|every week|(?:every|each) \w+days?", 168.0),
    (r"twice.*week(?:ly)?", 84.0),
    (r"(?:once )?monthly|once (?:a|per) month|every month", 720.0),
    (r"fortnightly|every (?:2|two) weeks", 336.0),
)
_MOMENTS = (
    ("night", r"nights|nocte|\bqn\b|night|bed|q\.?h\.?s|\bhs\b|qpm|noche|raat|sone se"),
    ("morning", r"\bam\b|waking|mane|morning|\bom\b|qam|breakfast|subah|manana"),
    ("evening", r"\bpm\b|evening|sham|shaam|dinner"),
    ("prn", r"p\.?r\.?n|needed|required|necessary|\bsos\b"),
    ("stat", r"\bstat\b|one off|once only|once and only"),
    ("meals", r"meal|food|\bac\b|\bpc\b|lunch"),
)


_DAYPARTS = re.compile(r"(\d)\s?[-+]\s?(\d)\s?[-+]\s?(\d)(?:\s?[-+]\s?(\d))?")


def _by_daypart(counts: list[float]) -> frozenset[str]:
    """ "1-0-1": morning, noon, evening and night, as a continental or South Asian slip writes it."""
    given = [count for count in counts if count]
    if len(set(given)) != 1:
        return frozenset({f"parts:{'-'.join(map(_say, counts))}"})
    count = set() if given[0] == 1 else {f"form:tablet:{_say(given[0])}"}
    if len(given) == 1:
        moment = ("morning", "noon", "night", "night")[counts.index(given[0])]
        return frozenset({moment, *count})
    return frozenset({f"every:{_say(24 / len(given))}", *count})


def _frequency(text: str) -> frozenset[str]:
    if re.fullmatch(r"(?:in the )?morning and (?:at )?(?:night|evening)", text.strip()):
        return frozenset({"every:12"})
    if every := re.fullmatch(r"c/\s?(\d{1,2})\s?h", text.strip()):
        return frozenset({f"every:{_say(float(every[1]))}"})
    if often := re.fullmatch(r"(once|one|twice|two|\d)\s?/\s?(?:day|d)", text.strip()):
        times = {"once": 1, "one": 1, "twice": 2, "two": 2}.get(often[1]) or int(often[1])
        return frozenset({f"every:{_say(24 / times)}"})
    if text.strip() in {"once", "twice", "thrice"}:
        return frozenset({f"times:{('once', 'twice', 'thrice').index(text.strip()) + 1}"})
    if months := re.fullmatch(r"(\d{1,2})/12ly", text.strip()):
        return frozenset({f"every:{_say(720 * float(months[1]))}"})
    if dayparts := _DAYPARTS.fullmatch(text.strip()):
        return _by_daypart([float(part or 0) for part in dayparts.groups()])
    text = re.sub(r"[\s-]+", " ", text.strip())
    facts = {name for name, pattern in _MOMENTS if re.search(pattern, text)}
    interval = next((hours for pattern, hours in _INTERVALS if re.fullmatch(pattern, text)), None)
    if interval is None and (clock := re.fullmatch(r"(\d{1,2})\s*/\s*24", text)):
        interval = float(clock[1])
    if interval is None:
        interval = _counted_interval(text)
    if interval is not None and not (interval == 24 and facts & {"night", "morning", "evening"}):
        facts.add(f"every:{_say(interval)}")
    elif not facts and re.fullmatch(
        r"nightly|each night|every night|(?:each|every) (?:morning|evening)|once nightly|"
        r"nocte|mane|qn|om|q\.?h\.?s\.?|at (?:night|bed ?time)|in the (?:morning|evening)",
        text,
    ):
        facts.add("every:24")
    return frozenset(facts or {f"freq:{text}"})


def _counted_interval(text: str) -> float | None:
    values = _numbers(text) or [v for word in text.split() if (v := FOREIGN_NUMBERS.get(word))]
    if not values:
        return None
    if re.search(r"times|\bx\b|\dx|veces|baar|\bbar\b|fois|dafa", text):
        period = 168.0 if "week" in text else 24.0
        return period / values[0] if values[0] else None
    scale = (
        1 / 60
        if "min" in text
        else 24.0
        if re.search(r"day|dias|\d\s?d\b", text)
        else 168.0
        if re.search(r"week|\dw", text)
        else 720.0
        if "month" in text
        else 1.0
    )
    return values[0] * scale if len(values) == 1 else None


def _amount(match: re.Match[str]) -> frozenset[str]:
    if match["article"]:
        dimension, scale = UNIT_SCALE[match["whole"]]
        values = [0.5 if match["article"].startswith("half") else 1.0]
    else:
        dimension, scale = UNIT_SCALE[match["unit"]]
        values = _numbers(match["dose"][: match.start("unit") - match.start("dose")])
    per = re.sub(r"\ba(?=\s)|\s+|per|each|every", "", match["per"] or match["share"] or "")
    per = (
        re.sub(r"(?<=/)?hours?|hrs?", "h", per)
        .replace("minutes", "min")
        .replace("minute", "min")
        .replace("days", "d")
        .replace("day", "d")
        .strip("/")
    )
    joined = "-".join(_say(value * scale) for value in values)
    parts = [part for part in per.split("/") if part]
    # "75 mg a day" and "75 mg daily" are the same statement.
    daily = {"every:24"} if parts and parts[-1] in {"d", "24h"} else set()
    rate = "/".join(parts[:-1] if daily else parts)
    return frozenset({f"{dimension}:{joined}" + (f"/{rate}" if rate else ""), *daily})


def _form(match: re.Match[str]) -> frozenset[str]:
    word = match["formword"]
    name = next(form for form, pattern in FORM_WORDS.items() if re.fullmatch(pattern, word))
    head = match["form"][: match.start("formword") - match.start("form")]
    values = [value for part in re.split(r"\b(?:or|to|more|extra)\b|-", head) if (value := number(part)) is not None]
    return frozenset({f"form:{name}:{'-'.join(map(_say, values)) or head.strip()}"})


def _plain(match: re.Match[str]) -> frozenset[str]:
    values = _numbers(match.group()) or [ROMAN[text] for text in [match.group().strip()] if text in ROMAN]
    return frozenset({f"number:{'-'.join(map(_say, values))}"})


@lru_cache(maxsize=256)
def quantities(text: str) -> tuple[Quantity, ...]:
    """All quantities in a cleaned text, left to right."""
    found: list[Quantity] = []
    for match in PATTERN.finditer(text):
        group = (
            match.lastgroup if match.lastgroup not in {"unit", "per", "count", "formword", "whole", "share"} else None
        )
        name = group or ("dose" if match["dose"] else "form")
        if name == "form" and _names_only(match):
            continue
        kind, facts = _read(name, match)
        start = match.start() + len(match.group()) - len(match.group().lstrip())
        found.append(
            Quantity(
                start,
                match.end(),
                kind,
                facts,
                match["unit"] or match["whole"] or match["formword"] or "",
                match.group().strip(),
            )
        )
    return tuple(found)


# "A drop in sodium" falls, "a drop in each eye" is given.
_FALL = re.compile(r"an?\s+drop\s+(?:in|from|below)\s+(?!each|both|either|(?:\w+\s+){0,2}(?:eyes?|ears?|nostrils?)\b)")


def _names_only(match: re.Match[str]) -> bool:
    """ "A dose", "several injections" name a thing; "another dose", "two doses" count it."""
    vague = re.match(r"(?:an?|several|few|a\s+few)\s", match["form"].lstrip()) and not re.match(
        r"a\s+couple", match["form"].lstrip()
    )
    if _FALL.match(match["form"].lstrip() + match.string[match.end() :][:40]):
        return True
    thing = re.fullmatch(f"{FORM_WORDS['dose']}|{FORM_WORDS['bag']}", match["formword"])
    return bool(vague and thing) or bool(
        re.match(r"\s+of\s+(?!N|the\s+same)", match.string[match.end() :])
        and re.fullmatch(FORM_WORDS["patch"], match["formword"])
    )


def _read(name: str, match: re.Match[str]) -> tuple[QuantityKind, frozenset[str]]:
    if name == "freq":
        return "K", _frequency(match.group())
    if name == "dur":
        return "D", frozenset({f"for:{_duration(match.group())}"})
    if name in {"dose", "article"}:
        return "Q", _amount(match)
    if name == "form":
        return "F", _form(match)
    if name == "number":
        return "#", _plain(match)
    if name == "clock":
        hour, minute = re.findall(r"\d\d?(?=\D|\d\d$)|\d\d$", match.group())[:2]
        return ("V", frozenset({f"clock:{int(hour)}:{minute}"}))
    if name in {"triple", "pair"}:
        return ("V", frozenset({f"{name}:{match.group()}"}))
    facts = frozenset({f"{name}:{'-'.join(map(_say, _numbers(match.group())))}"})
    return ("V", facts)


def _duration(text: str) -> str:
    if slashed := re.search(r"(\d+)\s*/\s*(7|52|12)\b", text):
        return _say(float(slashed[1]) * {"7": 1.0, "52": 7.0, "12": 30.0}[slashed[2]])
    values = _numbers(text) or [1.0]
    days = (
        7.0
        if re.search(r"week|wk|/\s*52|\dw", text)
        else 30.0
        if re.search(r"month|/\s*12", text)
        else 365.0
        if re.search(r"year|\dy", text)
        else 1 / 24
        if re.search(r"\bhours?\b|\d\s?h(?:rs?)?\b|\bhrs?\b", text)
        else 1 / 1440
        if re.search(r"\bmin", text)
        else 1.0
    )
    return "-".join(_say(value * days) for value in values[: 2 if "-" in text or " to " in text else 1])
