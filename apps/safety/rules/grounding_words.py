"""The words of the grounding check: which say the same, which carry nothing, which name people, and what hedges."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from apps.safety.rules.grounding_text import stem
from apps.safety.rules.words import words

_FILE = Path(__file__).resolve().parent / "data" / "grounding_words.txt"

SOFT = frozenset(
    words(
        """
        a an the and or of to in on at by for from with as is are was were be been being am has have had having do does
        did done doing it its he she her hers him his i me my mine you your yours we us our they them their theirs
        himself herself itself themselves this that these those there here then than so too very quite rather also both
        who whom whose which what when where while why how if whether because due owing per via into onto upon over
        under about around approximately roughly nearly almost some any such own other another same one ones
        can could may might must shall will would need needs needed require requires required
        get gets got getting go goes going went come comes came coming make makes made making take takes took taken
        taking give gives gave given giving put puts keep keeps kept let lets bring brought
        show shows showed shown showing find finds found finding findings see sees saw seen seeing note notes noted
        report reports reported reporting record records recorded document documented describe describes described
        state states stated say says said tell tells told mention mentions mentioned complain complains complained
        complaining present presents presented presenting presentation feel feels felt feeling experience experiences
        experienced experiencing suffer suffers suffered suffering develop develops developed developing occur occurs
        occurred occurring happen happens happened appear appears appeared appearing look looks looked
        know knows known carry carries carried carrying hold holds held use uses used using perform performs
        performed carry obtain obtains obtained undergo undergoes underwent receive receives received
        include includes included including involve involves involved involving cause causes caused causing lead leads
        relate relates related regarding concerning associated association consistent compatible suggest suggests
        remain remains remained stay stays stayed continue continues continued last lasts lasted lasting
        reach reaches reached become becomes became run runs ran set allow allows permit permits permitted
        read reads reading readings value values level levels result results amount amounts rate rates number numbers
        score scores scored count counts counted figure total about thing things case cases patient patients pt
        condition disease disorder syndrome problem problems episode episodes attack event events sign signs
        complaint complaints issue issues aspect area region part parts side sided place site kind type form
        age aged old year years month months week weeks day days hour hours minute minutes time times
        up out off down well even yet just ever already again however although though but nor plus
        during within between across along through throughout once upon among amongst
        sized size measuring long wide large amount unit units mg mm cm kg ml
        person people individual individuals those anyone everybody
        man woman boy girl male female lady gentleman sex gender worker
        service clinic hospital ward department visit consultation appointment letter
        recommend indicate sort way ways fact measure now only still inside follow follows followed following order
        enough shortly just regard regarded regards manage managed manages management cover covered covers able feature
        features fall falls falling band vary varies varied varying satisfy satisfies satisfied meet meets met join joins
        threshold limit limits clinician clinicians pass passes passed team obtain expression formally accompany
        accompanied correspond corresponds match matches matched belong belongs consider consists consisted comprise
        comprises represent represents equal equals equate gained undergone documented aware seemingly apparently
        additional additionally namely specifically respectively overall
        meanwhile simply merely actually really indeed therefore thus hence
        come comes comes happen lie lies lay stand stands stood sit sits call called calls term terms termed name named
        work-up background context setting examination basis means mean meaning purpose order aim aims
        attend attends attended attending arrive arrived arrives bring brings visit visited seen see saw
        grade stage class category level extent degree range cutoff cut-off criterion criteria
        want wants wanted try tries tried like likes liked able ability
        suspected suspect suspects suspicion possible possibly possibility probable probably query queried presumed likely
        maybe perhaps potential question raises raise raising
        mmhg bpm kpa mmol umol nmol pmol micromol mcg ng pg ug iu
        """
    )
)
"""Words that say nothing of their own about a patient or a disease."""

RELATIVES = frozenset(
    words(
        """
        mother father sister brother wife husband son daughter aunt uncle cousin nephew niece grandmother grandfather
        parent partner spouse relative friend neighbour carer twin sibling siblings granddaughter grandson stepfather
        stepmother girlfriend boyfriend fiance fiancee colleague flatmate mate
        """
    )
)
TELLS = re.compile(
    r"\b(?:says|said|reports?|reported|noticed|notices|saw|sees|seen|witness(?:ed)?|describes?|described|states?|"
    r"stated|gives|gave|found|finds|brought|brings|called|heard|hears|told|tells|thinks|accompanied|worried|concerned|"
    r"lives?|living|interprets?|helps?|cares?)\b"
)
"""After or before a relative: the relative is the witness or the company, and the finding is the patient's."""

