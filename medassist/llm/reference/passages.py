"""What each passage is about: its condition, its findings, and which of its sentences may be quoted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from medassist.llm.reference.knowledge import Profile, knowledge, name_key
from medassist.llm.reference.lexicon import lexicon
from medassist.llm.reference.prompt import Passage
from medassist.llm.reference.text import sentences_of, tokens_of

_SECTIONS = (
    (
        re.compile(
            r"symptom|sign|presentation|feature|clinical picture|manifest|warning|recogni|history", re.IGNORECASE
        ),
        1.0,
    ),
    (
        re.compile(
            r"treat|manage|therap|medic|drug|surgery|prevent|research|outlook|prognos|living|vaccin|trial|screening",
            re.IGNORECASE,
        ),
        0.3,
    ),
    (re.compile(r"cause|risk|suscept|complication|who gets|epidemiolog", re.IGNORECASE), 0.6),
    (re.compile(r"diagnos|exam|test|assess|investigat|imaging", re.IGNORECASE), 0.7),
)
_INFORMATION = 0.85

_NOT_A_CONDITION = re.compile(
    r"\b(?:tests?|screening|surgery|surgical|transplant\w*|therap(?:y|ies)|treatments?|medicines?|medications?|"
    r"drugs?|vaccin\w*|immuni[sz]ation|"
    r"diets?|dietary|nutrition|exercise|fitness|health|healthy|care|caregivers?|safety|prevention|preventing|"
    r"imaging|scans?|x-?rays?|mammography|"
    r"replacement|rehabilitation|education|research|statistics|smoking|quitting|tobacco|aging|ageing|seniors?|"
    r"parenting|teens?|toddlers?|women's|men's|"
    r"insurance|medicare|medicaid|hospitals?|doctors?|professions?|devices?|procedures?|anesthesia|dialysis|"
    r"biopsy|endoscopy|colonoscopy|ultrasound|mri|"
    r"antibiotics|vitamins?|minerals|supplements?|hormones|counseling|support|living with|coping|how |your |"
    r"guide|what i need|introduction|chapter|"
    r"nursing process|overview of|pharmacology|principles|anatomy|physiology|blood thinners|insulin|pumps?|"
    r"labels?|travel|disasters?|pollution|climate|"
    r"key terms|summary|review questions|assessments?|blood glucose|genes?|family history|pregnancy and|sexual|"
    r"reproduct\w*|contracepti\w*|birth control)\b",
    re.IGNORECASE,
)
_CATEGORY = re.compile(
    r"\b(?:diseases|disorders|problems|conditions|injuries|infections|abnormalities|emergencies|cancers|defects)$",
    re.IGNORECASE,
)
_TREATMENT = re.compile(
    r"\b(?:treat\w*|medicin\w*|medicat\w*|drugs?|therap\w*|dos(?:e|es|age|ing)|prescri\w*|surg\w*|antibiotics?|"
    r"antivirals?|vaccin\w*|inject\w*|infus\w*|"
    r"tablets?|pills?|capsules?|inhalers?|insulin|aspirin|ibuprofen|acetaminophen|paracetamol|steroids?|"
    r"corticosteroids?|chemotherapy|radiation|"
    r"transplant\w*|operat(?:e|ion)\w*|remov\w*|stents?|oxygen|fluids|blood thinners?|anticoagula\w*|relievers?|"
    r"antacids?|nsaids?|nitroglycerin|"
    r"call 9|911|9-1-1|doctor will|your doctor|see a doctor|clinical trials?|ointment|cream|diuretics?|statins?|"
    r"warfarin|heparin|metformin|"
    r"warfarin|morphine|opioids?|beta.?blockers?|ace inhibitors?|penicillin|amoxicillin|sedatives?|supplements?|"
    r"mg|mcg|ml)\b",
    re.IGNORECASE,
)
_MEDICINE_SHAPE = re.compile(
    r"\b\w{3,}(?:pril|olol|statin|sartan|cillin|mycin|micin|cycline|floxacin|azole|prazole|tidine|dipine|profen|"
    r"parin|gliptin|gliflozin|glutide|"
    r"oxaban|triptan|setron|zepam|zolam|barbital|caine|mab|vir|sone|solone|nide|terol|phylline|semide|thiazide|"
    r"lactone|formin)\b",
    re.IGNORECASE,
)
_DOSE = re.compile(
    r"\b\d+(?:\.\d+)?\s?(?:mg|mcg|µg|micrograms?|milligrams?|grams?|units?|iu|tablets?|puffs?|drops|"
    r"capsules?)\b(?!\s?/)",
    re.IGNORECASE,
)

MIN_SENTENCE, MAX_QUOTE = 25, 380


@dataclass(frozen=True, slots=True)
class Sentence:
    start: int
    end: int
    findings: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reading:
    """One passage, read. `weights` maps a finding to how strongly the passage ties it to its condition."""

    weights: tuple[tuple[str, float], ...]
    sentences: tuple[Sentence, ...]
    stems: frozenset[str]
    section: float


def speaks_of_treatment(text: str) -> bool:
    """True when a sentence names a treatment, a medicine or a dose: such a sentence is never quoted."""
    return bool(_TREATMENT.search(text) or _MEDICINE_SHAPE.search(text) or _DOSE.search(text))


def names_medicine(text: str) -> bool:
    """True when words of the record look like a medicine or a dose."""
    return bool(_MEDICINE_SHAPE.search(text) or _DOSE.search(text) or _RECORDED_MEDICINE.search(text))


_RECORDED_MEDICINE = re.compile(
    r"\b(?:takes|taking|took|prescribed|started on|treated with|given|medications?|medicines?|tablets?|inhaler|"
    r"aspirin|ibuprofen|naproxen|paracetamol|"
    r"acetaminophen|insulin|warfarin|heparin|digoxin|lithium|salbutamol|morphine|codeine|antibiotics?|steroids?|"
    r"allopurinol|colchicine|levothyroxine|"
    r"metformin|gtn|nitroglycerin|the pill|contracepti\w*)\b",
    re.IGNORECASE,
)


def condition_of(passage: Passage) -> tuple[str, Profile | None, str] | None:
    """(key, profile, name) of the condition that a passage is about; None for symptoms, procedures, drugs, books."""
    return _condition(passage.title, passage.heading)


@lru_cache(maxsize=4096)
def _condition(title: str, heading: str) -> tuple[str, Profile | None, str] | None:
    name = clean_title(title)
    profile = knowledge().profile_of(title) or knowledge().profile_of(name)
    if profile:
        return profile.name, profile, name
    if _NOT_A_CONDITION.search(title) or _CATEGORY.search(name) or _is_symptom(name):
        # A book's chapter or a category may still hold a section about one condition.
        named = knowledge().named_in(heading) or (None if _is_symptom(name) else knowledge().named_in(title))
        return (named[0].name, named[0], named[1]) if named else None
    named = knowledge().named_in(title)
    if named:
        return named[0].name, named[0], name
    return (name_key(name), None, name) if len(name) > 2 else None


def clean_title(title: str) -> str:
    """ "Prostate Enlargement: Benign Prostatic Hyperplasia" stays; "Sepsis: recognition, diagnosis" -> "Sepsis"."""
    head, _, tail = title.partition(":")
    if tail and re.search(
        r"\b(?:recogni|diagnos|assess|manag|guideline|overview|in (?:adults|over|under|children))", tail, re.IGNORECASE
    ):
        title = head
    return re.sub(r"\s*\((?:in adults|overview|adult|child)\)", "", title, flags=re.IGNORECASE).strip()[:110]


def _is_symptom(name: str) -> bool:
    words = tokens_of(name)
    mentions = lexicon().mentions(words)
    return bool(mentions) and sum(m.last - m.first + 1 for m in mentions) >= len(
        [w for w in words if w.word not in {"and", "or", "the"}]
    )


def read_passage(passage: Passage) -> Reading:
    """The findings and the quotable sentences of a passage; remembered, since guidelines come back often."""
    return _read(passage.heading, passage.text)


@lru_cache(maxsize=4096)
def _read(heading: str, text: str) -> Reading:
    section = next((weight for pattern, weight in _SECTIONS if pattern.search(heading)), _INFORMATION)
    tokens = tokens_of(text)
    weights: dict[str, float] = {}
    places: list[tuple[int, str]] = []
    for mention in lexicon().mentions(tokens):
        places.append((mention.start, mention.finding))
        # Said early and said often: a page's second screen holds complications and rarities.
        early = 1.0 if mention.start < 1500 else 0.7
        weights[mention.finding] = max(weights.get(mention.finding, 0.0), section * early)
    return Reading(
        tuple(sorted(weights.items())),
        _quotable(text, places),
        frozenset(t.stem for t in tokens if len(t.word) > 3),
        section,
    )


def _quotable(text: str, places: list[tuple[int, str]]) -> tuple[Sentence, ...]:
    found: list[Sentence] = []
    for start, end in sentences_of(text, items=False):
        for left, right in _pieces(text, start, end):
            piece = text[left:right]
            if right - left < MIN_SENTENCE or piece.endswith("?") or speaks_of_treatment(piece):
                continue
            found.append(Sentence(left, right, frozenset(name for place, name in places if left <= place < right)))
    return tuple(found)


def _pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A sentence that is too long to quote, cut at its semicolons and commas; a part is literal still."""
    if end - start <= MAX_QUOTE:
        return [(start, end)]
    pieces: list[tuple[int, int]] = []
    left = start
    while end - left > MAX_QUOTE:
        window = text[left : left + MAX_QUOTE]
        cut = max(window.rfind("; "), window.rfind(". "), window.rfind(" - "))
        if cut < MAX_QUOTE // 3:
            cut = window.rfind(", ")
        if cut < MAX_QUOTE // 3:
            cut = window.rfind(" ")
        if cut <= 0:
            return pieces
        pieces.append((left, left + cut))
        left += cut + 1
        while left < end and text[left] in " -;,•":
            left += 1
    if end > left:
        pieces.append((left, end))
    return pieces
