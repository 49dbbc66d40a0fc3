"""Splits a cleaned text into the guard's units: sentences, lines, table rows, JSON members."""

from __future__ import annotations

import re

_END = re.compile(r"(?:(?<=[.!?])[\"')\]]*\s+(?=[a-z0-9\"'(\[-])|(?<![a-z]-)\n+|\n+(?![a-z])|\n{2,})")
_ABBREVIATION = re.compile(
    r"(?:\b(?:dr|mr|mrs|ms|prof|st|e\.g|i\.e|eg|ie|vs|approx|no|nos|fig|inc|cf|ca|dept|"
    r"hx|dx|rx|tx|resp|temp|max|min|mins|hrs?|inj|tab|tabs|cap|caps|susp|amp|sol|p\.o|"
    r"i\.v|i\.m|s\.c|b\.d|o\.d|t\.d\.s|q\.d\.s|q\.i\.d|b\.i\.d|t\.i\.d|p\.r\.n|a\.m|p\.m|"
    r"al|etc|mg|ml|mcg|g|"
    r"aprox|sr|sra|dra)|(?<![a-z])[a-z])\.[\"')\]]*\s*$"
)
_LONG = 1200


def sentences(text: str) -> list[tuple[int, int]]:
    """Offsets of the units of a cleaned text, without surrounding white space."""
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        piece = text[start : match.start()]
        if (
            "\n" not in match.group()
            and _ABBREVIATION.search(piece[-12:] + " ")
            and not _closes(piece, text[match.end() : match.end() + 1])
        ):
            continue
        spans.append((start, match.start()))
        start = match.end()
    spans.append((start, len(text)))
    return [piece for span in spans for piece in _bounded(text, *_trim(text, *span)) if piece[0] < piece[1]]


def _closes(piece: str, following: str) -> bool:
    # "500 mg. Then" ends a sentence although "mg." may be an abbreviation; a digit after it does not.
    return (
        bool(re.search(r"\b(?:mg|ml|mcg|g|etc|al|b\.d|o\.d|p\.r\.n|t\.d\.s|q\.d\.s|mins?|hrs?)\.[\"')\]]*$", piece))
        and following.isalpha()
    )


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _bounded(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Very long units are cut at white space, so that no pattern meets more than it was made for."""
    parts = []
    while end - start > _LONG:
        cut = text.rfind(" ", start + _LONG // 2, start + _LONG)
        cut = cut if cut > start else start + _LONG
        parts.append((start, cut))
        start = cut
    return [*parts, _trim(text, start, end)]
