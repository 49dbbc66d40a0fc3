"""From bytes to text: byte order marks, UTF-8, UTF-16 by its zero bytes, else Windows-1252."""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
# Only encodings that turn bytes into letters; UTF-7 and the like are roads for hidden text.
KNOWN = {
    "iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252", "windows-1252": "cp1252",
    **{f"windows-{number}": f"cp{number}" for number in (1250, 1251, 1253, 1254, 1255, 1256, 1257, 1258)},
    **{f"iso-8859-{number}": f"iso8859_{number}" for number in (2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)},
    "koi8-r": "koi8_r", "koi8-u": "koi8_u", "shift_jis": "shift_jis", "euc-jp": "euc_jp", "gbk": "gbk",
    "gb2312": "gbk", "gb18030": "gb18030", "big5": "big5", "euc-kr": "euc_kr",
}  # fmt: skip


def preload() -> None:
    """Codecs are modules: once files are out of reach none can be loaded."""
    for name in {*KNOWN.values(), "utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "ascii", "cp437"}:
        codecs.lookup(name)


def decode(data: bytes, *, html: bool = False) -> str | None:
    """None for bytes that are no text."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    if wide := _without_mark(data):
        return data.decode(wide, "replace")
    if _is_junk(data):
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if html and (declared := _DECLARED.search(data[:4096])):
        known = KNOWN.get(declared[1].decode("ascii").lower())
        if known:
            return data.decode(known, "replace")
    return _damaged_utf8(data) or data.decode("cp1252", "replace")


def _without_mark(data: bytes) -> str | None:
    """UTF-16 without its mark: every other byte of Latin text is zero."""
    sample = data[:4096]
    if len(sample) < 4:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > 0.6 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.6 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _is_junk(data: bytes) -> bool:
    places = (0, max(0, len(data) // 2 - 2048), max(0, len(data) - 4096))
    sample = b"".join(data[place : place + 4096] for place in places)
    strange = sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 or byte == 127 for byte in sample)
    return strange > 0.05 * len(sample)


def _damaged_utf8(data: bytes) -> str | None:
    """UTF-8 with a few broken places, cut in the middle of a letter for example."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    good = sum(map(text.count, "äöüßéèêçàáíóúñãõ’“”–•°µ≥≤±")) + len(re.findall("[\u0370-\uffef]", text)) - broken
    return text if good > 0 and broken <= max(1, good // 5) else None
