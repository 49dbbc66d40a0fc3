"""`manage.py demo`: starts everything, opens clinic `demo`, assesses a sample case over the API, keeps serving."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from apps.rag.selectors import generation
from medassist.accounts.access import Permission, Role, system_actor
from medassist.accounts.services import create_person, issue_api_key
from medassist.common.errors import MedAssistError
from medassist.embedded import control
from medassist.embedded.environment import apply_defaults, state_dir
from medassist.tenancy.context import clinic_context, public_context
from medassist.tenancy.selectors import all_clinics
from medassist.tenancy.services import open_clinic

CLINIC = "demo"
PEOPLE = (
    ("clinician", "Dr Clara Meyer", Role.CLINICIAN),
    ("nurse", "Noor Haddad", Role.NURSE),
    ("admin", "Ada Okafor", Role.CLINIC_ADMIN),
    ("auditor", "August Lind", Role.AUDITOR),
)
KEY_SCOPES = [
    Permission.CASE_SUBMIT,
    Permission.CASE_READ,
    Permission.CASE_CANCEL,
    Permission.JOB_READ,
    Permission.GUIDELINE_READ,
    Permission.WEBHOOK_MANAGE,
    Permission.NOTE_SUMMARIZE,
    Permission.NOTE_READ,
    Permission.CHAT_ASK,
    Permission.CHAT_READ,
    Permission.DOCUMENT_INGEST,
    Permission.DOCUMENT_READ,
    Permission.DOCUMENT_SEARCH,
]
CASE = Path(__file__).resolve().parents[2] / "data" / "demo_case.json"
WAIT_S = 120
DOWN = 3


class Command(BaseCommand):
    help = "Starts MedAssist on this machine with a demonstration clinic and assesses a sample case."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--no-serve", action="store_true", help="leave everything running in the background and return"
        )

    def handle(self, *_: Any, no_serve: bool, **__: Any) -> None:
        started = time.monotonic()
        self._say("Starting Postgres, Redis, backbone, events, web and worker")
        if status := control.up_detached(self.stdout.write):
            raise CommandError("MedAssist did not start; see the logs above", returncode=status)
        _follow_renewed_ports()
        secrets_ = self._clinic()
        self._say("Guidelines")
        if generation().passages == 0:
            call_command("ingest_guidelines", samples=True, stdout=self.stdout)
        else:
            self.stdout.write(f"  {generation().passages} passages are there already")
        self._say("A sample case through the API, the ledger and a Celery worker")
        answer = self._assess(secrets_["key"])
        self.stdout.write(printed(answer))
        port = os.environ["WEB_PORT"]
        self._say("Ready")
        self.stdout.write(f"  {time.monotonic() - started:.1f} s")
        self.stdout.write(
            f"  pages    http://{CLINIC}.localhost:{port}/   sign in as clinician, nurse, admin or auditor"
        )
        self.stdout.write(f"  password {secrets_['password']}   (for all of them, kept in {state_dir() / 'demo.json'})")
        self.stdout.write(f"  API      http://{CLINIC}.localhost:{port}/api/v1/docs/   key in the same file")
        self.stdout.write("  stop it  make down")
        if not no_serve:
            self._serve()

    def _say(self, words: str) -> None:
        self.stdout.write(f"\n== {words}")
        self.stdout.flush()

    def _clinic(self) -> dict[str, str]:
        """Opens the clinic and makes its people and key once; what they sign in with is kept in the state folder."""
        file = state_dir() / "demo.json"
        kept: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        if kept and CLINIC in {clinic.schema_name for clinic in all_clinics()}:
            self._say(f"Clinic {CLINIC} is there already")
            return kept
        self._say(f"Opening clinic {CLINIC}")
        open_clinic(schema_name=CLINIC, name="Demonstration Clinic", hosts=[f"{CLINIC}.localhost"], by="demo")
        password = secrets.token_urlsafe(12)
        with clinic_context(CLINIC):
            by = system_actor(CLINIC, "demo", scopes=frozenset(Permission))
            for username, full_name, role in PEOPLE:
                create_person(username=username, full_name=full_name, role=role, password=password, by=by)
        with public_context():
            key = issue_api_key(
                clinic=CLINIC,
                name="demo hospital system",
                expires_at=None,
                scopes=KEY_SCOPES,
                by=system_actor("public", "demo", scopes=frozenset(Permission)),
            ).key
        kept = {"password": password, "key": key}
        file.touch(mode=0o600)
        file.write_text(json.dumps(kept), encoding="utf-8")
        return kept

    def _assess(self, key: str) -> dict[str, Any]:
        body = CASE.read_bytes()
        first = _call("POST", "/api/v1/cases/analyze", key, body)
        self.stdout.write(
            f"  taken at once: triage floor {first['triage']['level']}, "
            f"{len(first['red_flags'])} red flags, NEWS2 {first['triage']['news2']['total']}"
        )
        ends_at = time.monotonic() + WAIT_S
        while time.monotonic() < ends_at:
            job = _call("GET", first["links"]["job"], key)
            if job["state"] == "done":
                found: dict[str, Any] = _call("GET", first["links"]["case"], key)
                return found
            if job["state"] in ("dead", "cancelled"):
                raise CommandError(f"The sample job ended as {job['state']} ({job['reason']})")
            time.sleep(0.2)
        raise CommandError(f"The sample case was not assessed within {WAIT_S} s; see {state_dir() / 'logs'}")

    def _serve(self) -> None:
        self.stdout.write("\nServing; Ctrl-C stops everything.")
        self.stdout.flush()
        try:
            while control.status(lambda _line: None, quiet=True) != DOWN:
                time.sleep(5)
            self.stdout.write("Everything was stopped.")
        except KeyboardInterrupt:
            sys.exit(control.down(self.stdout.write))


def _follow_renewed_ports() -> None:
    """A port that somebody else took while we were down has been replaced: begin anew with settings that know it."""
    before = dict(os.environ)
    apply_defaults()
    if os.environ != before:
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606


def _call(method: str, path: str, key: str, body: bytes | None = None) -> dict[str, Any]:
    # *.localhost resolves in browsers, not here: the loopback address with the clinic's host name.
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["WEB_PORT"]), timeout=60)
    try:
        connection.request(
            method, path, body, {"Host": f"{CLINIC}.localhost", "Authorization": f"Api-Key {key}", "Content-Type": "application/json"}
        )  # fmt: skip
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    finally:
        connection.close()
    if response.status >= 400:
        raise MedAssistError(
            f"{method} {path.split('?', maxsplit=1)[0]} answered {response.status} {answer.get('code')}"
        )
    return answer


def printed(detail: dict[str, Any]) -> str:
    """An assessment as text for a terminal."""
    found = detail["assessment"]
    evidence = {item["id"]: item for item in found["evidence"]}
    lines = [
        "",
        f"  {found['summary']['headline']}",
        f"  status {found['status']}{' (' + ', '.join(found['status_reasons']) + ')' if found['status_reasons'] else ''}",
        f"  TRIAGE {found['triage']['level']} (floor {found['triage']['floor']}, NEWS2 {found['triage']['news2']['total']})",
        f"  {found['escalation']['title']}: {found['escalation']['text']}",
        "",
        "  Red flags",
        *[f"    ! {flag['name']}: {', '.join(flag['evidence'])}" for flag in found["red_flags"]],
        "",
        "  Summary",
        *[f"    - {claim['text']}" for claim in found["summary"]["claims"]],
        "",
        "  Differential",
    ]
    for item in found["differential"]:
        lines.append(
            f"    {item['band'].replace('_', ' ').upper()}: {item['condition']}{' [' + item['icd10'] + ']' if item['icd10'] else ''}"
        )
        for sign, name in (("+", "claims_for"), ("-", "claims_against")):
            for claim in item[name]:
                marks = " ".join(f"[{cite['ref']}]" for cite in claim["cites"])
                lines.append(f"      {sign} {claim['text']} {marks}")
        lines += [f"      ? {note}" for note in item["claims_missing"]]
    lines += ["", "  Ask next", *[f"    ? {note}" for note in found["missing_information"]], "", "  Evidence"]
    lines += [
        f'    [{key}] {item["title"]} ({item["source"]}, {item["version"]}): "{item["quote"]}"'
        for key, item in evidence.items()
    ]
    lines += [
        "",
        *[f"  {text}" for text in found["disclaimers"]],
        "",
        f"  {found['grounding']['supported']} of {found['grounding']['claims']} claims supported, "
        f"{found['safety']['removed_sentences']} sentences removed; "
        f"{found['provenance']['model']}, {found['provenance']['index_snapshot']}, {sum(found['provenance']['timings_ms'].values())} ms",
    ]
    return "\n".join(lines)
