"""What the record says: asserted, denied, past, someone else's; words and numbers."""

from __future__ import annotations

import pytest

from medassist.llm.reference.knowledge import knowledge
from medassist.llm.reference.lexicon import lexicon, rows
from medassist.llm.reference.measures import read_lab, read_vital
from medassist.llm.reference.prompt import Part
from medassist.llm.reference.record import Record, read_record


def read(text: str, field: str = "history") -> Record:
    return read_record((Part("r1", field, text),))


@pytest.mark.parametrize(
    ("text", "present", "absent"),
    [
        ("No fever, chills or rash.", set(), {"fever", "chills", "rash"}),
        ("Denies fever, chills, rash. Has headache.", {"headache"}, {"fever", "chills", "rash"}),
        ("Red eyes without discharge, rash and fever.", {"red eye", "rash", "fever"}, set()),
        ("There is no chest pain but he has palpitations.", {"palpitations"}, {"pain:chest"}),
        ("Painful hip, no fever, cough since Monday.", {"pain:hip", "cough"}, {"fever"}),
        ("No fever, cough for 3 days.", {"cough"}, {"fever"}),
        ("He hasn't had any fever or vomiting.", set(), {"fever", "vomiting"}),
        ("Fever was denied. Cough absent.", set(), {"fever", "cough"}),
        ("Suicidal ideation denied.", set(), {"suicidal thoughts"}),
        ("Headache not relieved by rest.", {"headache"}, set()),
        ("Her mother had a rash and she has a cough.", {"cough"}, set()),
        ("Return if vomiting.", set(), set()),
        ("She is not eating.", {"loss of appetite"}, set()),
        ("Vomiting and diarrhoea; no blood in stool.", {"vomiting", "diarrhoea"}, {"blood in stool"}),
    ],
)
def test_statements_are_told_apart_from_denials(text: str, present: set[str], absent: set[str]) -> None:
    record = read(text)
    assert present <= record.present.keys()
    assert not absent & record.present.keys()
    assert absent <= record.absent.keys()
    assert not present & record.absent.keys()


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("pain in the right lower part of the abdomen", "pain:rlq"),
        ("her left calf is swollen", "one-sided leg swelling"),
        ("pins and needles in both hands", "numbness:hand"),
        ("short of breath climbing stairs", "shortness of breath"),
        ("drooping of the right side of the mouth", "facial droop"),
        ("haemoptysis", "coughing up blood"),
        ("Oedema of the ankles", "leg swelling"),
    ],
)
def test_lay_and_medical_words_name_the_same_finding(text: str, finding: str) -> None:
    assert finding in lexicon().in_text(text)


def test_the_clinicians_own_impression_is_no_finding() -> None:
    assert not read("Probably appendicitis with fever", "own_impression").present
    assert not read("Could this be a seizure?", "question").present


def test_a_mention_keeps_its_place_in_the_text() -> None:
    evidence = read("Since Monday, severe headache and cough.").present["headache"]
    assert evidence.part.text[evidence.start : evidence.end] == "headache"


@pytest.mark.parametrize(
    ("path", "text", "age", "shows"),
    [
        ("vitals.heart_rate", "heart rate 138 /min", 40.0, "fast heart rate"),
        ("vitals.heart_rate", "heart rate 138 /min", 0.5, None),
        ("vitals.spo2", "oxygen saturation 91 %", 40.0, "low oxygen"),
        ("vitals.temperature_c", "temperature 39.4 °C", 40.0, "high fever"),
        ("vitals.temperature_c", "temperature 36.8 °C", 40.0, None),
        ("vitals.systolic_bp", "systolic blood pressure 82 mmHg", 40.0, "low blood pressure"),
        ("vitals.consciousness", "consciousness: new confusion", 80.0, "confusion"),
        ("vitals.consciousness", "consciousness: alert", 80.0, None),
    ],
)
def test_vital_signs_become_findings_by_age(path: str, text: str, age: float, shows: str | None) -> None:
    assert read_vital(path, text, age).shows == ((shows,) if shows else ())


@pytest.mark.parametrize(
    ("text", "shows", "abnormal"),
    [
        ("Troponin I 0.8 ng/mL (reference 0-0.04)", ("raised troponin",), True),
        ("Troponin I 0.01 ng/mL (reference 0-0.04)", (), False),
        ("Troponin T 86 ng/L (reference up to 14)", ("raised troponin",), True),
        ("Sodium 128 mmol/L (reference from 133)", ("low sodium",), True),
        ("Haemoglobin 92 g/L", ("low haemoglobin",), True),
        ("Haemoglobin 9.2 g/dL", ("low haemoglobin",), True),
        ("Glucose 27 mmol/L", ("high blood sugar",), True),
        ("Glucose 110 mg/dL", (), False),
        ("WBC 15.2 (reference 4-11)", ("raised white cells",), True),
        ("Pregnancy test positive", ("positive pregnancy test",), True),
        ("Pregnancy test negative", (), False),
        ("Unheard-of test 12 U (reference 0-3)", (), True),
        ("Unheard-of test 12 U", (), False),
    ],
)
def test_laboratory_values_become_findings(text: str, shows: tuple[str, ...], abnormal: bool) -> None:
    reading = read_lab(text)
    assert reading.shows == shows
    assert reading.abnormal is abnormal


def test_age_and_sex_are_read_from_the_patient_or_the_text() -> None:
    assert read("54-year-old female", "patient").age == 54
    assert read("5-month-old boy", "patient").age == pytest.approx(5 / 12)
    assert read("A 70 y/o man with cough").sex == "m"
    assert read("62F with cough").age == 62
    assert read("cough for 3 weeks").age is None


def test_every_line_of_the_profiles_means_something() -> None:
    unknown = [
        (names.split(";")[0], item.strip())
        for names, _, _, _, findings in rows("conditions.txt", 5)
        for item in findings.split(",")
        if not lexicon().named(item.strip().lstrip("!?-"))
    ]
    assert unknown == []


def test_every_wider_finding_exists() -> None:
    known = lexicon().labels
    dangling = {parent for parent in lexicon().parents.values() if ":" not in parent and parent not in known}
    assert dangling == set()
    assert not [finding for finding in known if finding in lexicon().wider(finding)]


def test_no_name_belongs_to_two_profiles() -> None:
    owners: dict[str, str] = {}
    twice = []
    for names, *_ in rows("conditions.txt", 5):
        for name in {part.strip().lower() for part in names.split(";")}:
            if name in owners:
                twice.append((name, owners[name], names[:30]))
            owners[name] = names[:30]
    assert twice == []
    assert len(knowledge().profiles) > 300