HEDGE = re.compile(
    r"\?(?=\s?[a-z])|\b(?:possible|possibly|probable|probably|suspected|suspicious|suspicion|suspect|query|queried|"
    r"maybe|perhaps|might|may|could|likely|presumed|presumably|provisional|differential|impression|"
    r"pending|awaited|awaiting|awaits|to\s+exclude|rule\s+out|r/o|unconfirmed|unclear|uncertain|apparently|alleged|"
    r"allegedly|appears?|seems?|unknown|unsure|not\s+sure|equivocal|cannot\s+exclude|not\s+excluded|until\s+excluded|"
    r"suggests?|suggestive|suggesting|raises?\s+the\s+(?:question|possibility)|possibility|concern|if|fits|compatible|"
    r"consistent|points?\s+to|worried|worries)\b"
)
PARTIAL = re.compile(
    r"\b(?:some|sometimes|occasional(?:ly)?|usually|mostly|many|a\s+few|few|rare(?:ly)?|in\s+part|partly|"
    r"majority|minority|selected|certain|at\s+times)\b"
)
TOTAL = re.compile(
    r"\b(?:all|every(?!\s+(?:\d|other|few|half|day|week|month|year|hour|morning|night|"
    r"[a-z]+\s+(?:minutes?|hours?|days?|weeks?|months?|years?)))|always|entire(?:ly)?|everyone|everybody|invariably|without\s+exception|regardless|solely|"
    r"exclusively|whenever|whatever|irrespective)\b"
)
NEGATORS = frozenset(
    words(
        """
        no not nor never none neither without denies denied deny denying absent absence negative nil cannot non
        lacks lack lacking exclude contraindicated avoid avoids avoided unlikely isn't wasn't doesn't didn't hasn't
        haven't hadn't aren't weren't don't won't can't couldn't shouldn't needn't unable nobody nothing nowhere unaffected
        fails failed refuses refused declined
        """
    )
)
"""Of a canonical text."""
AFTER = frozenset(words("avoid avoided absent negative none nil denied exclude unlikely contraindicated unaffected"))
"""Those that stand behind what they deny."""


_FIRST = re.compile(r"(?<![\w'/-])[+-]?\w+")
"""Where a way of saying may begin."""


@lru_cache(maxsize=1)
def _ways() -> dict[str, str]:
    """Each way of saying with its canonical form."""
    table: dict[str, str] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, ways = line.split(" = ")
            for way in ways.split("; "):
                table[way] = name
    return table


@lru_cache(maxsize=1)
def _by_first() -> dict[str, re.Pattern[str]]:
    """The ways by their first word, longest first: one alternation of all would be tried at every letter."""
    groups: dict[str, list[str]] = {}
    for way in _ways():
        first = _FIRST.match(way)
        if first is not None:
            groups.setdefault(first.group(), []).append(way)
    return {
        first: re.compile(
            rf"(?:{'|'.join(re.escape(way).replace(chr(92) + ' ', ' +') for way in sorted(ways, key=len, reverse=True))})(?![\w']|-\w)"
        )
        for first, ways in groups.items()
    }


def _replaced(text: str) -> str:
    table, by_first = _ways(), _by_first()
    pieces: list[str] = []
    at = 0
    for word in _FIRST.finditer(text):
        if word.start() < at or (pattern := by_first.get(word.group())) is None:
            continue
        if (way := pattern.match(text, word.start())) is not None:
            pieces += [text[at : way.start()], table[" ".join(way.group().split())]]
            at = way.end()
    return "".join((*pieces, text[at:]))


