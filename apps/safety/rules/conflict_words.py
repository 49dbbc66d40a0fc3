"""Word lists of the search for conflicting guidance: what frames a statement, what turns it, where its scope begins."""

from __future__ import annotations

from apps.safety.rules.grounding_text import stem
from apps.safety.rules.words import words


def root(word: str) -> str:
    """A stem that "apply" and "applied" share, and "coeliac" and "celiac"."""
    found = stem(word.replace("oe", "e").replace("ae", "e"))
    return found.rstrip("iy") if len(found) > 4 else found


def _roots(text: str) -> frozenset[str]:
    return frozenset(root(word) for word in words(text))


SAME_TERMS = (
    (
        r"(?:insufficient|inadequate|not enough|no|little|limited|lack of|weak) (?:\w+ )?(?:evidence|data|proof)",
        " not ",
    ),
    (r"(?:not|un) ?(?:fully |yet |well )?(?:known|clear|certain|understood)", "unknown"),
    (r"((?:recommend|advis|suggest)\w*(?: \w+){0,2}) against", r"\1 not"),
    (r"against", "with"),
    (r"not (?:only|just)", ""),
    (r"not (?:all|every|everyone|everybody|always|necessarily|usually|often)", "some"),
    (r"of no (?:use|value|benefit|help)", "useless"),
    (r"high blood pressure|raised blood pressure", "hypertension"),
    (r"heart attacks?", "myocardial infarction"),
    (r"heart failure", "cardiac failure"),
    (r"high cholesterol", "hypercholesterolemia"),
    (r"(?:blood )?sugar|blood glucose", "glucose"),
    (r"large bowel|bowel|colon", "colorectal"),
    (r"body mass index", "bmi"),
    (r"flu", "influenza"),
    (r"chicken ?pox", "varicella"),
    (r"shingles", "zoster"),
    (r"hay fever", "allergic rhinitis"),
    (r"thrush", "candidiasis"),
    (r"whooping cough", "pertussis"),
    (r"kidney stones?", "nephrolithiasis"),
    (r"gall ?stones?", "cholelithiasis"),
    (r"blood thinners?", "anticoagulant"),
    (r"blood clots?", "thrombosis"),
    (r"vaccinations?|vaccinated|vaccinate|vaccines?|immuni[sz]ations?|immuni[sz]ed?|shots?|jabs?", "vaccine"),
    (r"mammograms?|mammographic", "mammography"),
    (r"newborns?|neonates?", "neonate"),
    (r"infants?|babies|baby", "infant"),
    (r"kids?|children|child", "child"),
    (r"pregnant (?:women|woman|people)|pregnancy|expectant mothers?", "pregnant"),
    (r"women|woman|females?", "woman"),
    (r"men|man|males?", "man"),
    (r"older (?:adults|people)|elderly|seniors?", "elderly"),
    (r"paracetamol", "acetaminophen"),
    (r"ct scans?|computed tomography", "tomography"),
    (r"mri scans?|magnetic resonance imaging", "mri"),
    (r"x-?rays?|radiographs?|radiography", "xray"),
    (r"physical activity", "exercise"),
    (r"tumou?rs?", "tumor"),
    (r"covid-?19", "covid"),
)
"""Lay and clinical names of one thing, and turns of speech, in one spelling for both sides."""
SPEAKER = r"^(?:the |our |we )?(?:[\w-]+ ){0,4}(?=(?:recommends?|advises?|endorses?)\b)"
"""Who recommends is not what it is about."""

FRAME = _roots(
    """
    guideline guidance evidence current currently recent new good practice panel expert committee recommendation
    adult people person patient individual everyone anyone someone those all most every each any
    general generally usually normally typically typical routine routinely regular regularly standard overall
    treatment treated treat treating therapy management managed care clinician physician doctor provider professional
    get getting got have having had use used using usage start started starting begin beginning begins begun
    commence initiate initiated target goal aim aimed aiming threshold level value limit cutoff reading
    measure measured measuring measurement range define defined definition called mean means
    perform performed undergo receive received receiving give given giving provide provided offer offers take taken taking
    make made keep kept maintain maintained become becomes occur occurs occurring happen happens come comes
    last lasts lasting year yearly month monthly week weekly day daily hour hourly minute annual annually age aged old
    interval time times once twice least less more than about approximately around roughly nearly almost over under
    above below between from until up down within per also still only even just both either whole consider considered
    very quite highly strongly clearly known amount group help helps be being been it its this that these
    there as well would regarding using do does did what know need fact overview information introduction understand
    """
)
"""Carries the sentence, not its subject: left out of the comparison."""

