"""Reads guideline files (docs/data-team/guidelines.md): JSONL with one section a line in format 1 or 2, and
Markdown or text files that begin with a front matter."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

FORMATS = (1, 2)
REQUIRED = ("id", "title", "publisher", "collection", "version", "grade", "licence", "attribution", "text")


LONGEST = {
    "id": 120, "title": 300, "heading": 300, "publisher": 200, "collection": 200, "version": 60, "grade": 40,
    "specialty": 60, "language": 10, "url": 500, "licence": 60, "jurisdiction": 60, "withdrawn_reason": 300,
}  # fmt: skip
"""Characters that the database takes; a test holds them to the model's own."""
OPTIONAL = ("heading", "specialty", "language", "url")
OPTIONAL_2 = ("jurisdiction", "withdrawn_reason")
KNOWN_2 = {*REQUIRED, *OPTIONAL, *OPTIONAL_2, "format", "published", "review_due", "supersedes", "withdrawn"}
LONGEST_REFERENCE = 181
"""work@version."""
MOST_REFERENCES = 200
ENDINGS = frozenset({".jsonl", ".md", ".markdown", ".txt"})

_FRONT = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_PAIR = re.compile(r"([A-Za-z_]+)\s*:\s*(.*)")


@dataclass(frozen=True)
class GuidelineText:
    id: str
    title: str
    publisher: str
    collection: str
    version: str
    grade: str
    licence: str
    attribution: str
    text: str
    heading: str = ""
    published: date | None = None
    specialty: str = ""
    language: str = "en"
    url: str = ""
    jurisdiction: str = ""
    review_due: date | None = None
    supersedes: tuple[str, ...] = ()
    withdrawn: bool = False
    withdrawn_reason: str = ""

    @property
    def content_hash(self) -> str:
        """Names this version. What format 2 added counts only where it is given, so that sections stored in
        format 1 are known again."""
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in _HASHED)
        added = f", jurisdiction={self.jurisdiction!r}" if self.jurisdiction else ""
        return hashlib.sha256(f"GuidelineText({shown}{added})".encode()).hexdigest()


_HASHED = tuple(
    field.name
    for field in fields(GuidelineText)
    if field.name not in {"jurisdiction", "review_due", "supersedes", "withdrawn", "withdrawn_reason"}
)


@dataclass(frozen=True)
class Problem:
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class _Refused(Exception):
    pass


def read(path: Path) -> Iterator[GuidelineText | Problem]:
    """Every section as a text or as what is wrong with it; a folder gives its files in the order of their names."""
    files = sorted(file for file in path.rglob("*") if _is_ours(file, path)) if path.is_dir() else [path]
    for file in files:
        try:
            if file.suffix.lower() in {".md", ".markdown", ".txt"}:
                yield _read_file(file)
            else:
                yield from _read_lines(file)
        except (OSError, UnicodeDecodeError) as error:
            yield Problem(file.name, f"cannot be read ({type(error).__name__})")


def _is_ours(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return file.suffix.lower() in ENDINGS and not hidden and file.is_file()


def _read_lines(file: Path) -> Iterator[GuidelineText | Problem]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _checked(f"{file.name}:{number}", lambda line=line: _of_line(line))


def _read_file(file: Path) -> GuidelineText | Problem:
    content = file.read_text(encoding="utf-8")
    return _checked(file.name, lambda: _of_file(content, file.stem))


def _checked(where: str, make: Any) -> GuidelineText | Problem:
    try:
        text: GuidelineText = make()
    except _Refused as refused:
        return Problem(where, str(refused))
    return text


def _of_line(line: str) -> GuidelineText:
    try:
        data: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise _Refused("not JSON") from None
    if not isinstance(data, dict) or data.get("format") not in FORMATS or isinstance(data.get("format"), bool):
        raise _Refused("format: must be 1 or 2")
    if data["format"] == 1:
        return _text_of(data)
    if unknown := sorted(set(data) - KNOWN_2):
        raise _Refused(f"{unknown[0][:40]}: not a field of format 2")
    return _text_of(data, **_of_format_2(data))


def _of_file(content: str, stem: str) -> GuidelineText:
    """A front matter of `name: value` lines between two lines of `---`, then the text; always format 2."""
    front = _FRONT.match(content)
    if front is None:
        raise _Refused("no front matter: the file must begin with a line ---")
    data: dict[str, Any] = {"id": stem}
    for line in front[1].splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pair = _PAIR.fullmatch(line.strip())
        if pair is None:
            raise _Refused(f"front matter: not a line of the form name: value ({line.strip()[:40]})")
        data[pair[1].lower()] = _unquoted(pair[2])
    if unknown := sorted(set(data) - (KNOWN_2 - {"text"})):
        raise _Refused(f"{unknown[0][:40]}: not a field of format 2")
    if data.pop("format", "2") != "2":
        raise _Refused("format: a front matter is format 2")
    if "supersedes" in data:
        data["supersedes"] = [name.strip(" \"'") for name in data["supersedes"].strip("[]").split(",") if name.strip()]
    if "withdrawn" in data:
        if data["withdrawn"].lower() not in {"true", "false"}:
            raise _Refused("withdrawn: must be true or false")
        data["withdrawn"] = data["withdrawn"].lower() == "true"
    data = {name: value for name, value in data.items() if value != ""}
    data["text"] = content[front.end() :].strip("\n")
    return _text_of(data, **_of_format_2(data))


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _text_of(data: Mapping[str, Any], **added: Any) -> GuidelineText:
    for name in REQUIRED:
        if not isinstance(data.get(name), str) or not data[name].strip():
            raise _Refused(f"{name}: missing or empty")
    given = {name: data[name] for name in (*REQUIRED, *OPTIONAL) if name in data}
    for name, value in given.items():
        _hold(name, value)
    return GuidelineText(**given, published=_date(data, "published"), **added)


def _of_format_2(data: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: data[name] for name in OPTIONAL_2 if name in data}
    for name, value in given.items():
        _hold(name, value)
    replaced = data.get("supersedes", [])
    if (
        not isinstance(replaced, list)
        or len(replaced) > MOST_REFERENCES
        or not all(
            isinstance(name, str) and 0 < len(name) <= LONGEST_REFERENCE and "\x00" not in name for name in replaced
        )
    ):
        raise _Refused("supersedes: must be a list of works (work or work@version)")
    if {data.get("id"), f"{data.get('id')}@{data.get('version')}"} & set(replaced):
        raise _Refused("supersedes: names itself; a new version supersedes the earlier ones without it")
    withdrawn = data.get("withdrawn", False)
    if not isinstance(withdrawn, bool):
        raise _Refused("withdrawn: must be true or false")
    if withdrawn and not str(data.get("withdrawn_reason", "")).strip():
        raise _Refused("withdrawn_reason: missing or empty")
    return {
        **given,
        "review_due": _date(data, "review_due"),
        "supersedes": tuple(dict.fromkeys(replaced)),
        "withdrawn": withdrawn,
    }


def _hold(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise _Refused(f"{name}: must be a text")
    if "\x00" in value:
        raise _Refused(f"{name}: holds a NUL character")
    if len(value) > LONGEST.get(name, len(value)):
        raise _Refused(f"{name}: longer than {LONGEST[name]} characters")


def _date(data: Mapping[str, Any], name: str) -> date | None:
    try:
        return date.fromisoformat(data[name]) if data.get(name) else None
    except (TypeError, ValueError):
        raise _Refused(f"{name}: must be YYYY-MM-DD") from None
