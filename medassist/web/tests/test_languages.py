"""The pages in another language: every word of theirs is in the catalogue, with the same placeholders, compiled."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(settings.BASE_DIR)
CATALOGUE = ROOT / "medassist/locale/es/LC_MESSAGES/django"
_CALLS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
_IN_TEMPLATE = re.compile(r"""\b(?:n?gettext|_)\(\s*u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
_PLACE = re.compile(r"%\(\w+\)[sd]|%%|\{\w+\}")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


def said() -> Iterator[tuple[str, Path]]:
    """Every text that the pages mark for translation; the admin site's own forms and models are Django's to say."""
    for folder in ("views", "forms.py", "templatetags"):
        for path in [*ROOT.glob(f"apps/*/{folder}"), *ROOT.glob(f"medassist/*/{folder}")]:
            for file in [path] if path.is_file() else sorted(path.glob("**/*.py")):
                for call in ast.walk(ast.parse(file.read_text("utf-8"))):
                    name = getattr(getattr(call, "func", None), "id", "") or getattr(
                        getattr(call, "func", None), "attr", ""
                    )
                    if (
                        isinstance(call, ast.Call)
                        and name in _CALLS
                        and call.args
                        and isinstance(call.args[0], ast.Constant)
                    ):
                        yield str(call.args[0].value), file
    for file in [*ROOT.glob("apps/*/templates/**/*.html"), *ROOT.glob("medassist/templates/**/*.html")]:
        if "admin" not in file.name and "/templates/admin/" not in file.as_posix():
            for match in _IN_TEMPLATE.finditer(templatize(file.read_text("utf-8"))):
                yield ast.literal_eval(match.group(1)), file


def written() -> dict[str, str]:
    """msgid -> msgstr (the first of several) as the text file says."""
    found: dict[str, str] = {}
    for block in CATALOGUE.with_suffix(".po").read_text("utf-8").split("\n\n"):
        parts = {line.split(" ", 1)[0]: "".join(map(ast.literal_eval, [f'"{text}"' for text in _STRING.findall(line)]))
                 for line in block.splitlines() if line.startswith("msg")}  # fmt: skip
        if parts.get("msgid"):
            found[parts["msgid"]] = parts.get("msgstr") or parts["msgstr[0]"]
    return found


def test_every_word_of_the_pages_is_there_in_spanish() -> None:
    known = written()
    missing = {text: str(file.relative_to(ROOT)) for text, file in said() if text.strip() and text not in known}
    assert len(known) > 800
    assert missing == {}


def test_no_placeholder_is_lost() -> None:
    plural = {text for text in written() if "%(n" in text or "%(minutes" in text}
    for text, other in written().items():
        if text not in plural:
            assert sorted(_PLACE.findall(text)) == sorted(_PLACE.findall(other)), text


def test_what_is_served_is_what_is_written() -> None:
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        served = gettext.GNUTranslations(file)
    stale = [text for text, other in written().items() if served.gettext(text) != other and "msgid_plural" not in text]
    plurals = [text for text in stale if served.ngettext(text, text, 1) != written()[text]]
    assert plurals == [], "compile it again: manage.py compilemessages"


@pytest.mark.django_db
def test_a_reader_chooses_a_language(api: Any, alice: Any) -> None:
    browser = api(alice)
    assert "Lista de trabajo" in browser.get("/cases/", headers={"Accept-Language": "es-MX,es;q=0.9"}).content.decode()
    assert "Work list" in browser.get("/cases/", headers={"Accept-Language": "fr"}).content.decode()
    chosen = browser.post("/language/", {"language": "es", "next": "/cases/"})
    assert (chosen.status_code, chosen["Location"]) == (302, "/cases/")
    page = browser.get("/cases/").content.decode()
    assert "Lista de trabajo" in page
    assert '<html lang="es"' in page
    away = browser.post("/language/", {"language": "es", "next": "https://elsewhere.example/"})
    assert away["Location"] == "/"
