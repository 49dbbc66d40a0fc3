"""When an answer is not given, or is given with less: what the record lacks, contradicts, or asks that cannot be answered.

`STOPS` end the assessment before a model is asked: triage, red flags, missing information and escalation are still shown.
`LIMITS` let it go on, named beside the result; without an age no condition is called likely. All three limits
together stop it: nothing that a differential rests on is known (SAFETY section 3). No clinician has signed this off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from apps.safety.rules.language import share_unreadable
from apps.safety.rules.readings import age_from_words
from apps.safety.schemas import Abstention
from medassist.clinical.case import CaseInput

STOPS = frozenset({"unsupported_language", "contradictory_input", "image_or_signal", "key_facts_missing"})
LIMITS = frozenset({"missing_age", "missing_duration", "missing_red_flag_screen"})
MOST_UNREADABLE = 0.5
SOME_UNREADABLE = 0.1

WORDS = {
    "unsupported_language": "Most of the text is not in English. The triage rules cannot read it: the urgency shown rests on the "
    "structured values alone. Have it translated and submit it again.",
    "partly_unreadable": "Part of the text is not in English. The triage rules did not read that part.",
    "image_or_signal": "Images, tracings and recordings are not read. Submit the report of the person who read them.",
    "missing_age": "Age is not recorded.",
    "missing_duration": "How long the complaint has lasted is not recorded.",
    "missing_red_flag_screen": "Neither vital signs, nor an examination, nor findings that are absent are recorded: red flags were not "
    "screened for.",
}  # fmt: skip
_SOURCES = (
    r"(?:ecgs?|ekgs?|x-?rays?|radiographs?|cts?|mris?|scans?|ultrasounds?|echos?|photos?|photographs?|pictures?|images?|imaging|"
    r"tracings?|traces?|rhythm\s+strips?|waveforms?|eegs?|emgs?|ctgs?|spirograms?|recordings?|audio|videos?|mammograms?|"
    r"fundus\s+photos?|slides?|dicom|auscultation\s+sounds?)"
)
_IMAGE = re.compile(
    rf"\b(?:interpret|read|look\s+at|analy[sz]e|review|assess|evaluate|see|view|describe|examine|diagnose|report)\s+(?:on\s+)?(?:from\s+)?"
    rf"(?:the|this|these|my|his|her|their|attached|following|enclosed|an?)\s+(?:(?:attached|enclosed|following|uploaded|above|below)\s+)?(?:[\w-]+\s+){{0,2}}?{_SOURCES}\b"
    rf"|\bwhat\s+(?:does|do|is|are|can\s+you\s+see)\b[^.?\n]{{0,30}}\b(?:this|these|the\s+attached|attached|the\s+uploaded|my)\s+(?:[\w-]+\s+){{0,2}}?{_SOURCES}\b"
    rf"|\bwhat\s+(?:does|do)\s+(?:the|his|her)\s+(?:[\w-]+\s+){{0,2}}?{_SOURCES}\s+(?:show|mean|say|suggest)"
    rf"|\b(?:see|from|in|attached|enclosed|uploaded)\s+(?:is\s+|are\s+)?(?:the\s+|an?\s+|my\s+)?(?:attached|enclosed|uploaded)\s+(?:[\w-]+\s+){{0,2}}?{_SOURCES}\b"
    rf"|\bis\s+(?:there|this)\b[^.?\n]{{0,60}}\b(?:on|in)\s+(?:this|the\s+attached|the\s+uploaded|my)\s+(?:[\w-]+\s+){{0,2}}?{_SOURCES}\b"
)
_DURATION = re.compile(
    r"\b(?:since|for\s+(?:the\s+)?(?:past|last|about|over|around|nearly|almost|several|many|a|an|\w+)\b|ago|yesterday|today|tonight|this\s+(?:morning|"
    r"afternoon|evening|week|month|year)|last\s+(?:night|week|month|year)|overnight|woke|sudden(?:ly)?|acute(?:ly)?|chronic(?:ally)?|"
    r"long-?standing|lifelong|recent(?:ly)?|started|began|onset|birth|\d+\s*/\s*(?:7|52|12)|x\s?\d+\s*[dhwm/]|\d{1,2}:\d{2}|"
    r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|several|few|couple\s+of|half\s+an|an|a)[\s-]*(?:to\s+\d+\s+)?"
    r"(?:minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|wks?|w|months?|mths?|m|years?|yrs?|y)\b(?![\s-]*old))"
)
_SCREENED = re.compile(
    r"\b(?:no|not|denies|denied|without|nil|absent|negative|never|none)\b|\bo/e\b|\bexam\w*|\b(?:bp|hr|rr|spo2|sats|temp|pulse|gcs|obs)\b"
)
_OLD = r"(?i:(?:year|yr|month|week)s?[- ]?old\s+(?:\w+\s+){0,2}?)"
_MALE = re.compile(rf"{_OLD}(?i:man|male|boy|gentleman)\b|^\W*\d{{1,3}}\s?(?:yo?\s?)?M\b")
_FEMALE = re.compile(rf"{_OLD}(?i:woman|female|girl|lady)\b|^\W*\d{{1,3}}\s?(?:yo?\s?)?F\b")
_OPENING = 60
"""Characters in which a text says whom it is about; further on it may speak of others, or of another time."""
_MEASURED = ("heart_rate", "systolic_bp", "respiratory_rate", "spo2", "temperature_c", "gcs", "consciousness")
_YEARS = {"years": 1.0, "months": 1 / 12, "weeks": 1 / 52.18, "days": 1 / 365.25}
_FEWEST_WORDS = 25


def abstention(case: CaseInput) -> Abstention:
    """Reasons to stop and reasons that limit, as codes, with authored words for each."""
    text = "\n".join((case.presenting_complaint, case.history, case.examination, case.social_history))
    stops: list[str] = []
    notes: list[str] = []
    unreadable = share_unreadable(text)
    if unreadable >= MOST_UNREADABLE:
        stops.append("unsupported_language")
        notes.append(WORDS["unsupported_language"])
    elif unreadable >= SOME_UNREADABLE:
        notes.append(WORDS["partly_unreadable"])
    if asks_about_an_image(case):
        stops.append("image_or_signal")
        notes.append(WORDS["image_or_signal"])
    if apart := list(_identity_conflicts(case)):
        stops.append("contradictory_input")
        notes += apart
    notes += _symptom_conflicts(case)
    limits = list(_limits(case, text))
    notes += [WORDS[code] for code in limits]
    if set(limits) >= LIMITS:
        stops.append("key_facts_missing")
    return Abstention(stops=tuple(stops), limits=tuple(limits), notes=tuple(dict.fromkeys(notes)))


def asks_about_an_image(case: CaseInput) -> bool:
    """The question asks to read one, or a short complaint without a history is nothing but that."""
    if _IMAGE.search(case.question.lower()):
        return True
    alone = f"{case.presenting_complaint} {case.history}".lower()
    return len(alone.split()) < _FEWEST_WORDS and bool(_IMAGE.search(alone))


def _limits(case: CaseInput, text: str) -> Iterator[str]:
    lower = text.lower()
    if case.patient.age is None and age_from_words(case) is None:
        yield "missing_age"
    if not any(symptom.duration or symptom.onset for symptom in case.symptoms) and not _DURATION.search(lower):
        yield "missing_duration"
    measured = any(getattr(case.vitals, name) is not None for name in _MEASURED)
    told = len(case.symptoms) > 1 or len(text.split()) >= _FEWEST_WORDS or _SCREENED.search(lower)
    if not (measured or case.examination.strip() or told):
        yield "missing_red_flag_screen"


def _identity_conflicts(case: CaseInput) -> Iterator[str]:
    """Contradictions about who the patient is: the record may be of two people."""
    patient = case.patient
    openings = (case.presenting_complaint[:_OPENING], case.history[:_OPENING])
    said = age_from_words(case.model_copy(update={"presenting_complaint": openings[0], "history": openings[1]}))
    if patient.age is not None and said is not None:
        given, told = patient.age.value * _YEARS[patient.age.unit], said.value * _YEARS[said.unit]
        if abs(given - told) > max(2.0, 0.15 * max(given, told)):
            yield "The age in the text differs from the recorded age."
    male, female = any(map(_MALE.search, openings)), any(map(_FEMALE.search, openings))
    if (patient.sex == "female" and male and not female) or (patient.sex == "male" and female and not male):
        yield "The sex in the text differs from the recorded sex."
    if patient.sex == "male" and patient.pregnancy in {"pregnant", "postpartum"}:
        yield "The record says male and pregnant or postpartum."
    if patient.pregnancy == "not_pregnant" and patient.gestation_weeks:
        yield "The record says not pregnant and gives weeks of gestation."


def _symptom_conflicts(case: CaseInput) -> Iterator[str]:
    """Named, not decided: the other facts still serve the reader."""
    present = {" ".join(s.name.lower().split()) for s in case.symptoms if s.present}
    absent = {" ".join(s.name.lower().split()) for s in case.symptoms if not s.present}
    for name in sorted(present & absent):
        yield f"“{name}” is recorded as present and as absent."
    vitals = case.vitals
    if vitals.gcs == 15 and vitals.consciousness in {"P", "U"}:
        yield "A coma scale of 15 and a reduced consciousness are both recorded."
