"""What the record says about each medicine, and whether a restatement says the same.

Both sides are read by the same parser; amounts, counts, frequencies and routes become normalised
facts, so "1 g BID" and "1000 mg 12-hourly" agree and "500 mg" and "500 micrograms" do not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from apps.safety.rules.guard.abstract import Skeleton, skeleton
from apps.safety.rules.guard.particulars import particulars
from apps.safety.rules.guard.patterns import ROUTES
from apps.safety.rules.guard.planted import Planted, planted, planted_spans, without
from apps.safety.rules.guard.sentences import sentences
from apps.safety.rules.guard_views import clean, squeeze

_OXYGEN = frozenset(
    {
        "oxygen",
        "o2",
        "supplemental oxygen",
        "high-flow oxygen",
        "high flow oxygen",
        "nasal cannula",
        "nasal cannulae",
        "non-rebreathe",
        "non-rebreather",
        "nrb",
        "nrbm",
        "venturi",
        "venturi mask",
        "hudson mask",
        "face mask oxygen",
        "fio2",
        "hfnc",
        "high flow nasal",
        "home oxygen",
        "oxygen therapy",
        "ltot",
        "long-term oxygen",
        "long term oxygen",
        "ambulatory oxygen",
    }
)
_SALINE = frozenset({"saline", "normal saline", "sodium chloride", "nacl"})
_FLUID = frozenset(
    {
        "iv fluids",
        "iv fluid",
        "intravenous fluids",
        "intravenous fluid",
        "fluid bolus",
        "fluid boluses",
        "bolus",
        "boluses",
        "fluids",
        "crystalloid",
        "crystalloids",
    }
)

_MOMENTS = frozenset({"night", "morning", "evening"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One regimen of one recorded medicine: the facts said about it."""

    canonical: str
    facts: frozenset[str]
    numbers: frozenset[float] = frozenset()
    """Numbers that stand near the medicine: what is left to go by where shorthand was not understood."""

    def holds(self, said: frozenset[str]) -> bool:
        """True when every fact is recorded, or its number is and the record has no other fact of its kind."""
        if said & _MOMENTS:
            said = said - {"every:24"}  # "once daily at night" says no more than "at night"
        known = {_kind(fact) for fact in self.facts}
        return all(
            fact in self.facts or (_kind(fact) not in known and bool(self.numbers & values(fact))) for fact in said
        )


@dataclass(frozen=True, slots=True)
class RecordView:
    entries: tuple[Entry, ...]
    names: frozenset[str]
    empty: bool
    planted: Planted | None = None
    """What only its machine-directed spans say (B6)."""

    def of(self, canonical: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.canonical == canonical]

    def says(self, canonical: str | None, facts: frozenset[str]) -> bool:
        """True when one recorded regimen of this medicine (any medicine for None) holds all these facts."""
        pool = self.entries if canonical is None else self.of(canonical)
        return any(entry.holds(facts) for entry in pool)


def _kind(fact: str) -> str:
    kind = fact.split(":", 1)[0]
    if kind in {"mass", "volume", "activity", "molar", "percent", "number"}:
        return "amount"
    return "frequency" if kind in {"every", "freq", "parts"} or fact in _MOMENTS else kind


def values(fact: str) -> frozenset[float]:
    """The numbers by which a fact may have been written."""
    kind, _, rest = fact.partition(":")
    if kind == "clock":
        return frozenset({float(rest.split(":")[0]), float(rest.replace(":", "")), float(rest.replace(":", "."))})
    found = [float(number) for number in re.findall(r"\d+(?:\.\d+)?(?:e\+\d+)?", rest.split("/")[0])]
    scales = {
        "mass": (1.0, 1e3, 1e6),
        "volume": (1.0, 1e3),
        "every": (1.0, 24.0, 168.0, 720.0),
        "for": (1.0, 7.0, 30.0, 365.0, 1 / 24),
    }
    near = {round(number / scale, 4) for number in found for scale in scales.get(kind, (1.0,))}
    if kind == "every":
        near |= {round(24 / number, 4) for number in found if number}
    return frozenset(near)


def group(canonical: str) -> str:
    """Names for the same thing under one heading: every oxygen device is oxygen."""
    if canonical in _OXYGEN:
        return "oxygen"
    if canonical in _SALINE:
        return "saline"
    return "fluids" if canonical in _FLUID else canonical


