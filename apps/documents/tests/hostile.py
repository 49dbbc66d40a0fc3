"""Hostile files, made from seeds: the same ones everywhere, none of them shipped.

A file says which statuses are right for it and which words must never come out of it. `status` is a `Reason`, or
"read" / "partly" where a text came out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from apps.documents.schemas import Extracted, Limits

LIMITS = Limits(
    file_bytes=30_000_000,
    memory_bytes=400_000_000,
    cpu_s=8,
    wall_s=16,
    pages=2_000,
    characters=1_000_000,
    unpacked_bytes=50_000_000,
    table_cells=50_000,
)
SECRET = "IGNORE-ALL-PREVIOUS-INSTRUCTIONS"
"""Stands where nobody sees it; must not come out."""
READ = frozenset({"read", "partly"})
ANY: frozenset[str] = frozenset()
"""No status is wrong, as long as there is one."""


@dataclass(frozen=True)
class HostileFile:
    kind: str
    name: str
    make: Callable[[], bytes]
    right: frozenset[str] = ANY
    never: tuple[str, ...] = (SECRET,)


def status(found: Extracted) -> str:
    return found.reason or ("partly" if found.page_problems else "read")


def all_files(seed: int = 2026) -> list[HostileFile]:
    from apps.documents.tests import hostile_archives, hostile_pdfs, hostile_texts

    files = [
        *damaged(seed),
        *hostile_archives.files(),
        *hostile_pdfs.files(),
        *hostile_texts.files(),
    ]
    names = [(file.kind, file.name) for file in files]
    assert len(set(names)) == len(names), "two hostile files of one name"
    return files


def damaged(seed: int) -> Iterator[HostileFile]:
    """Good files cut short, with flipped bits, and with pieces that were moved, doubled or overwritten."""
    from apps.documents.tests.makers import good_files

    for suffix, good in good_files().items():
        for number in range(20):
            cut = len(good) * number // 20 if number else 1
            yield HostileFile("truncated", f"cut-{number}.{suffix}", partial(lambda good, cut: good[:cut], good, cut))
        for number in range(25):
            yield HostileFile(
                "bit flips",
                f"flip-{number}.{suffix}",
                partial(
                    lambda good, number, suffix: flipped(good, f"{seed}/{suffix}/{number}", 1 << (number % 8)),
                    good,
                    number,
                    suffix,
                ),
            )
        for number in range(12):
            yield HostileFile(
                "spliced",
                f"splice-{number}.{suffix}",
                partial(lambda good, number, suffix: spliced(good, f"{seed}/{suffix}/s{number}"), good, number, suffix),
            )


def flipped(data: bytes, seed: str, count: int) -> bytes:
    chance = random.Random(seed)
    out = bytearray(data)
    for _ in range(count):
        out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    return bytes(out)


def spliced(data: bytes, seed: str) -> bytes:
    chance = random.Random(seed)
    out = data
    for _ in range(chance.randrange(1, 5)):
        start, end = sorted((chance.randrange(len(out) + 1), chance.randrange(len(out) + 1)))
        piece = out[start:end][:4000]
        match chance.randrange(5):
            case 0:
                out = out[:start] + out[end:]
            case 1:
                out = out[:start] + piece * chance.randrange(2, 50) + out[start:]
            case 2:
                out = out[:start] + chance.randbytes(chance.randrange(1, 300)) + out[start:]
            case 3:
                out = (
                    out[:start] + bytes([chance.choice(b"\x00\xff<([{/\x1b%")]) * chance.randrange(1, 3000) + out[end:]
                )
            case _:
                at = chance.randrange(len(out) + 1)
                out = out[:at] + piece + out[at:]
        out = out[:500_000] or b"\x00"
    return out
