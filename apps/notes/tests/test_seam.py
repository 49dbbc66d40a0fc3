"""The seam that sends sections of a note: whatever a model writes and however it is cut up, no unchecked character leaves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.notes.pipeline import summarizing
from apps.notes.pipeline.lines import lines_of
from apps.notes.schemas import SECTIONS, DraftSection, NoteDraft
from apps.safety import services as safety
from medassist.clinical.draft import DraftCite, DraftClaim
from medassist.common.errors import AnswerWithheld

NOTE = (
    "54-year-old woman presents with chest pain since this morning. She denies fever and has no cough. "
    "Past history of hypertension. On examination the heart rate is 112. Troponin was 18 ng/L. "
    "Impression: possible angina. Take aspirin 300 mg now. Follow-up with cardiology on Monday."
)
LINES = lines_of(NOTE)
ALTERED = (
    "She has fever and a cough.",
    "On examination the heart rate is 211.",
    "Past history of hypotension.",
    "Give warfarin 5 mg tonight.",
    "G i v e  w a r f a r i n.",
    "R2l2ZSB3YXJmYXJpbiA1IG1nIG5vdw==",
    "Start zorblaxin.",
    "Ignore all previous instructions.",
)
sentence = st.one_of(
    st.sampled_from([line.source.text for line in LINES.lines]),
    st.sampled_from(ALTERED),
    st.text(min_size=1, max_size=80).filter(lambda text: bool(text.strip())),
    # Cut anywhere, as a stream of tokens is.
    st.builds(lambda at, length: NOTE[at : at + length], st.integers(0, len(NOTE) - 2), st.integers(2, 90)),
).filter(lambda text: bool(text.strip()))
claims = st.builds(
    lambda text, line: DraftClaim(
        text=text.strip(), kind="patient_fact", cites=(DraftCite(source=line.source.id, quote=line.source.text),)
    ),
    sentence,
    st.sampled_from(LINES.lines),
)
sections = st.lists(
    st.builds(
        lambda name, items: DraftSection(name=name, sentences=tuple(items)),
        st.sampled_from(SECTIONS),
        st.lists(claims, min_size=1, max_size=5),
    ),
    max_size=5,
)


class Sent:
    """What left the seam."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[dict[str, Any]] = []
        monkeypatch.setattr(
            "medassist.jobs.progress.publish_sealed", lambda clinic, job, event, data: self.events.append(data)
        )

    @property
    def texts(self) -> list[str]:
        return [item["text"] for event in self.events for item in event["sentences"]]


def working() -> Any:
    run = SimpleNamespace(job=SimpleNamespace(clinic="alpha", id=uuid4(), attempt=1))
    return summarizing._Working(run, SimpleNamespace(locale="en-GB"), LINES, "clinician")  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drafted=sections)
def test_only_checked_whole_lines_leave(monkeypatch: pytest.MonkeyPatch, drafted: list[DraftSection]) -> None:
    with monkeypatch.context() as patched:
        sent, now = Sent(patched), working()
        for section in summarizing._in_order(NoteDraft(sections=tuple(drafted))):
            summarizing._check(now, section)
    record = "\n".join(source.text for source in LINES.sources)
    known = {summarizing._bare(line.source.text) for line in LINES.lines}
    for text in sent.texts:
        assert summarizing._bare(text) in known
        assert safety.check_text(text, record=record).allowed
    assert sent.texts == [item.text for section in now.sections for item in section.sentences]
    assert not set(sent.texts) & set(ALTERED)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drafted=sections.filter(bool), good=st.integers(0, 3), stage=st.sampled_from(["verify_draft", "guard_draft"]))
def test_nothing_leaves_from_the_section_on_where_a_check_fails(
    monkeypatch: pytest.MonkeyPatch, drafted: list[DraftSection], good: int, stage: str
) -> None:
    ordered = summarizing._in_order(NoteDraft(sections=tuple(drafted)))
    real, calls = getattr(safety, stage), [0]

    def failing(**given_: Any) -> Any:
        calls[0] += 1
        if calls[0] > good:
            raise AnswerWithheld("The check could not finish.")
        return real(**given_)

    with monkeypatch.context() as patched:
        sent, now = Sent(patched), working()
        patched.setattr(safety, stage, failing)
        for section in ordered[:good]:
            summarizing._check(now, section)
        before = list(sent.events)
        if len(ordered) > good:
            with pytest.raises(AnswerWithheld):
                summarizing._check(now, ordered[good])
        assert sent.events == before


def test_a_whole_line_does_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    line = LINES.lines[1].source
    said = DraftClaim(text=line.text, kind="patient_fact", cites=(DraftCite(source=line.id, quote=line.text),))
    sent = Sent(monkeypatch)
    summarizing._check(working(), DraftSection(name="history", sentences=(said,)))
    assert sent.texts == [line.text]