_PUFFS = re.compile(r"\b(\d{1,2})p\b(?=\s*(?:[bot]d|tds|qds|prn))")
_HOURS_A_DAY = re.compile(r"\b(\d{1,2})\s?h(?:rs?)?\s?/\s?d(?:ay)?\b")


@lru_cache(maxsize=64)
def read_record(record: str) -> RecordView:
    """Parses every medicine out of free text; cached, since one record is compared with many sentences."""
    entries: list[Entry] = []
    names: set[str] = set()
    spans = planted_spans(record)
    only_there = planted(record, spans)
    record = without(record, spans)
    text = _HOURS_A_DAY.sub(r"for \1 hours a day", _PUFFS.sub(r"\1 puffs", squeeze(clean(record).text)))
    for start, end in sentences(text):
        skel = skeleton(text[start:end], wide=True)
        details = detailed(skel)
        groups = regimens(skel)
        loose = frozenset(fact for facts in groups.pop(None, []) for fact in facts) | details.pop(None, frozenset())
        for index, mention in skel.mentions.items():
            name = group(mention.canonical)
            names.add(name)
            near = _numbers_near(skel, index)
            beside = loose | details.get(index, frozenset())
            entries += [Entry(name, _implied(facts | beside, name), near) for facts in groups.get(index, [frozenset()])]
        if not skel.mentions and loose:
            entries.append(Entry("", _implied(loose)))
    return RecordView(tuple(entries), frozenset(names), not record.strip(), only_there)


_NEAR = 70
_NUMERAL = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")


def _numbers_near(skel: Skeleton, index: int) -> frozenset[float]:
    """Numbers that no quantity explains, up to the next medicine or right before this one."""
    mention = skel.mentions[index]
    others = [m.start for m in skel.mentions.values() if m.kind in "NO" and m.start > mention.start]
    start, end = max(0, mention.start - 12), min([mention.end + _NEAR, *others])
    read = [(q.start, q.end) for q in skel.quantities.values() if q.kind != "#"]
    return frozenset(
        round(float(found.group().replace(",", "")), 4)
        for found in _NUMERAL.finditer(skel.text, start, end)
        if not any(left <= found.start() < right for left, right in read)
    )


def _implied(facts: frozenset[str], name: str = "") -> frozenset[str]:
    more = set(facts)
    if name == "oxygen":  # a flow is per minute, written or not
        more |= {fact.removesuffix("/min") for fact in facts} | {
            f"{f}/min" for f in facts if re.fullmatch(r"volume:[\d.-]+", f)
        }
    for fact in facts:
        if fact.startswith("number:"):
            # "Carbocisteine 2 TDS" counts whatever the medicine comes in.
            more |= {
                fact.replace("number:", f"form:{form}:") for form in ("tablet", "capsule", "puff", "drop", "sachet")
            }
        if fact.startswith("number:") and "-" not in fact:
            more.add(f"mass:{float(fact[7:]) * 1000:.6g}")  # "Glucophage 500" is in milligrams
        if fact.startswith("mass:") and re.fullmatch(r"mass:[\d.]+", fact):
            more.add(f"number:{float(fact[5:]) / 1000:.6g}")
        if re.fullmatch(r"(?:volume|activity|molar):[\d.]+", fact):
            more.add("number:" + fact.split(":")[1])
        if fact.startswith("times:"):
            more |= {
                fact.replace("times:", "form:dose:"),
                fact.replace("times:", "form:tablet:"),
                fact.replace("times:", "number:"),
            }
    return frozenset(more)


_SEGMENT = re.compile(r"[,;|]| \+ |\bwith\b(?= [NO]\d)|\band\b|\bthen\b|\bplus\b|\n")


def attached(skel: Skeleton) -> dict[int | None, frozenset[str]]:
    """Facts per mention index; None holds facts of no medicine. Frequencies of monitoring are left out."""
    return {owner: frozenset(fact for facts in groups for fact in facts) for owner, groups in regimens(skel).items()}


