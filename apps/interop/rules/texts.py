"""Encounters, reports and documents: why the patient is here, and what was written."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from apps.interop.rules import moment as recent
from apps.interop.rules import vocabulary
from apps.interop.rules.entries import Bundle, Entry
from apps.interop.rules.moment import Moment, effective
from apps.interop.rules.values import (
    Json,
    code_in,
    codes,
    period,
    text_of,
    thing,
    things,
    unreadable,
    word,
    words_of_html,
)
from medassist.clinical.case import LONG_TEXT

_ROOM = 20_000
"""Characters of the history that are kept for what is not a document."""
_PRESENT = frozenset({"arrived", "triaged", "in-progress", "onleave"})
_TEXT = frozenset({"text/plain", "text/markdown", "text/html", "application/xhtml+xml"})


@dataclass(slots=True)
class Written:
    history: list[str] = field(default_factory=list)
    examination: list[str] = field(default_factory=list)
    social_history: list[str] = field(default_factory=list)
    complaints: list[tuple[str, Entry]] = field(default_factory=list)

    def add(self, bundle: Bundle, entry: Entry, text: str) -> bool:
        """Adds to the history while there is room; one long document must not cost the whole record."""
        if sum(map(len, self.history)) + len(text) > LONG_TEXT - _ROOM:
            bundle.tell(entry, "too_long", "The text is longer than what the history has room for.")
            return False
        self.history.append(text)
        entry.mark_used()
        return True


# --- the encounter that the case is about -------------------------------------------------------------


def present_encounter(bundle: Bundle, moment: Moment) -> Entry | None:
    """The newest encounter that is going on, else the newest that ended in the last days; the others are left out."""
    read, _ = vocabulary.STATUS["Encounter"]
    open_now, over = [], []
    for entry in bundle.of("Encounter"):
        status = word(entry.resource.get("status"))
        start, end = period(entry.resource.get("period"))
        if status not in read:
            bundle.leave_out(entry, "status", "The encounter has not taken place, or was an error.")
        elif moment.is_future(start):
            bundle.tell(entry, "in_the_future", "It is dated after the moment of the case.")
        elif status in _PRESENT and end is None:
            open_now.append((start.start.isoformat() if start else "", entry))
        elif moment.is_old(end or start, recent.ENCOUNTER):
            bundle.leave_out(
                entry, "older_than_case", "The encounter ended more than 7 days before the moment of the case."
            )
        else:
            over.append((start.start.isoformat() if start else "", entry))
    ordered = sorted(over, key=lambda item: item[0]) + sorted(open_now, key=lambda item: item[0])
    if not ordered:
        return None
    for _, entry in ordered[:-1]:
        bundle.leave_out(entry, "other_encounter", "A later encounter is the one that the case is about.")
    return ordered[-1][1]


def reasons(bundle: Bundle, encounter: Entry, into: str) -> list[str]:
    """Why the patient came, as the encounter says: reasonCode, reasonReference, a diagnosis in the role chief complaint.

    `into` is the part of the case that they go to, for the list of codes.
    """
    resource = encounter.resource
    found = []
    for concept in things(resource.get("reasonCode")):
        if text := text_of(concept):
            found.append(text)
            bundle.keep_codes(encounter, concept, into)
    targets = things(resource.get("reasonReference"))
    targets += [
        thing(item.get("condition")) for item in things(resource.get("diagnosis"))
        if code_in(item.get("use"), vocabulary.DIAGNOSIS_ROLE) == "CC"
    ]  # fmt: skip
    for reference in targets:
        target = bundle.resolve(word(reference.get("reference")), encounter)
        if target and (target.quarantined or _is_error(target)):
            continue
        if text := (text_of(target.resource.get("code")) if target else "") or word(reference.get("display")):
            found.append(text)
            if target:
                bundle.keep_codes(target, target.resource.get("code"), into)
                target.mark_used()
        else:
            bundle.tell(encounter, "reason_missing", "The reason that it refers to was not sent.", outcome="note")
    return list(dict.fromkeys(found))


def _is_error(target: Entry) -> bool:
    verification = code_in(target.resource.get("verificationStatus"), vocabulary.CONDITION_VERIFICATION)
    return "entered-in-error" in {verification, target.resource.get("status")} or verification == "refuted"


def kind_of_visit(encounter: Entry) -> str:
    return next((text for item in things(encounter.resource.get("type")) if (text := text_of(item))), "")


# --- what was written ---------------------------------------------------------------------------------


def read_texts(bundle: Bundle, moment: Moment) -> Written:
    written = Written()
    for entry in bundle.of("Composition"):
        _composition(bundle, entry, moment, written)
    for entry in bundle.of("DocumentReference"):
        _document(bundle, entry, moment, written)
    for entry in bundle.of("DiagnosticReport"):
        _report(bundle, entry, moment, written)
    return written


def _is_recent(bundle: Bundle, entry: Entry, moment: Moment) -> bool:
    at = effective(entry)
    if word(entry.resource.get("status")) not in vocabulary.STATUS[entry.kind][0]:
        bundle.leave_out(entry, "status", "The status says that it does not count.")
    elif moment.is_future(at):
        bundle.tell(entry, "in_the_future", "It is dated after the moment of the case.")
    elif moment.is_old(at, recent.TEXTS):
        bundle.leave_out(entry, "older_than_case", "It was written more than 30 days before the moment of the case.")
    else:
        return True
    return False


def _dated(entry: Entry, name: str) -> str:
    at = effective(entry)
    return f"{name} ({at.day})" if at else name


def _document(bundle: Bundle, entry: Entry, moment: Moment, written: Written) -> None:
    resource = entry.resource
    if not _is_recent(bundle, entry, moment):
        return None
    state = word(resource.get("docStatus"))
    if resource.get("docStatus") is not None and state not in vocabulary.DOC_STATUS[0] | vocabulary.DOC_STATUS[1]:
        return bundle.tell(entry, "unknown_status", "The docStatus is not one of FHIR R4.")
    if state in vocabulary.DOC_STATUS[1]:
        return bundle.leave_out(entry, "status", "The document was an error.")
    name = text_of(resource.get("type")) or word(resource.get("description")) or "Document"
    texts = _attached(bundle, entry, [thing(item.get("attachment")) for item in things(resource.get("content"))])
    for text in texts:
        if written.add(bundle, entry, f"{_dated(entry, name)}:\n{text}"):
            bundle.keep_codes(entry, resource.get("type"), "history")
    return None


def _report(bundle: Bundle, entry: Entry, moment: Moment, written: Written) -> None:
    resource = entry.resource
    for reference in things(resource.get("result")):
        if (target := word(reference.get("reference"))) and bundle.resolve(target, entry) is None:
            bundle.tell(entry, "member_missing", "A result of the report was not sent.", outcome="note")
            break
    if not _is_recent(bundle, entry, moment):
        return
    name = text_of(resource.get("code")) or "Report"
    texts = _attached(bundle, entry, things(resource.get("presentedForm")))
    concluded = [word(resource.get("conclusion"))]
    for concept in things(resource.get("conclusionCode")):
        if (text := text_of(concept)) and text not in concluded[0]:
            concluded.append(text)
            bundle.keep_codes(entry, concept, "history")
    texts = [*filter(None, ["; ".join(filter(None, concluded))]), *texts]
    for text in texts:
        written.add(bundle, entry, f"{_dated(entry, name)}: {text}")
    if texts:
        bundle.keep_codes(entry, resource.get("code"), "history")
    elif not entry.used and not entry.quarantined:
        bundle.leave_out(entry, "no_text", "The report has no words of its own; its results are read by themselves.")


def _attached(bundle: Bundle, entry: Entry, attachments: list[Json]) -> list[str]:
    """The texts that the attachments hold themselves. Nothing is fetched: an address is only told of."""
    texts, wrong = [], []
    for attachment in attachments:
        kind = word(attachment.get("contentType")).lower().split(";")[0].strip()
        if not word(attachment.get("data")):
            wrong.append(("attachment_not_sent", "The attachment is an address; nothing is fetched from outside."))
        elif kind not in _TEXT:
            wrong.append(("attachment_not_text", "The attachment is no text; send it as a document of the case."))
        elif (text := _decoded(attachment, kind)) is None:
            wrong.append(("attachment_unreadable", "The attachment is no base64 of text in its character set."))
        elif text:
            texts.append(text)
    if not texts and not wrong and attachments:
        wrong.append(("attachment_empty", "The attachment holds no text."))
    for code, reason in dict.fromkeys(wrong):
        bundle.tell(entry, code, reason, outcome="note" if texts else "quarantined")
    return texts


def _decoded(attachment: Json, kind: str) -> str | None:
    declared = word(attachment.get("contentType")).lower().partition("charset=")[2].strip('" ') or "utf-8"
    if declared not in {"utf-8", "us-ascii", "iso-8859-1", "windows-1252"}:
        return None
    try:
        raw = base64.b64decode("".join(word(attachment.get("data")).split()), validate=True)
        text = raw.decode(declared)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    if unreadable(text):
        return None
    return words_of_html(text) if "html" in kind else text.strip()


def _composition(bundle: Bundle, entry: Entry, moment: Moment, written: Written) -> None:
    if not _is_recent(bundle, entry, moment):
        return
    waiting = list(reversed(things(entry.resource.get("section"))))
    missed = False
    while waiting:
        section = waiting.pop()
        waiting += reversed(things(section.get("section")))
        text = words_of_html(word(thing(section.get("text")).get("div")))
        if not text:
            continue
        place = next(
            (
                vocabulary.SECTIONS[one.code] for one in codes(section.get("code"))
                if one.system == vocabulary.LOINC and one.code in vocabulary.SECTIONS
            ),
            "",
        )  # fmt: skip
        if not place:
            missed = True
            continue
        if place == "presenting_complaint":
            written.complaints.append((text, entry))
        else:
            getattr(written, place).append(text)
        bundle.keep_codes(entry, section.get("code"), place)
        entry.mark_used()
    if missed:
        bundle.tell(entry, "section_not_read", "Sections of other kinds are not read as text.", outcome="note")
    if not entry.used:
        bundle.leave_out(entry, "no_text", "No section holds a complaint, a history or findings.")
