"""PNG files as ComfyUI saves them (8 bits a channel, not interlaced): checked to the last byte, labelled, rewritten.

The label is a band of rows below the picture, so nobody can overlook it, and text chunks. Rows of a PNG are filtered
against the row above only: a band at the end needs none of the picture's own rows decoded. What the server wrote into
the file itself (ComfyUI: the whole workflow) is left out.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_PIXELS = 4096 * 4096
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
_HEADER = struct.Struct(">IIBBBBB")

# Five columns a letter, the lowest bit on top.
_FONT = {
    "A": "7E1111117E", "B": "7F49494936", "C": "3E41414122", "D": "7F4141413E", "E": "7F49494941", "F": "7F09090901",
    "G": "3E41415173", "H": "7F0808087F", "I": "00417F4100", "J": "2040413F01", "K": "7F08142241", "L": "7F40404040",
    "M": "7F021C027F", "N": "7F0408107F", "O": "3E4141413E", "P": "7F09090906", "Q": "3E4151215E", "R": "7F09192946",
    "S": "2649494932", "T": "03017F0103", "U": "3F4040403F", "V": "1F2040201F", "W": "3F4038403F", "X": "6314081463",
    "Y": "0304780403", "Z": "6159494D43", "0": "3E5149453E", "1": "00427F4000", "2": "7249494946", "3": "2141494D33",
    "4": "1814127F10", "5": "2745454539", "6": "3C4A494931", "7": "4121110907", "8": "3649494936", "9": "464949291E",
    "-": "0808080808", ".": "0000606000", ":": "0000140000", " ": "0000000000",
}  # fmt: skip
_DARK, _LIGHT = 24, 245


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG that was read whole; `rows` are its filtered rows as they stand in the file."""

    width: int
    height: int
    colour: int
    rows: bytes

    @property
    def stride(self) -> int:
        return self.width * _CHANNELS[self.colour] + 1


def read(data: bytes) -> Picture:
    """Raises `ValueError` for what is no PNG, is cut off or damaged, or is of a form that we do not take."""
    if not data.startswith(SIGNATURE):
        raise ValueError("no PNG")
    header, body, ended = b"", [], False
    for kind, content in _chunks(data):
        if kind == b"IHDR":
            header = content
        elif kind == b"IDAT":
            body.append(content)
        elif kind == b"IEND":
            ended = True
    if not ended or len(header) != _HEADER.size:
        raise ValueError("cut off")
    width, height, depth, colour, compression, filtering, interlace = _HEADER.unpack(header)
    if depth != 8 or colour not in _CHANNELS or compression or filtering or interlace:
        raise ValueError("of a form that is not taken")
    if not 0 < width * height <= MOST_PIXELS:
        raise ValueError("too large")
    picture = Picture(width, height, colour, b"")
    rows = _unpacked(b"".join(body), picture.stride * height)
    if any(rows[at] > 4 for at in range(0, len(rows), picture.stride)):
        raise ValueError("damaged")
    return Picture(width, height, colour, rows)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(data):
        if at + 12 > len(data):
            raise ValueError("cut off")
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 12 + length
        if end > len(data):
            raise ValueError("cut off")
        kind, content = data[at + 4 : at + 8], data[at + 8 : end - 4]
        if zlib.crc32(kind + content) != struct.unpack_from(">I", data, end - 4)[0]:
            raise ValueError("damaged")
        yield kind, content
        at = end


def _unpacked(packed: bytes, expected: int) -> bytes:
    engine = zlib.decompressobj()
    try:
        rows = engine.decompress(packed, expected + 1)
    except zlib.error as error:
        raise ValueError("damaged") from error
    if len(rows) != expected or not engine.eof:
        raise ValueError("damaged")
    return rows


def labelled(picture: Picture, *, caption: str, texts: Mapping[str, str]) -> bytes:
    """The picture as a PNG file with `caption` in a band below it and `texts` (keyword -> text) as its only metadata.

    The caption is written in capitals; raises `ValueError` for a letter that the small alphabet does not have.
    """
    lines, scale = _wrapped(caption.upper(), picture.width)
    band = _band(lines, scale, picture)
    height = picture.height + len(band) // picture.stride
    header = _HEADER.pack(picture.width, height, 8, picture.colour, 0, 0, 0)
    return b"".join(
        (
            SIGNATURE,
            _chunk(b"IHDR", header),
            *(_chunk(b"iTXt", _text(keyword, text)) for keyword, text in texts.items()),
            _chunk(b"IDAT", zlib.compress(picture.rows + band, 6)),
            _chunk(b"IEND", b""),
        )
    )


def texts_of(data: bytes) -> dict[str, str]:
    """The text chunks of a PNG file, for who reads its provenance."""
    found = {}
    for kind, content in _chunks(data):
        if kind == b"iTXt":
            keyword, _, rest = content.partition(b"\0")
            found[keyword.decode("latin-1")] = rest[2:].split(b"\0", 2)[2].decode("utf-8")
        elif kind == b"tEXt":
            keyword, _, rest = content.partition(b"\0")
            found[keyword.decode("latin-1")] = rest.decode("latin-1")
    return found


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _text(keyword: str, text: str) -> bytes:
    # Not compressed, no language: readable in the file with any editor.
    return keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode("utf-8")


def _wrapped(caption: str, width: int) -> tuple[list[str], int]:
    scale = max(1, width // 256)
    most = max(1, (width - 4 * scale) // (6 * scale))
    lines: list[str] = []
    for word in caption.split():
        if lines and len(lines[-1]) + 1 + len(word) <= most:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines, scale


def _band(lines: list[str], scale: int, picture: Picture) -> bytes:
    dark, light = _pixel(_DARK, picture.colour), _pixel(_LIGHT, picture.colour)
    empty = b"\0" + dark * picture.width
    rows = [empty] * (2 * scale)
    for line in lines:
        for row in range(7):
            dots = [dark, dark] * scale
            for letter in line:
                if letter not in _FONT:
                    raise ValueError(f"no letter {letter!r} in the alphabet")
                columns = bytes.fromhex(_FONT[letter])
                for column in (*columns, 0):
                    dots += [light if column >> row & 1 else dark] * scale
            dots += [dark] * (picture.width - len(dots))
            rows += [b"\0" + b"".join(dots[: picture.width])] * scale
        rows += [empty] * (2 * scale)
    return b"".join(rows)


def _pixel(value: int, colour: int) -> bytes:
    alpha = b"\xff" if colour in (4, 6) else b""
    return bytes([value]) * (1 if colour in (0, 4) else 3) + alpha
