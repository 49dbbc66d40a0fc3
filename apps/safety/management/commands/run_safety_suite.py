"""`manage.py run_safety_suite`: our own sets and held-out ones through every check, against the bars and the floor on record."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.safety import gateway
from apps.safety.pipeline import suites
from apps.safety.pipeline.bars import BARS, verdict, words_of
from apps.safety.pipeline.measuring import Figure
from apps.safety.rules.guard import GUARD_VERSION
from apps.safety.rules.triage import RULE_SET_VERSION
from apps.safety.schemas import Trial
from apps.safety.services import store_suite_run, trials
from medassist.accounts.access import Permission, system_actor
from medassist.common.errors import InvalidInput, MedAssistError
from medassist.tenancy.schemas import PUBLIC_SCHEMA


class Command(BaseCommand):
    help = (
        "Runs the safety suites, prints figures with 95 % intervals (Wilson) and the verdict against each bar; status 1 when a "
        "figure is under the floor on record."
    )
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--only", default="", help=f"comma-separated: {','.join(suites.FILES)}")
        parser.add_argument(
            "--set", action="append", default=[], metavar="NAME=PATH", help="a held-out set in the place of ours"
        )
        parser.add_argument(
            "--backbone", default="", help="also cases end to end through this backbone; it may be disabled"
        )
        parser.add_argument("--adapter", default="", help="served name of an adapter of it")
        parser.add_argument(
            "--clinic", default="demo", help="schema name of the clinic in which the cases run; nothing is stored there"
        )
        parser.add_argument("--cases", type=int, default=12, help="how many cases end to end")
        parser.add_argument("--store", action="store_true", help="keep the run: the release gate reads it")
        parser.add_argument("--pin", action="store_true", help="make the figures of our own sets the floor on record")
        parser.add_argument("--failing", action="store_true", help="also the ids of lines that failed")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *_: Any, **options: Any) -> None:
        only = [name for name in options["only"].split(",") if name]
        try:
            result = suites.run(only, dict(_given(options["set"])))
            trial = self._trial(options) if options["backbone"] else None
        except InvalidInput as error:
            raise CommandError(
                "; ".join(f"{name}: {text}" for name, text in error.fields.items()) or error.detail
            ) from None
        except MedAssistError as error:
            raise CommandError(f"{error.code}: {error.detail}") from None
        if trial is not None:
            result = suites.with_trial(result, trial)
        if options["pin"]:
            self._pin(result, partial=bool(only or options["set"]))
        broken = result.lowered(suites.baseline())
        if options["store"]:
            actor = system_actor(PUBLIC_SCHEMA, "run_safety_suite", scopes=frozenset({Permission.CLINIC_MANAGE}))
            store_suite_run(actor=actor, result=result, floors_broken=broken, trial=trial)
        if options["json"]:
            self.stdout.write(json.dumps({**_versions(trial), **result.as_json(), "lowered": list(broken)}))
        else:
            self.stdout.write("\n".join(_lines(result, broken, trial, failing=options["failing"])))
        if broken:
            raise SystemExit(1)

    @staticmethod
    def _trial(options: dict[str, Any]) -> Trial:
        if not trials:
            raise CommandError("no room of this installation sends cases through a pipeline")
        rows = suites.trial_cases(options["cases"])
        with gateway.only(options["backbone"], adapter=options["adapter"]) as model:
            found = trials[0](options["clinic"], options["adapter"], rows)
        # Named by what was asked for: a backbone that never answered has a name as well.
        return found.model_copy(
            update={"backbone": options["backbone"], "model": model, "adapter": options["adapter"]}
        )  # fmt: skip

    @staticmethod
    def _pin(result: suites.SuiteResult, *, partial: bool) -> None:
        if partial:
            raise CommandError("the floor is pinned from a whole run of our own sets")
        figures = {
            bar.figure: suites.as_json(result.figures[bar.figure]) for bar in BARS
            if bar.figure in result.figures and bar.suite != "end_to_end"
        }  # fmt: skip
        kept = {"guard": GUARD_VERSION, "rules": RULE_SET_VERSION, "sets": dict(result.sets), "figures": figures}
        suites.BASELINE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _given(pairs: list[str]) -> Iterator[tuple[str, Path]]:
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not equals or not path:
            raise CommandError(f"--set {pair}: NAME=PATH is needed")
        yield name, Path(path)


def _versions(trial: Trial | None) -> dict[str, Any]:
    told: dict[str, Any] = {"guard": GUARD_VERSION, "rules": RULE_SET_VERSION}
    if trial is not None:
        told |= trial.model_dump(include={"backbone", "model", "adapter", "prompt", "index"})
    return {"versions": told}


def _lines(result: suites.SuiteResult, broken: tuple[str, ...], trial: Trial | None, *, failing: bool) -> Iterator[str]:
    versions = _versions(trial)["versions"]
    yield "  ".join(f"{name} {value}" for name, value in versions.items() if value)
    for name, said in result.sets.items():
        yield f"{name:<12} {said}{'  (held out)' if name in result.held_out else ''}"
    yield ""
    yield f"{'figure':<66} {'count':>13} {'rate':>7}  95 %"
    for name, figure in result.figures.items():
        yield f"{name:<66} {_counted(figure)}"
    if failing:
        yield ""
        for name, ids in result.failing.items():
            yield f"{name}: {' '.join(ids)}"
    yield ""
    yield f"{'bar':<46} {'asked':>7}  {'now':<13} release"
    for bar in BARS:
        if bar.now is None:
            continue
        found = result.figures.get(bar.figure)
        sign = {"at_least": ">=", "at_most": "<=", "zero": "="}[bar.direction]
        line = f"{bar.words:<46} {sign + format(bar.now, 'g'):>7}  {verdict(bar, found):<13} {verdict(bar, found, release=True)}"
        yield line + (f"  ({bar.elsewhere})" if found is None and bar.elsewhere else "")
    yield ""
    yield (
        "under the floor on record: " + "; ".join(map(words_of, broken))
        if broken
        else "nothing is under the floor on record"
    )


def _counted(figure: Figure) -> str:
    count = f"{figure.numerator}/{figure.denominator}"
    return f"{count:>13} {figure.rate:>7.4f}  {figure.low:.4f} to {figure.high:.4f}"