_TENS = words("twenty thirty forty fifty sixty seventy eighty ninety hundred")
_UNITS = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_NUMBER_WORDS = {word: str(value) for value, word in enumerate(_UNITS) if word != "one"}
_NUMBER_WORDS |= {word: str(10 * value) for value, word in enumerate(_TENS, start=2)}
_IN_WORDS = re.compile(rf"\b(?:{'|'.join(_NUMBER_WORDS)})\b")
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), into)
    for pattern, into in (
        (r"\b(\d+)\s?(?:yo|y/o)\b", r"\1 year old"),
        (r"\b(\d+)/7\b(?!/)", r"\1 days"),
        (r"\b(\d+)/52\b(?!/)", r"\1 weeks"),
        (r"\b(\d+)/12\b(?!/)", r"\1 months"),
        (r"\bx\s?(\d+)\s?/\s?(day|week|wk|month|d)\b", r"\1 times per \2"),
        (r"\b(\d+)\s?x\s?/\s?(day|week|wk|month|d)\b", r"\1 times per \2"),
        (r"(?<![\d.])\bx\s?(\d+)\b(?!\s?\^)", r"\1 times"),
        (r"\bhalf[ -]?hourly\b", "every 30 minutes"),
        (r"\b(\d+)[ -]?hourly\b", r"every \1 hours"),
        (r"\bhourly\b", "every 60 minutes"),
        (r"\b(?:an?|1|one) hour and a half\b", "90 minutes"),
        (r"\b(?:1|one) and a half hours\b", "90 minutes"),
        (r"\bhalf an hour\b|\bhalf-hour\b|\bhalf hour\b", "30 minutes"),
        (r"\ba quarter of an hour\b", "15 minutes"),
        (r"\b(?:an|one) hour\b", "1 hour"),
        (r"\b(?:a|one) fortnight\b|\bfortnight\b", "2 weeks"),
        (r"\ba couple of\b", "2"),
        (r"\ba dozen\b", "12"),
        (r"\b(?:a|one) (month|week|day|year|minute)\b(?! ago)", r"1 \1"),
        (r"\btwice\b", "2 times"),
        (r"\bthrice\b", "3 times"),
        (r"\b(\d+) out of (\d+)\b", r"\1/\2"),
        (r"\bbetween (\d[\d,.]*)( ?[a-z/%]{0,10})? and (\d[\d,.]*)", r"\1-\3"),
        (r"\bminus (?=\d)", "-"),
        (r"\b(over|under)-(\d+)s\b", r"\1 \2"),
        (r"\bper ?cent\b", "%"),
        (r"\bca\.? (?=\d)", "calcium "),
        (r"\bca\b", "cancer"),
        (r"\bt (?=3\d|4[0-2])", "temperature "),
        (r"(?<=\d)\s?c\b(?!/)", " degrees"),
    )
)


@lru_cache(maxsize=8192)
def canonical(text: str) -> str:
    """A text in lower case with numbers in digits and every known way of saying in its canonical form."""
    tens = re.sub(
        r"\b(twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[- ](one|two|three|four|five|six|seven|eight|nine)\b",
        lambda m: str(int(_NUMBER_WORDS[m[1]]) + int(_NUMBER_WORDS.get(m[2], "1"))),
        text,
    )
    text = _IN_WORDS.sub(lambda m: _NUMBER_WORDS[m.group()], tens)
    for pattern, into in _SHAPES:
        text = pattern.sub(into, text)
    return _replaced(text)


NOT_DONE = frozenset(
    stem(word) for word in words("delay not_done pending awaited awaiting plan planned book booked declined refused")
)
"""Of a test or an operation: it has not happened."""
OVER = frozenset(stem(word) for word in words("former stop previous"))
"""What was, and need not be now."""
PAST_TENSE = re.compile(r"\b(?:was|were|had|did|been|used\s+to|\w{2,}ed)\b|\b(?:19|20)\d\d\b|\bhistory\b")
HOLDS = {
    "imaging": words("ct mri ultrasound radiograph chest_radiograph echo angiography"),
    "operation": words("bypass transplant caesarean tavi arthroplasty laparotomy laparoscopy graft stent"),
    "relative": tuple(RELATIVES),
    "parent": words("mother father"),
    "sibling": words("sister brother twin"),
    "child": words("infant firstborn"),
    "stone": words("kidney_stone gallstone"),
    "calculus": words("kidney_stone gallstone"),
    "infection": words("pneumonia urinary_infection sepsis tuberculosis cellulitis meningitis"),
    "pelvis": words("pelvic douglas"),
    "blood": words("blood_test haematuria haemoptysis melaena"),
    "pain": words("chest_pain headache back_pain joint_pain muscle_pain earache sore_throat"),
    "pregnancy": words("hcg ectopic_pregnancy"),
    "vaccine": words("vaccine_complete"),
    "fluid": words("oedema"),
}
"""What a general word may be said of: "surgery" of a nephrectomy, never the other way round."""
_OPERATIONS = re.compile(r"(?:ectom|otom|ostom|plast|raph|desi|pex)[iy]?$")


@lru_cache(maxsize=1)
def general() -> dict[str, frozenset[str]]:
    """Stems of general words with the stems of the particular ones."""
    return {stem(name): frozenset(stem(item) for item in items) for name, items in HOLDS.items()}


def is_operation(stem_: str) -> bool:
    return bool(_OPERATIONS.search(stem_))
