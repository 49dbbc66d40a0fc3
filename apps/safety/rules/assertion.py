"""Does a sentence assert a finding of this patient, now? ConText-style cues, written for triage.

Triage must not be lowered by a mistake here: a denial reaches only as far as the grammar surely carries it,
so a doubtful mention counts as present. The method follows Chapman et al. (NegEx, 2001) and Harkema et al.
(ConText, 2009); the cues are our own.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Status = Literal["present", "absent", "past", "family", "hypothetical"]

# One spelling for both sides of the Atlantic; patterns pass through the same function as texts do.
_SPELLINGS = re.compile(r"a(?=e[mcsn])|(?<=[nrh])o(?=ea)|(?<!\w)o(?=e[ds])")
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")
_QUOTES = {ord("’"): "'", ord("‘"): "'", ord("“"): '"', ord("”"): '"', ord("\u00a0"): " "}


@dataclass(frozen=True, slots=True)
class Normalised:
    """Lower-case text in one spelling; `offsets[i]` is where character i stood in the original."""

    text: str
    offsets: tuple[int, ...]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        return self.offsets[start], self.offsets[end - 1] + 1


def normalise(original: str) -> Normalised:
    """NFKC letters, plain quotes and dashes, lower case, American vowels; one original offset a character."""
    letters: list[str] = []
    offsets: list[int] = []
    for index, letter in enumerate(original):
        for plain in unicodedata.normalize("NFKC", letter).translate(_DASHES).translate(_QUOTES).lower():
            letters.append(plain)
            offsets.append(index)
    text = "".join(letters)
    dropped = {match.start() for match in _SPELLINGS.finditer(text)} | {
        index for index, letter in enumerate(letters) if letter in "\u200b\u200c\u200d\ufeff\u00ad"
    }
    if not dropped:
        return Normalised(text, tuple(offsets))
    kept = [index for index in range(len(letters)) if index not in dropped]
    return Normalised("".join(letters[i] for i in kept), tuple(offsets[i] for i in kept))


_ENDS = re.compile(
    r"(?<!\bdr)(?<!\bmr)(?<!\bmrs)(?<!\bvs)(?<!\bapprox)\.(?=\s|$)|[;!?\n\r]+|\s[•*]\s"
    # Two statements joined: the second stands on its own.
    r"|,?\s+(?:but|however|although|though|whereas|except(?:\s+for|\s+that)?|apart\s+from|aside\s+from|other\s+than|despite|yet)\s"
    r"|,\s*(?:and\s+|then\s+)?(?=(?:now|then|today|also|reports?|complain\w*|present\w*|has|had|with|he|she|they|patient|pt|on\s+exam\w*|o/e)\b)"
)


def statements(text: str) -> list[tuple[int, int]]:
    """Spans of statements: sentences, cut again where a contrast or a new subject begins."""
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _ENDS.finditer(text):
        # A question mark must stay with its sentence: it makes the sentence a question.
        end = match.end() if "?" in match.group() else match.start()
        if text[start:end].strip():
            spans.append((start, end))
        start = match.end()
    if text[start:].strip():
        spans.append((start, len(text)))
    return spans


_DENIAL = re.compile(
    r"\b(?P<deny>den(?:y|ies|ied|ying)(?:\s+(?:any|having|all))*|negative\s+for|absence\s+of|free\s+(?:of|from)|without(?:\s+any)?|"
    r"nil|neither|nor|never(?:\s+had)?|no|not?\s+(?:any|had\s+any|have\s+any)|not|none\s+of|"
    r"(?:does|do|did|has|have|had|is|was|were|are|would|could)n'?t|"
    r"(?:rules?|ruled)\s+out|exclud(?:es?|ed|ing)|lack(?:s|ed|ing)?(?:\s+of)?)\b"
    r"|(?<=[\s(/])-(?=ve\s)"
)
_NOT_DENYING = re.compile(
    r"^\s+(?:only|just|relie\w*|improv\w*|better|chang\w*|respon\w*|settl\w*|resol\w*|sure|certain|longer|doubt|help\w*|eas\w*|gone|go(?:ing)?\s+away"
    r"|stop\w*|able|clear|known\s+(?:cause|trigger|reason)|apparent\s+(?:cause|trigger|reason)|obvious|identif\w*|due\s+to|because|until|explained|"
    r"subsid\w*|tak(?:e|ing)|eat\w*|drink\w*|sleep\w*|wak\w*|feel\w*\s+(?:well|right|good)|well|right|himself|herself|let\s+up|going|comply\w*|been\s+able)\b"
)
_CANNOT_EXCLUDE = re.compile(
    r"\b(?:cannot|can'?t|could\s+not|couldn'?t|unable\s+to|not|to)\s+(?:be\s+)?(?:safely\s+|fully\s+|completely\s+)?(?:rule[ds]?\s+out|exclud\w+)"
)
_BREAKS = re.compile(
    r"\b(?:reports?|reported|reporting|complain\w*|present\w*|develop\w*|noticed|admits?|describes?|became|begun|began|starts?|started|"
    r"came|felt|feels|looks?|appears?|now|then|instead|has|have|had|is|are|was|were|which|who|while|when|where|after|since|because|so)\b|[:]"
    # A time ends what is denied: "no stool for 3 days, vomiting" vomits.
    r"|\b(?:for|in)\s+(?:the\s+(?:last|past)\s+)?(?:\d+|two|three|four|five|several|a)\s+(?:hours?|hrs?|days?|weeks?)\b"
)
_AFTER_ABSENT = re.compile(
    r"^[\s-]*free\b|^\W{0,3}(?:\s*(?:is|are|was|were|has\s+been|have\s+been|both|all|symptoms?|signs?|ideation|thoughts?|plans?|intent|episodes?|(?:or|/)\s*\w+))*\s*"
    r"(?:denied|absent|negative|nil|none|excluded|ruled\s+out|not\s+(?:present|found|seen|noted|reported|elicited|observed|detected)|unlikely|never)\b"
    r"|^\s*[:=-]\s*(?:no|nil|none|negative|absent|denied|-ve|neg)\b"
)
RELATIVE = (
    r"(?:mother|father|mum|mom|mummy|dad|daddy|brother|sister|aunt(?:ie|y)?|uncle|grand(?:mother|father|parents?|ma|pa|ad|dad)|gran(?:ny)?|"
    r"nan(?:a|ny)?|parents?|cousin|siblings?|niece|nephew|son|daughter|wife|husband|partner|girlfriend|boyfriend|fianc[e\u00e9]e?|"
    r"friend|mate|(?:team|class|flat|house|room|work)[\s-]?mate|co-?worker|colleague|boss|teacher|neighbou?r|lodger|twin|"
    r"someone|somebody|(?:a|the|another)\s+(?:man|woman|lady|bloke|guy|boy|girl|person)\s+(?:at|on|in|from))"
)
_FAMILY = re.compile(
    rf"\bfamily\s+(?:history|hx)\b|\bf\.?h\.?x?\b(?:\s*[:+]|\s+of)|\b{RELATIVE}(?:'s|s')?\s+(?:(?:also|recently|who|just|both|has|had|have|was|is)\s+)*"
    rf"(?:had|has|have|died|with|suffer\w*|diagnosed|got|an?|history|(?=(?:heart|stroke|cancer|sudden)\b))|\b{RELATIVE}(?:'s|s')\s|\b(?:in|of)\s+(?:his|her|a|the|their)\s+{RELATIVE}\b"
)
_INFORMANT = re.compile(
    rf"\b{RELATIVE}(?:'s|s')?\s+(?:own\s+)?(?:words?|account|report|story|description|concern)\b|\b{RELATIVE}\s+(?:reports?|says?|states?|notic\w+|thinks?|found|brought|called|worr\w+|concern\w+|describ\w+|witness\w+|denies)"
)
_HYPOTHETICAL = re.compile(
    r"\b(?:if|in\s+case|should\s+(?:he|she|they|there|you|any|symptoms)|return\s+(?:if|for|with)|come\s+back|watch\s+(?:for|out)|look\s+out\s+for|"
    r"safety[\s-]?net\w*|advised?\s+(?:about|of|to)|warned?|counsel\w*|educat\w+|leaflet|worr(?:y|ies|ied)\s+(?:about|that|of|he|she|it)|"
    r"concern(?:ed)?\s+(?:about|that\s+(?:he|she|it|this))|anxious\s+about|scared|afraid|convinced\s+(?:it|this|that)|fear(?:s|ful|ing)?|wonder(?:s|ing|ed)?\s+(?:if|whether|about)|thinks?\s+(?:it|this)\s+(?:might|could|may)\s+be|risk\s+(?:of|factors?\s+for)|at\s+risk|"
    # What something may bring about one day, and what somebody wants to be told or protected from.
    r"(?:will|would|could|can|might|may)\s+(?:\w+ly\s+)?(?:give|cause|lead\s+to|bring\s+on|trigger)|"
    r"(?:wants?|requests?|asks?|asking|enquir\w+|needs?)\s+(?:\w+\s+){0,2}?(?:about|advice|information|vaccin\w*|jabs?|tablets)|"
    # What a book says is not what the patient has.
    r"(?:books?|leaflets?|websites?|internet|google|tv|telly|programmes?|articles?|magazines?|apps?|adverts?|posters?|courses?|newspapers?|"
    r"podcasts?|videos?|films?)\s+(?:\w+\s+){0,2}?(?:sa(?:ys?|id)|tells?|told|lists?|listed|mentions?|mentioned|warns?|means?|about)|"
    r"prevent\w*|prophyla\w+|screen(?:ing|ed)?\s+for|to\s+(?:rule\s+out|exclude)|monitor\s+for|read\s+about|googled|vaccin\w+|immuni[sz]ed)\b"
)
_WANTED = re.compile(r"\b(?:wants?|requests?|requesting|asks?\s+for|asking\s+for|needs?|enquir\w+)\b")
_PROTECTION = re.compile(
    r"^[^.;]{0,20}?\b(?:tablets?|pills?|prophyla\w+|vaccin\w*|jabs?|immuni[sz]ation|advice|leaflet|screening|risk)\b"
)
# "DVT prophylaxis", "sepsis leaflet": the name of a thing, not a finding.
_NAMES_A_THING = re.compile(
    r"^[\s-]{1,2}(?:prophyla\w+|vaccin\w*|jabs?|immuni[sz]\w+|leaflet|awareness|training|course|charity|run|screening\s+(?:programme|program|invit\w+|letter))\b"
)
_QUESTION = re.compile(r"\b(?:could|can|might|may|is|are|would|does|do|should|what|which|whether)\b[^?]*\?\s*$")
# "An old stroke" is past, "a 3 year old" is somebody.
_NOT_AN_AGE = "".join(
    f"(?<!{unit}{joint})"
    for unit in ("year", "years", "yr", "yrs", "month", "months", "week", "weeks", "day", "days", "y", "how")
    for joint in " -"
)
_PAST = re.compile(
    r"\b(?:previous(?:ly)?|prior|past|former(?:ly)?|childhood|"
    + _NOT_AN_AGE
    + r"old|remote|earlier\s+(?:in\s+life|this\s+year)|resolved|"
    r"p\.?m\.?h\.?x?|h/o|hx(?:\s+of)?|history(?:\s+of)?|known|residual|s/p|status\s+post|long-?standing|chronic|(?:as|when|while)\s+(?:(?:he|she|i|they)\s+(?:was|were)\s+)?(?:an?\s+)?(?:small\s+|young\s+|little\s+)?"
    r"(?:child|teen(?:ager)?|baby|infant|toddler|kid|boy|girl|adolescent|student|young\s+(?:man|woman|adult|person)|youngster|at\s+(?:school|university|college))|"
    r"in\s+(?:his|her|my|their)\s+(?:(?:early|mid|late)[\s-]+)?(?:teens|twenties|thirties|forties|fifties|sixties|youth|childhood|[2-6]0s)|last\s+year|in\s+(?:19|20)\d\d)\b"
)
_CURRENT_HISTORY = re.compile(
    r"\b(?:hours?|hrs?|h|days?|d|weeks?|wks?|minutes?|mins?|months?|night|\d+/(?:7|24|52))[\s-]+(?:long\s+)?(?:history|hx)\s*(?:of)?|"
    r"\b(?:short|recent|acute)\s+history\s+of|\bhistory\s+of\s+present|\bpresenting\s+history"
)
_LONG_AGO = re.compile(
    r"^\s*\(?(?:in\s+)?(?:19|20)\d\d\b|^[^.;,]{0,40}?\b(?:(?:years?|yrs?|months?|decades?)\s+(?:ago|back|earlier)|in\s+(?:19|20)\d\d|last\s+year|as\s+an?\s+(?:small\s+|young\s+)?(?:child|baby|infant|toddler|kid|boy|girl|teen\w*|student|adolescent)|(?:has|have)\s+(?:now\s+)?resolved)\b"
)
# "Seen in the ED three weeks ago with chest pain": what took people there then.
_SEEN_THEN = re.compile(
    r"\b(?:seen|attended|admitted|attendance|admission|presented|assessed|went|discharged|hospital)\b[^.;]{0,50}?"
    r"\b(?:\d+|a|two|three|four|five|six|several|few|some)\s+(?:weeks?|months?|years?)\s+(?:ago|back|earlier)\s+(?:with|for|after|following|because\s+of|due\s+to)\b[^.;]{0,60}$"
)
_AT_AGE = re.compile(
    r"^[^.;,]{0,30}?\b(?:at|when|aged)\s+(?:the\s+)?(?:age\s+(?:of\s+)?)?(?:he\s+was\s+|she\s+was\s+)?\d{1,2}\b"
    r"(?!\s*(?:[ap]m|:|h|weeks?|/|%|per|min|m|c|kg)|\.\d)"
)
# Over and done with: said to have ended fully, and to be weeks or more ago. One without the other is not enough: a weak arm that has
# recovered fully an hour ago is a warning.
_ENDED = re.compile(
    r"\b(?:(?:fully|completely|totally|entirely)\s+(?:recover\w+|resolv\w+|settled|gone|healed|better|well|cleared)|full\s+recovery|"
    r"(?:settled|resolved|recovered|healed|cleared)(?:\s+up)?\s+(?:completely|fully|entirely|well)|(?:seizure|fit|attack|symptom|pain|episode|relapse)[\s-]+free|"
    r"(?:no|nothing|none|not\s+any)\s+(?:\w+\s+){0,2}since|back\s+at\s+work\s+since|in\s+remission)\b"
)
_LONG_SINCE = re.compile(
    r"\b(?:(?:[2-9]|\d\d|two|three|four|five|six|seven|eight|nine|ten|several|a\s+few)\s+(?:weeks?|wks?)|(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|several|"
    r"a\s+few)\s+(?:months?|years?|yrs?|decades?))\b|\b(?:in|since|last)\s+(?:(?:19|20)\d\d|january|february|march|april|june|july|august|september|october|november|december|"
    r"spring|summer|autumn|winter|year)\b"
)
_NOW = re.compile(
    r"\b(?:again|recur\w*|relaps\w*|return\w*|today|tonight|yesterday|worse\w*|new|ongoing|still|this\s+(?:morning|evening|afternoon|week)|"
    r"since\s+(?:this|last\s+night|yesterday)|hours?|minutes?)\b"
)
# "Aged 6", "at 22" of somebody older: a number of the clock would be written otherwise, or is too small to tell.
_AGE_THEN = re.compile(
    r"\b(?:(?:age|aged|at\s+(?:the\s+)?age(?:\s+of)?|when\s+(?:he|she|i)\s+was)\s+(?P<sure>\d{1,2})|at\s+(?P<maybe>1[3-9]|[2-9]\d))\b"
    r"(?!\s*(?:[ap]m\b|:|h\b|hrs?\b|hours?|o'?clock|days?|weeks?|months?|/|%|per|min|m\b|c\b|kg|l\b|mmhg|bpm|mg|degrees)|\.\d)"
)
_SOMEBODY_ELSE = re.compile(rf"\b{RELATIVE}\b")
_AGAIN = re.compile(
    r"\b(?:again|recur\w*|return\w*|(?<!healthy )(?<!well )(?<!fine )(?<!better )(?<!ok )now"
    r"(?!\s+(?:healthy|well|fine|better|ok|recovered|resolved|settled))|today|current\w*|worse|new|ongoing|this\s+(?:morning|evening|afternoon))\b"
)


def status_of(statement: str, start: int, end: int, *, age_years: float | None = None) -> Status:
    """How `statement` (normalised) speaks of the finding at [start, end), in a patient of `age_years`."""
    before, after = statement[:start], statement[end:]
    if _is_denied(before, statement[start:end], after):
        return "absent"
    if _is_family(before, after):
        return "family"
    if (
        _HYPOTHETICAL.search(before)
        or _NAMES_A_THING.match(after)
        or _QUESTION.search(statement)
        or (_WANTED.search(before) and _PROTECTION.match(after))
    ):
        return "hypothetical"
    if _is_past(before, after) or _is_over(statement) or _was_younger(statement, age_years):
        return "past"
    return "present"


def _is_denied(before: str, mention: str, after: str) -> bool:
    absent_after = _AFTER_ABSENT.match(after)
    if absent_after and not _CANNOT_EXCLUDE.search(before + mention + after[: absent_after.end()]):
        return True
    cue = None
    for found in _DENIAL.finditer(before):
        cue = found
    if cue is None or _NOT_DENYING.match(before[cue.end() :] + mention):
        return False
    if _CANNOT_EXCLUDE.search(before[max(0, cue.start() - 30) : cue.end()]):
        return False
    between = before[cue.end() :]
    if _BREAKS.search(re.sub(r"^\s*(?:has|have|had|is|are|was|were)\b", "", between)) or len(between.split()) > 25:
        return False
    denies = cue.group().startswith(("den", "neg", "nei"))
    if re.search(r"\b(?:with|and\s+(?:is|has|feels?))\b", between) and not denies:
        return False
    if "," not in between:
        # "no fever and chest pain": of two joined by "and" after a bare "no", only the first is surely denied
        # when the second is a statement of its own; as a noun list it is denied.
        return True
    return denies or _is_list(between + mention + after)


def _is_list(text: str) -> bool:
    """A denied list: it goes on with "or"/"nor", or has three or more short items."""
    if re.search(r"\b(?:or|nor)\b", text):
        return True
    items = [item.strip() for item in text.split(",")]
    return len(items) >= 3 and all(len(item.split()) <= 3 for item in items)


def _is_family(before: str, after: str) -> bool:
    if re.match(rf"^[^,;]{{0,25}}\b(?:in|of)\s+(?:his|her|a|the|their)\s+{RELATIVE}\b", after):
        return True
    cue = None
    for found in _FAMILY.finditer(before):
        cue = found
    if cue is None or _INFORMANT.search(before):
        return False
    between = before[cue.end() :]
    return re.search(r"\b(?:and|but|,)\s*(?:he|she|the\s+patient|patient|pt|now|presents?)\b", between) is None


def _is_past(before: str, after: str) -> bool:
    if _AGAIN.search(after[:60]):
        return False
    if _SEEN_THEN.search(before):
        return True
    if _LONG_AGO.match(after) or (_AT_AGE.match(after) and re.search(r"\bhad\b", before)):
        return True
    cue = None
    for found in _PAST.finditer(before):
        cue = found
    if cue is None:
        return False
    if _CURRENT_HISTORY.search(before):
        return False
    between = before[cue.end() :]
    if re.search(r"[,:]", between) and not cue.group().startswith(("p", "h", "known")):
        return False
    return len(between.split()) <= 12 and not re.search(
        r"\b(?:now|present\w*|developed|started|woke|today|with|has|c/o|complain\w*)\b", between
    )


def _is_over(statement: str) -> bool:
    """Weeks or more ago, ended fully, and nothing of today in the same breath."""
    ended = _ENDED.search(statement)
    return ended is not None and _LONG_SINCE.search(statement) is not None and _NOW.search(statement) is None


def _was_younger(statement: str, age_years: float | None) -> bool:
    """The statement gives an age at which this happened, at least two years below the patient's."""
    # Somebody else's age says nothing of the patient.
    if age_years is None or _NOW.search(statement) or _SOMEBODY_ELSE.search(statement):
        return False
    return any(int(found["sure"] or found["maybe"]) <= age_years - 2 for found in _AGE_THEN.finditer(statement))
