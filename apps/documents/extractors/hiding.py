"""Which elements of a web page nobody sees: hidden text is a road for instructions to a machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_ZERO = re.compile(r"0*\.?0*(?:px|em|rem|pt|%|vh|vw)?\Z")
_SMALL = re.compile(r"(?:0*\.\d+|0*1(?:\.0*)?)(?:px|pt)\Z")
_FAR = re.compile(r"-\d{3,}(?:\.\d+)?(?:px|em|rem|pt|%|vw|vh)?\Z")
_SELECTOR = re.compile(r"([a-z][a-z0-9]*|\*)?((?:[.#][\w-]+)*)\Z", re.IGNORECASE)
MOST_RULES = 2_000


def hides(style: str) -> bool:
    """Of a list of CSS declarations: whether what carries them cannot be seen."""
    said: dict[str, str] = {}
    for declaration in style.lower().split(";"):
        name, _, value = declaration.partition(":")
        said[name.strip()] = value.replace("!important", "").strip()
    if said.get("display") == "none" or said.get("visibility") in {"hidden", "collapse"}:
        return True
    if said.get("content-visibility") == "hidden" or (said.get("opacity") and _ZERO.match(said["opacity"])):
        return True
    size = said.get("font-size", "")
    if size and (_ZERO.match(size) or _SMALL.match(size)):
        return True
    return _out_of_sight(said) or _same_colours(said)


def _out_of_sight(said: Mapping[str, str]) -> bool:
    placed = said.get("position") in {"absolute", "fixed", "relative"}
    if placed and any(_FAR.match(said.get(side, "")) for side in ("left", "top", "right", "bottom")):
        return True
    if _FAR.match(said.get("text-indent", "")) or re.match(r"scale\(\s*0\s*[,)]", said.get("transform", "")):
        return True
    clipped = said.get("clip", "").replace(" ", "").startswith(("rect(0,0,0,0", "rect(0px,0px,0px,0px", "rect(1px,1px"))
    shrunk = said.get("overflow") == "hidden" and any(
        _ZERO.match(said.get(side, "x")) or _SMALL.match(said.get(side, "x"))
        for side in ("height", "width", "max-height", "max-width")
    )
    return (placed and clipped) or shrunk


def _same_colours(said: Mapping[str, str]) -> bool:
    colour = said.get("color", "")
    ground = said.get("background-color") or said.get("background", "")
    return colour == "transparent" or bool(colour and _plain(colour) == _plain(ground))


def _plain(colour: str) -> str:
    names = {"white": "#ffffff", "black": "#000000", "#fff": "#ffffff", "#000": "#000000"}
    bare = colour.replace(" ", "")
    return names.get(bare, bare)


class HidingRules:
    """The rules of a page's style sheets that hide, as far as their selectors are simple (`p`, `.note`, `td#x.y`)."""

    def __init__(self) -> None:
        self._rules: list[tuple[str, frozenset[str]]] = []

    def read(self, sheet: str) -> None:
        for selectors, declarations in _rules(_COMMENT.sub("", sheet)):
            if not hides(declarations):
                continue
            for selector in selectors.split(","):
                match = _SELECTOR.match(selector.strip())
                if match and match[0] and len(self._rules) < MOST_RULES:
                    marks = frozenset(re.findall(r"[.#][\w-]+", match[2]))
                    self._rules.append(((match[1] or "*").lower(), marks))

    def hide(self, tag: str, classes: Iterable[str], identity: str) -> bool:
        if not self._rules:
            return False
        marks = {f".{name}" for name in classes} | ({f"#{identity}"} if identity else set())
        return any(name in {"*", tag} and needed <= marks for name, needed in self._rules)


def _rules(sheet: str) -> Iterable[tuple[str, str]]:
    """Rules outside of @media and its like: those say what is hidden elsewhere, in print for example."""
    depth, start, selectors, conditional = 0, 0, "", 0
    for match in re.finditer(r"[{}]", sheet):
        if match[0] == "{":
            depth += 1
            if depth == 1:
                selectors = sheet[start : match.start()].rpartition(";")[2].strip()
                conditional = 1 if selectors.startswith("@") else 0
            start = match.end()
        else:
            if depth == 1 and not conditional:
                yield selectors, sheet[start : match.start()]
            depth = max(0, depth - 1)
            start = match.end()