ADVICE = (
    (1, r"recommend(?:s|ed|ing)?|advis(?:e|es|ed|able|ing)|should|must|ought|indicated|suggest(?:s|ed)?|needs?|needed|"
        r"necessary|required?|requires|essential|encouraged?|appropriate|offered|preferred|warranted|justified|"
        r"urged?|endorsed?|favou?r(?:s|ed)?|permitted|allowed|acceptable"),
    (-1, r"avoid(?:s|ed|ing)?|contra-?indicated|unnecessary|needless|discouraged?|inadvisable|inappropriate|"
         r"unwarranted|unjustified|refrain|forbidden|prohibited|unacceptable"),
)  # fmt: skip
IMPERATIVES = frozenset(
    words(
        "give start use take offer avoid keep begin check measure perform consider screen refer admit stop continue treat "
        "test do never aim repeat vaccinate ask stay see drink eat wash apply limit"
    )
)
"""A sentence that begins with one of these advises."""

OPPOSED = (
    ("direction", r"increas\w+|rais\w+|elevat\w+|heighten\w*|ris(?:e|es|en|ing)|boosts?|doubles?|promotes?",
     r"decreas\w+|reduc\w+|lower(?:s|ed|ing)|lessen\w*|diminish\w*|declin\w+|fall(?:s|ing|en)?|drops?|halves"),
    ("safety", r"safe|safely|harmless", r"unsafe|harmful|dangerous|hazardous|harms?"),
    ("effect", r"effective|effectively|beneficial|benefits?|useful|helpful|works?|efficacious",
     r"ineffective|useless|futile|unhelpful"),
    ("common", r"common(?:ly)?|frequent(?:ly)?|usual|often", r"uncommon(?:ly)?|rare(?:ly)?|infrequent(?:ly)?|unusual|seldom"),
    ("course", r"improv\w+|better|relie(?:ves?|ved)|eases?|speeds?", r"worsen\w*|aggravat\w+|worse|delays?|slows?"),
    ("going on", r"continu\w+|resum\w+", r"stop(?:s|ped|ping)?|discontinu\w+|withh(?:e|o)ld\w*|ceas\w+|interrupt\w*|suspend\w*"),
    ("likely", r"likely|probable", r"unlikely|improbable"),
    ("prevention", r"prevent(?:s|ed|ing)?|protects?", r"trigger\w*|provok\w*"),
    ("comparison", r"more|higher|greater", r"less|lower|fewer"),
    ("order", r"before|prior", r"after|following"),
)  # fmt: skip
"""Name, words of one sign, words of the other. Only what judges: "upper" and "lower" name different things."""

PREFIXES = ("un", "in", "im", "ir", "non", "dis")
NEGATORS = frozenset(words("not no never cannot neither nor none nil"))
CLAUSES = frozenset(words("who whose whom which if when whenever unless while until because although where once"))
PREPOSITIONS = frozenset(words("in with for during among except without despite rather instead on to of at by"))
"""They open a scope: for whom, for what, where."""
NEGATIVE_SCOPES = frozenset(words("without except unless rather instead"))
HEDGES = frozenset(words("may might could possibly perhaps"))
"""What may be so agrees with what may not be so."""
POSSIBLE = frozenset({"can"})
SHARES = frozenset(words("some many few several sometimes occasionally"))
"""What some have agrees with what some have not."""
MODALS = frozenset(words("should must may can could will would ought need needs might cannot"))
AUXILIARIES = MODALS | frozenset(words("is are was were do does did has have had"))