def regimens(skel: Skeleton) -> dict[int | None, list[frozenset[str]]]:
    """The facts of each medicine, regimen by regimen ("15 mg BD for 21 days, then 20 mg OD" is two)."""
    places = {index: skel.place(index) for index in (*skel.mentions, *skel.quantities)}
    drugs = [i for i in skel.mentions if skel.mentions[i].kind in "NOACU"]
    named = [i for i in drugs if skel.mentions[i].kind in "NO" or _dosed(skel, i)] or drugs
    cuts = [m.start() for m in _SEGMENT.finditer(skel.form)]
    owned: dict[int | None, list[int]] = {}
    for index, quantity in skel.quantities.items():
        if quantity.kind in "QFKD" or any(fact.startswith("clock:") for fact in quantity.facts):
            owned.setdefault(_owner(places[index], named, places, cuts, skel.form), []).append(index)
    found = {owner: _split(skel, indexes, places) for owner, indexes in owned.items()}
    for name, pattern in ROUTES.items():
        for match in re.finditer(pattern, skel.form):
            owner = _owner(match.start(), named, places, cuts, skel.form)
            if owner is not None and abs(places[owner] - match.start()) <= 30:
                found[owner] = [facts | {f"route:{name}"} for facts in found.get(owner, [frozenset()])]
    return found


def _split(skel: Skeleton, indexes: list[int], places: dict[int, int]) -> list[frozenset[str]]:
    """A second amount of the same kind, or a second frequency that does not follow at once, opens a new regimen."""
    groups: list[set[str]] = [set()]
    end = -1
    for index in sorted(indexes, key=lambda i: places[i]):
        quantity = skel.quantities[index]
        kinds = {_kind(fact) for fact in groups[-1]}
        fresh = {_kind(fact) for fact in quantity.facts}
        adjacent = quantity.kind == "K" and not re.search(r"[^\W\d_]|[,;]", skel.form[end : places[index]].strip())
        if groups[-1] and fresh & kinds and not adjacent:
            groups.append(set())
        groups[-1] |= quantity.facts
        end = places[index] + len(re.match(r"\S+", skel.form[places[index] :]).group())  # type: ignore[union-attr]
    return [frozenset(facts) for facts in groups]


def detailed(skel: Skeleton) -> dict[int | None, frozenset[str]]:
    """The details of a unit by the medicine that they stand with."""
    named = {i: m.start for i, m in skel.mentions.items() if m.kind in "NO"}
    cuts = [m.start() for m in _SEGMENT.finditer(skel.text)]
    owners: dict[int | None, set[str]] = {}
    for item in particulars(skel.text):
        owner = _owner(item.start, list(named), named, cuts, skel.text)
        if item.fact.startswith("strength:") and not any(0 <= item.start - skel.mentions[i].end <= 2 for i in named):
            continue  # a blood pressure is no strength
        owners.setdefault(owner, set()).add(item.fact)
    return {owner: frozenset(facts) for owner, facts in owners.items()}


def _dosed(skel: Skeleton, index: int) -> bool:
    """True for an unfamiliar word that an amount follows or precedes at once."""
    if re.search(rf"[NC]\d++ U{index}(?!\d)", skel.form):
        return False
    return skel.mentions[index].kind == "U" and bool(
        re.search(rf"U{index} (?:G\d++ )?[QFK]\d|[QF]\d++ (?:of )?U{index}(?!\d)", skel.form)
    )


_CHAIN = re.compile(
    r"^\S+(?:\s+(?:[QFKDV#G]\d++|iv|im|sc|po|sl|pr|oral|orally|by\s+mouth|at|is|of|as|was|x|\(|\)|[:=@-]))*\s*[(@x]?\s*$"
)


def _nearest(at: int, same: list[int], places: dict[int, int], text: str) -> int:
    """Amounts follow their medicine, unless one stands right before the next ("two puffs of salbutamol")."""
    before = max((i for i in same if places[i] < at), key=lambda i: places[i], default=None)
    after = min((i for i in same if places[i] > at), key=lambda i: places[i], default=None)
    if before is None or after is None:
        return before if before is not None else after  # type: ignore[return-value]
    chained = _CHAIN.match(text[places[before] : at])
    leads = re.match(r"\S+\s+(?:(?:[QFKD#G]\d++|iv|im|of|oral)\s+){0,2}$", text[at : places[after]])
    return after if leads and not chained else before


def _owner(at: int, drugs: list[int], places: dict[int, int], cuts: list[int], text: str) -> int | None:
    """The medicine that a quantity belongs to: in its own segment, else the one before, else the next."""
    if not drugs:
        return None
    left = max((cut for cut in cuts if cut < at), default=-1)
    right = min((cut for cut in cuts if cut > at), default=10**9)
    same = [i for i in drugs if left < places[i] < right]
    if same:
        return _nearest(at, same, places, text)
    before = [i for i in drugs if places[i] < at]
    return max(before, key=lambda i: places[i]) if before else min(drugs, key=lambda i: places[i])
