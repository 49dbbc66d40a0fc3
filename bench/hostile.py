"""python -m bench hostile: every hostile file through the reading process, and whether it kept its limits.

The files are made in a process of their own, so that what is measured here is the reading alone. Nothing else is
started: no database, no broker.
"""

from __future__ import annotations

import argparse
import multiprocessing
import multiprocessing.pool
import os
import random
import tempfile
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from apps.documents.extractors.sandbox import Usage, extract
from apps.documents.schemas import EXPLANATIONS
from apps.documents.tests.hostile import LIMITS, HostileFile, all_files, status
from bench.figures import last_line, percentile, say, table

WALL_MARGIN_S = 2.0
"""Killing and reaping take a moment, more on a busy machine."""


@dataclass
class Finding:
    file: HostileFile
    usage: Usage
    status: str = ""
    crash: str = ""
    leaked: bool = False

    @property
    def over_limits(self) -> bool:
        return (
            self.usage.wall_s > LIMITS.wall_s + WALL_MARGIN_S
            or self.usage.cpu_s > (LIMITS.cpu_s + 2) * max(1, self.usage.runs)
            or self.usage.peak_rss_bytes > LIMITS.memory_bytes
        )

    @property
    def without_status(self) -> bool:
        return not self.crash and self.status not in {"read", "partly", *EXPLANATIONS}

    @property
    def wrong(self) -> bool:
        return self.leaked or bool(self.file.right and self.status not in self.file.right)


@dataclass
class Folder:
    """Files on their way: made by another process, deleted once they were read."""

    path: Path
    seed: int
    making: multiprocessing.pool.Pool = field(init=False)

    def __post_init__(self) -> None:
        # A process that made a few bombs has become large; it is replaced now and then.
        self.making = multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=100)

    def make(self, number: int) -> Path:
        path = self.path / f"{number}.bin"
        self.making.apply(_make, (self.seed, number, str(path)))
        return path


def _make(seed: int, number: int, path: str) -> None:
    Path(path).write_bytes(_files(seed)[number].make())


_made: dict[int, list[HostileFile]] = {}


def _files(seed: int) -> list[HostileFile]:
    if seed not in _made:
        _made[seed] = all_files(seed)
    return _made[seed]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench hostile", description=__doc__)
    parser.add_argument("--seed", type=int, default=2026, help="of damaged files and of the share")
    parser.add_argument("--share", type=float, default=1.0, help="part of the files, drawn at random (default: all)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="files read at once")
    options = parser.parse_args(arguments)
    files = _files(options.seed)
    numbers = drawn(files, options.share, options.seed)
    limits = f"{LIMITS.memory_bytes // 10**6} MB, {LIMITS.cpu_s} s of processor, {LIMITS.wall_s} s"
    say(f"{len(numbers)} of {len(files)} hostile files; limits of each: {limits}")
    with tempfile.TemporaryDirectory(prefix="bench-hostile-") as name:
        folder = Folder(Path(name), options.seed)
        try:
            with ThreadPoolExecutor(options.jobs) as pool:
                findings = list(pool.map(lambda number: read(folder, files[number], number), numbers))
        finally:
            folder.making.terminate()
            folder.making.join()
    return report(findings)


def drawn(files: list[HostileFile], share: float, seed: int) -> list[int]:
    """A share of each kind, at least one of it."""
    if share >= 1:
        return list(range(len(files)))
    chance = random.Random(seed)
    kinds: dict[str, list[int]] = defaultdict(list)
    for number, file in enumerate(files):
        kinds[file.kind].append(number)
    return sorted(
        number for of_kind in kinds.values() for number in chance.sample(of_kind, max(1, round(share * len(of_kind))))
    )


def read(folder: Folder, file: HostileFile, number: int) -> Finding:
    path = folder.make(number)
    finding = Finding(file, Usage())
    try:
        found = extract(path, limits=LIMITS, name=file.name, usage=finding.usage)
    except Exception as error:  # noqa: BLE001
        finding.crash = type(error).__name__
    else:
        finding.status = status(found)
        told = repr((found.metadata, found.body.text if found.body else ""))
        finding.leaked = any(word in told for word in file.never)
    finally:
        path.unlink()
    return finding


def report(findings: list[Finding]) -> int:
    kinds: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        kinds[finding.file.kind].append(finding)
    rows = []
    for kind, found in sorted(kinds.items()):
        ended = Counter(finding.status or f"RAISED {finding.crash}" for finding in found)
        rows.append(
            [
                kind,
                len(found),
                percentile([finding.usage.wall_s for finding in found], 50),
                max(finding.usage.wall_s for finding in found),
                max(finding.usage.peak_rss_bytes for finding in found) // 1_000_000,
                sum(len(finding.usage.signals) for finding in found),
                ", ".join(f"{name} {count}" for name, count in ended.most_common()),
            ]
        )
    table("Hostile files by kind", ["kind", "files", "median s", "longest s", "peak MB", "signals", "statuses"], rows)
    for finding in findings:
        if finding.crash or finding.over_limits or finding.without_status or finding.wrong:
            usage = f"{finding.usage.wall_s:.1f} s, {finding.usage.peak_rss_bytes // 10**6} MB"
            say(
                f"  NOT RIGHT: {finding.file.kind} / {finding.file.name!r:.60}: {finding.crash or finding.status}, {usage}"
            )
    result = {
        "bench": "hostile",
        "files": len(findings),
        "crashed_worker": sum(bool(finding.crash) for finding in findings),
        "over_limits": sum(finding.over_limits for finding in findings),
        "without_status": sum(finding.without_status for finding in findings),
        "wrong_status": sum(finding.wrong for finding in findings),
    }
    result["ok"] = bool(findings) and not any(
        result[name] for name in ("crashed_worker", "over_limits", "without_status", "wrong_status")
    )
    last_line(result)
    return 0 if result["ok"] else 1
