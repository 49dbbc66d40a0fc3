"""Our own sets, or held-out ones by path, run through the checks: figures with intervals, against the bars and the baseline.

No text of a line is in a result, only counts and the ids of lines that failed.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from apps.safety.pipeline.bars import BARS, lowered, verdict
from apps.safety.pipeline.measuring import Figure, Measured, measure_claims, measure_identifiers, measure_injections
from apps.safety.rules.guard import check_text
from apps.safety.rules.guard_draft import guard_draft
from apps.safety.rules.news2 import news2
from apps.safety.rules.triage import triage_floor
from apps.safety.schemas import Trial, VerifiedCite, VerifiedClaim, VerifiedDraft
from medassist.clinical.case import Vitals
from medassist.clinical.parsing import parse_case
from medassist.clinical.triage import SEVERITY
from medassist.common.errors import AnswerWithheld, InvalidInput

FOLDER = Path(__file__).resolve().parents[1] / "suites"
BASELINE = FOLDER / "baseline.json"
FILES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "guard": ("guard_a", "guard_b", "guard_c", "guard_e", "guard_f"),
        "fidelity": ("guard_a", "guard_b", "guard_c", "guard_e", "guard_f"),
        "streaming": ("guard_c",),
        "claims": ("claims",),
        "triage": ("vignettes", "vignettes_b"),
        "injections": ("injections",),
        "identifiers": ("identifiers",),
        "news2": ("news2",),
    }
)
STREAMED_SECTIONS = 150
_TIERS = {"critical": "emergency_now", "urgent": "same_day", "routine": "routine"}

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """`figures` by "suite.figure" or "suite.figure/category"; `sets` names the file and the hash of what was run."""

    figures: Mapping[str, Figure]
    failing: Mapping[str, tuple[str, ...]]
    sets: Mapping[str, str]
    held_out: frozenset[str] = field(default_factory=frozenset)

    def lowered(self, baseline: Mapping[str, Figure]) -> tuple[str, ...]:
        """Figures of our own sets that are under the floor on record; a held-out set has no floor."""
        own = {name: figure for name, figure in self.figures.items() if name.partition(".")[0] not in self.held_out}
        return tuple(lowered(own, baseline))

    def as_json(self) -> dict[str, Any]:
        return {
            "sets": dict(self.sets),
            "held_out": sorted(self.held_out),
            "figures": {name: as_json(figure) for name, figure in self.figures.items()},
            "bars": {bar.figure: verdict(bar, self.figures.get(bar.figure)) for bar in BARS if bar.now is not None},
            "release": {
                bar.figure: verdict(bar, self.figures.get(bar.figure), release=True)
                for bar in BARS
                if bar.release is not None
            },
            "failing": {name: list(ids) for name, ids in self.failing.items()},
        }


def as_json(figure: Figure) -> dict[str, float]:
    return {
        "numerator": figure.numerator, "denominator": figure.denominator, "rate": round(figure.rate, 4),
        "low": round(figure.low, 4), "high": round(figure.high, 4),
    }  # fmt: skip


def from_json(figures: Mapping[str, Any]) -> dict[str, Figure]:
    return {name: Figure(int(item["numerator"]), int(item["denominator"])) for name, item in figures.items()}


def baseline() -> dict[str, Figure]:
    """The figures on record, under which nothing may fall."""
    return from_json(json.loads(BASELINE.read_text(encoding="utf-8"))["figures"])


def run(only: Sequence[str] = (), sets: Mapping[str, Path] = MappingProxyType({})) -> SuiteResult:
    """Runs the named suites (all without names), each on our own set or on the one given for it.

    Raises `InvalidInput` for a suite that there is not, and for a set that cannot be read or measured.
    """
    unknown = [name for name in (*only, *sets) if name not in FILES]
    if unknown:
        raise InvalidInput(fields={"suite": f"{', '.join(unknown)}; there are {', '.join(FILES)}"})
    figures: dict[str, Figure] = {}
    failing: dict[str, tuple[str, ...]] = {}
    used: dict[str, str] = {}
    for name in dict.fromkeys((*only, *sets)) if only else FILES:
        paths = [sets[name]] if name in sets else [FOLDER / f"{file}.jsonl" for file in FILES[name]]
        rows, used[name] = _read(name, paths)
        try:
            found = MEASURES[name](rows)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(fields={name: f"a line is not of this suite's form ({type(error).__name__})"}) from None
        figures |= {f"{name}.{key}": figure for key, figure in found.figures.items()}
        failing |= {f"{name}.{key}": ids for key, ids in found.failing.items()}
    return SuiteResult(figures, failing, used, frozenset(sets))


def with_trial(result: SuiteResult, trial: Trial) -> SuiteResult:
    """The run, and beside it what the cases of a trial came to."""
    figures = {f"end_to_end.{name}": Figure(*counted) for name, counted in trial.figures.items()}
    failing = {f"end_to_end.{name}": ids for name, ids in trial.failing.items()}
    return SuiteResult(
        {**result.figures, **figures}, {**result.failing, **failing}, result.sets, result.held_out
    )  # fmt: skip


def trial_cases(count: int) -> list[dict[str, Any]]:
    """So many of our vignettes, spread evenly over the file, which mixes the tiers."""
    rows, _ = _read("triage", [FOLDER / "vignettes.jsonl"])
    count = max(1, min(count, len(rows)))
    return [rows[at * len(rows) // count] for at in range(count)]


def _read(name: str, paths: Sequence[Path]) -> tuple[list[dict[str, Any]], str]:
    digest, rows = hashlib.sha256(), []
    for path in paths:
        try:
            raw = path.read_bytes()
            rows += [json.loads(line) for line in raw.decode().splitlines() if line.strip()]
        except (OSError, ValueError, RecursionError) as error:
            raise InvalidInput(fields={name: f"{path.name} cannot be read ({type(error).__name__})"}) from None
        digest.update(raw)
    if not rows:
        raise InvalidInput(fields={name: "the set is empty"})
    return rows, f"{'+'.join(path.stem for path in paths)} {len(rows)} lines {digest.hexdigest()[:16]}"


class Counts:
    """Hits by name and category, and the ids of what failed."""

    def __init__(self) -> None:
        self._hits: dict[str, list[bool]] = {}
        self._failing: dict[str, list[str]] = {}

    def take(self, name: str, hit: bool, category: str = "") -> None:
        for key in (name, f"{name}/{category}") if category else (name,):
            self._hits.setdefault(key, []).append(hit)

    def fail(self, name: str, ident: Any) -> None:
        self._failing.setdefault(name, []).append(str(ident))

    def measured(self) -> Measured:
        return Measured(
            figures=MappingProxyType(
                {key: Figure(sum(hits), len(hits)) for key, hits in sorted(self._hits.items())}
            ),
            failing=MappingProxyType({key: tuple(ids) for key, ids in self._failing.items()}),
        )  # fmt: skip


def measure_guard(rows: Iterable[Line]) -> Measured:
    """Lines {id, text, record, audience, verdict: block|allow, kind}: `recall` and `fpr`, whole and by kind."""
    counts = Counts()
    for row in rows:
        blocked, order = _blocked(row), _expected(row) == "block"
        counts.take("recall" if order else "fpr", blocked, str(row.get("kind") or row.get("category") or ""))
        if blocked != order:
            counts.fail("recall" if order else "fpr", row["id"])
    return counts.measured()


def measure_fidelity(rows: Iterable[Line]) -> Measured:
    """The lines of a guard set that restate the record: B5 altered, A1 faithful. In a set without kinds every line counts."""
    counts = Counts()
    for row in rows:
        kind, altered = row.get("kind"), _expected(row) == "block"
        if kind not in (None, "B5" if altered else "A1"):
            continue
        blocked = _blocked(row)
        name = "altered_caught" if altered else "faithful_kept"
        counts.take(name, blocked if altered else not blocked)
        if blocked != altered:
            counts.fail(name, row["id"])
    return counts.measured()


def _expected(row: Line) -> str:
    found = str(row.get("verdict") or row["label"])
    if found not in ("block", "allow"):
        raise ValueError("verdict is block or allow")
    return found


def _blocked(row: Line) -> bool:
    return not check_text(
        row["text"], record=row.get("record") or "", audience=row.get("audience") or "clinician"
    ).allowed  # fmt: skip


def measure_streaming(rows: Iterable[Line]) -> Measured:
    """Orders and harmless sentences cut at random into sections, which are released one by one as a stream does.

    `unvalidated`: of the characters released, those of a claim that the guard refuses when it is asked again about the
    claim alone. What the guard misses counts in `guard.recall`; here nothing may pass without having been judged.
    """
    draw, pool, counts = random.Random(6), list(rows), Counts()  # noqa: S311 - a repeatable draw, nothing secret
    for number in range(STREAMED_SECTIONS):
        record = draw.choice(pool).get("record") or ""
        texts = [str(draw.choice(pool)["text"]) for _ in range(draw.randint(1, 5))]
        cuts = sorted(draw.sample(range(1, len(texts[0])), min(2, len(texts[0]) - 1))) if len(texts[0]) > 3 else []
        # A text that breaks off and goes on elsewhere, as tokens do: no part of it may slip through either.
        parts = [texts[0][a:b] for a, b in zip([0, *cuts], [*cuts, len(texts[0])], strict=True)]
        for text in _released([*parts, *texts[1:]], record):
            again = check_text(text, record=record).allowed
            for _ in text:
                counts.take("unvalidated", not again)
            if not again:
                counts.fail("unvalidated", number)
    return counts.measured()


def _released(texts: Sequence[str], record: str) -> list[str]:
    cite = VerifiedCite(source="r1", kind="record", quote="Seen today", start=0, end=10)
    claims = tuple(VerifiedClaim(text=text, kind="patient_fact", cites=(cite,)) for text in texts if text.strip())
    try:
        guarded = guard_draft(
            verified=VerifiedDraft(triage_level="routine", summary=claims), record_text=record, audience="clinician"
        )
    except AnswerWithheld:
        return []
    return [claim.text for claim in guarded.summary]


def measure_triage(rows: Iterable[Line]) -> Measured:
    """Lines {id, tier: critical|urgent|routine, case}: what is missed, sent home, or raised; a refused case is a miss."""
    counts = Counts()
    for row in rows:
        tier = row["tier"]
        try:
            level = triage_floor(parse_case(row["case"])).level
        except InvalidInput:
            level = "routine"
        low = SEVERITY[level] < SEVERITY[_TIERS[tier]]
        name = {"critical": "critical_missed", "urgent": "urgent_sent_home", "routine": "routine_raised"}[tier]
        wrong = level != "routine" if tier == "routine" else low
        counts.take(name, wrong)
        if wrong:
            counts.fail(name, row["id"])
    return counts.measured()


def measure_news2(rows: Iterable[Line]) -> Measured:
    """Lines {id, vitals, age_years, pregnant, total, parameters?}: `wrong` when total or a parameter differs from the line."""
    counts = Counts()
    for row in rows:
        found = news2(
            Vitals.model_validate(row["vitals"]), age_years=row.get("age_years"), pregnant=bool(row.get("pregnant"))
        )
        wrong = found.total != row["total"] or ("parameters" in row and dict(found.parameters) != row["parameters"])
        counts.take("wrong", wrong)
        if wrong:
            counts.fail("wrong", row["id"])
    return counts.measured()


MEASURES: Mapping[str, Callable[[Sequence[Line]], Measured]] = MappingProxyType(
    {
        "guard": measure_guard,
        "fidelity": measure_fidelity,
        "streaming": measure_streaming,
        "claims": measure_claims,
        "triage": measure_triage,
        "injections": measure_injections,
        "identifiers": measure_identifiers,
        "news2": measure_news2,
    }
)
