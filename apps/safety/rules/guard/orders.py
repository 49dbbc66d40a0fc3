"""Orders that name no medicine: a regimen standing alone, a dose to be changed, "which should be held".

A reader of a page knows what "twice a day for a week" or "this should continue" speaks of, so the guard
need not: such a unit is refused unless it asks, refuses or leaves the matter to a decider.
"""

from __future__ import annotations

import re

from apps.safety.rules.guard import licences
from apps.safety.rules.guard.patterns import LEAD, MED

_DUTY = (
    r"(?:should|must|ought\s+to|needs?\s+to|can|could|may|might|will|would|shall|(?:has|have|is|are)\s+to)\s+"
    r"(?:\w+ly\s+|not\s+|now\s+|also\s+|then\s+|just\s+|simply\s+){0,2}"
)
_CHANGED = (
    r"(?:be\s+)?(?:continued?|carry\s+on|go\s+on|stay|stop(?:ped)?|cease[d]?|held|withheld|omitted|skipped|paused|suspended|interrupted|"
    r"restarted|resumed?|reinstated|increased?|raised|reduced|lowered|doubled|halved|tapered|weaned|titrated|switched|swapped|"
    r"re-?introduced|left\s+(?:off|out)|kept\s+(?:on|going)|cut\s+(?:down|back)|stepped\s+(?:up|down)|go\s+up|go\s+down|come\s+(?:off|down))\b"
)
_GIVEN = (
    r"(?:be\s+)?(?:given|repeated|taken|administered|used|prescribed|started|added|tried|"
    r"have\s+(?:more|another|some)|want\s+more|need)\b"
)
_PRONOUN = (
    r"(?:this|that|it|they|these|those|which|both|the\s+(?:same|drug|agent|next|second|other|rest|latter|former))"
)
_AGAIN = re.compile(
    rf"\b{_PRONOUN}\s+{_DUTY}{_CHANGED}(?!\s+(?:in|with|through|to\s+be)\s+(?:pregnancy|mind|age))"
    rf"|\b{_PRONOUN}\s+(?:needs?|wants|requires?)\s+(?:\w+ly\s+)?(?:stopping|holding|withholding|continuing|restarting|increasing|reducing|"
    rf"tapering|titrating|doubling|halving|switching|changing)\b"
)
# With a medicine in the unit a second half may order what the first half reports.
_HALF = re.compile(
    rf"\b(?:and|but|so|which|that|it|they|[NC]\d++)\s+(?:\w+ly\s+)?(?:should|ought\s+to|must)\s+(?:not\s+)?be\s+(?:there|here|on\s+(?:it|board|the)|added|in\s+place)\b|"
    rf"\b{_PRONOUN}\s+{_DUTY}{_GIVEN}|\b(?:and|so|but|then|,|;)\s*{_DUTY}(?:{_CHANGED}|{_GIVEN})"
    rf"|[,;-]\s*(?:to|not\s+to)\s+(?:be\s+)?(?:{_CHANGED}|{_GIVEN})"
    r"|G\d++\s+(?:to|should|must|can|may|will)\s+(?:continue|stop|stay|remain|be\s+(?:continued|stopped|held|given|restarted|resumed))\b"
    r"|\b(?:carry\s+on|keep\s+going|go\s+back\s+to|stick\s+with\s+(?:it|this))\b"
    r"|\b(?:is|are|was|falls?)\s+(?:now\s+|next\s+|again\s+)?due\b(?!\s+to)|\bnext\s+(?:one\s+|G\d++\s+)?(?:is\s+)?(?:due|may|can|should|at)\b"
    r"|\b(?:may|might|could|will|would|can)\s+(?:well\s+|also\s+)?(?:need|want|benefit\s+from|require|have)\s+(?:them|it|one|some|more|another)\b"
)
_DOSE = r"(?:dos(?:e|es|age)|amounts?|strength)"
_DOSE_CHANGE = re.compile(
    rf"\b(?:smaller|lower|higher|bigger|larger|stronger|increased|double|half|#\d++|twice|lowest|"
    rf"therapeutic|starting|smallest)\s+(?:the\s+|an?\s+)?(?:usual\s+|normal\s+|current\s+|same\s+|effective\s+|recommended\s+)?{_DOSE}\b"
    rf"|\b(?:double|halve|increase|reduce|lower|raise|up|drop|split|repeat|adjust|titrate|change|space\s+out)\s+(?:the\s+|your\s+|his\s+|her\s+|this\s+|each\s+)?(?:\w+\s+)?{_DOSE}\b"
    rf"|\b{_DOSE}\s+(?:\w+\s+){{0,3}}?(?:{_DUTY})(?:\w+\s+)?(?:be\s+)?(?:go\s+(?:up|down)|come\s+down|increas|reduc|lower|rais|doubl|halv|titrat|adjust|split|repeat|spread|chang|given|taken|drop)"
    rf"|\b{_DOSE}[\s-]+(?:increases?|reductions?|escalation|adjustments?|titration|doubling|halving)\b(?=[^.]*(?:\b(?:need|requir|should|recommend|advis|sensible|indicated|appropriate|warranted|halve|double|half)|$))"
    r"|\b(?:reduce|increase|drop|cut|lower|raise|titrate|wean|taper|go|step|come|basal|it|them)\s+(?:(?:it|them|this|that|basal|the\s+(?:rate|basal|infusion))\s+)?(?:up\s+|down\s+)?by\s+(?:about\s+|another\s+)?(?:\d|an?\s+(?:quarter|third|half|fifth|tenth|few)|one\s|two\s|five\s|ten\s)"
    r"|^\W*(?:first|second|third|next|loading|initial|booster|single|one-off|stat|final)\s+dos(?:e|es)\b|\b(?:three|five|seven|ten|\d+)-day\s+course\W*$"
    r"|^\W*(?:please\s+)?(?:cut|shave|trim|reduce|lower|increase|raise|drop|take|knock)\s+(?!salt|alcohol|weight|calor|sugar|fat)[^.;]{0,30}?\b\d+\s?(?:%|per\s?cent)|^\W*(?:cut|shave|trim|knock|take)\s+(?:\w+\s+)?(?:per\s?cent|units?|a\s+(?:quarter|third|fifth))\s+off\b"
    r"|\b(?:give|administer|offer|have|get|book)\s+(?:\w+\s+){0,4}?(?:vaccines?|vaccination|boosters?|jabs?|immunisation)\b(?![^.]*\b(?:was|were|recorded)\b)"
    rf"|\b(?:start|begin|starting)\s+(?:\w+\s+)?low\b[^.]*\b(?:slow|up|increase|titrate)|\btitrat(?:e|ed|ing|ion)\s+(?:\w+\s+){{0,2}}?(?:up|down|to|against|as|slowly|according|by|every|weekly)\b"
)
_DOSE_TOLD = re.compile(
    r"\b(?:was|were|had|recorded|documented|missed|missing|last|unknown|unclear|not|whether|which|what|given|took|received|decision|cannot|can't|"
    r"toxic\w*|overdos\w*|after|cumulative|radiation|exposure|risk|dependent|response)\b"
)
_BY_MOUTH = re.compile(
    rf"{LEAD}(?:swallow(?!\s+(?:assess|screen|test|stud|function|is|was|safe|diffic|problem|reflex|not|eval|team|therap))|chew|suck|gargle|smear|"
    r"dissolve|nebulise|nebulize|dab|squirt|rub\s+(?:it|in|on|the|into|gently|some)|sip\s+(?:on\s+)?(?:G\d++|N\d++|O\d++)|"
    r"take\s+(?:with|on|after|before|alongside)\s+(?:\w+\s+){0,2}?(?:food|meals?|stomach|water|milk|breakfast|bed|lunch|dinner|eating)|"
    r"repeat\s+(?:this\s+|it\s+|again\s+)?(?:after|every|if|when|in)\b[^.;]*\b(?:response|effect|needed|relief|relieved|symptoms?|pain|persists?|settled|better|improvement|required)|"
    r"inject\s+(?:into|in|under|the|it)\b|inject\s+slowly|"
    r"insert\s+(?:one|two|#\d++)|apply\s+(?:sparingly|thinly|liberally|generously|#\d++|a\s+(?:thin|thick|small|generous))|"
    r"(?:double|top|space|spread)\s+(?:them\s+|it\s+)?(?:up|out)(?!\s+of)|have\s+(?:one|two|#\d++)\s+(?:now|and|before|after|at|with)|"
    r"(?:continue|carry\s+on|resume|restart|stop|complete|finish|repeat)\s+(?:\w+\s+){0,3}?(?:treatment|therapy|regimen|course|infusion|prophylaxis|drip)\b(?!\s+(?:decision|plan))|"
    r"(?:continue|carry\s+on|keep\s+going)\s+(?:this\s+|it\s+)?D\d++\W*$|"
    r"skip\s+(?:tonight|today|tomorrow|this|the\s+next|a\s+day))\b"
)
# What may stand between the parts of a regimen.
_BETWEEN = re.compile(
    r"\b(?:of|or|to|and|then|a|an|the|at|per|by|up|max|maximum|daily|total|not|exceed|no|more|less|than|exceeding|least|about|around|only|in|"
    r"each|every|both|with|without|after|before|on|under|into|for|as|if|when|needed|required|necessary|food|(?:with|before|after|without|to)\s+(?:\w+\s+)?meals?|i{1,3}|units?|water|milk|breakfast|lunch|dinner|tea|bedtime|bed|"
    r"stomach|empty|mouth|tongue|rectum|nostril|nostrils|eye|eyes|ear|ears|skin|rash|area|affected|face|spacer|side|sides|once|one|two|three|four|morning|night|evening|noon|"
    r"thin|layer|thinly|sparingly|small|amount|pea|sized|fingertip|scoop|scoops|oral|orally|iv|im|sc|po|pr|sl|subcut|stat|now|later|another|next|kilo|further|first|second|"
    r"usual|adult|child|total|over|hours?|minutes?|wait|titrate[d]?|response|effect|reducing|increasing|weekly|taper)\b"
)
_INTO = re.compile(
    r"\b(?:rectum|tongue|nostrils?|(?:each|both)\s+(?:eyes?|ears?)|by\s+mouth|orally|subcut|bedtime|per\s+kilo)\b"
)
_REGIMEN_PART = re.compile(r"[QFKD#]\d++")
_DAYPARTS = re.compile(r"^\W*[0-3½]\s*-\s*[0-3½]\s*-\s*[0-3½](?:\s*-\s*[0-3½])?\b")
_TAKEN_SO = re.compile(
    r"^\W*(?:best\s+|to\s+be\s+|usually\s+|ideally\s+)?(?:taken|given|applied|inhaled|swallowed|injected|administered)\s+(?:at|with|before|after|in|on|every|as|once|by|[KQF]\d++)\b(?!\s*(?:the\s+)?(?:ed|ward|#|ambulance|scene|triage|hospital|home))"
    r"|^\W*an?\s+(?:blob|dab|smear|thin\s+layer|squirt|pea)\b"
)
_PAST_SUPPORT = re.compile(r"\b(?:was|were|recorded|had|maintained)\b")
_SUPPORT = re.compile(
    rf"{LEAD}(?:aim|target|titrate|keep|maintain|wean|increase|turn|set|run|step)\b[^.;]{{0,30}}?\b(?:sats?|spo2|saturations?|flow|fio2|peep|rate|room\s+air|litres|O\d++)\b[^.;]{{0,40}}?"
    r"(?:[VQ#]\d++|\bair\b)|^\W*target\s+(?:o2\s+|oxygen\s+|O\d++\s+)?(?:sats?|spo2|saturations?)\b[^.;]*V\d"
    r"|\bwean\w*\s+(?:\w+\s+)?to\s+(?:room\s+)?air\b|#\d++\s*(?:per|/)\s*k(?:ilos?|ilograms?|g)\b|^\W*O\d++\s+(?:if|when|to|for|until)\b"
    r"|\b(?:rehydrat\w+|fluid\s+resuscitat\w+|resuscitat\w+)\s+(?:\w+\s+){0,2}?(?:with|intravenous\w*|iv|using|orally|by)\b"
    r"|^\W*(?:oral|iv|intravenous)\s+rehydration\b(?!\s+(?:was|status))"
    r"|^\W*O\d++(?:\s+[QVKD#]\d++)*(?:\s+(?:wide\s+open|now|stat|overnight|tonight|today|please))?\W*$"
    r"|\b(?:blood|transfusion)\s+(?:now|today|tonight|stat)\b|^\W*transfus(?:e|ing|ion)\b(?!\s+(?:history|reaction|reactions|was|is|were|record|service|laborator|medicine))"
    r"|\brefeed\w*\s+(?:from|at|with|to)\b|\bkcal\s*/\s*kg\b(?!.*\b(?:was|recorded)\b)|V\d++\s+(?:\w+\s+)?(?:meal|diet|feeding|refeeding|nutrition)\s+plan\b"
    r"|^\W*(?:[a-z]+\s+){0,2}A\d++\s+(?:today|now|tonight|stat)\b|^\W*O\d++\s+(?:on|up|off|down)\W*$|\bbuild\s+up\s+(?:the\s+)?feed"
    r"|O\d++\s*(?:x|times)\s*#|#\d++\s+(?:pools?|units?|bags?|packs?)\s+of\s+O\d"
    r"|\b(?:rate|infusion|feeds?|flow|drip|pump)\b[^.;]{0,30}?\b(?:up|down|increas\w*|reduc\w*|rais\w*|creep\w*)\b[^.;]{0,15}?[#Q]\d"
    r"|\b(?:start|begin|increase|run)\s+(?:\w+\s+){0,2}?feed(?:ing|s)?\b[^.;]*#\d++"
)
_EXEMPT = re.compile(
    r"^\W*(?!(?:should|shall|can|could|would|why|how\s+about|what\s+about|isn't|may|might)\b)[^.]*\?\s*\W*$|\b(?:whether|unclear|not\s+recorded|unknown|not\s+documented|not\s+stated)\b"
)


def loose_order(form: str, text: str) -> str:
    """The name of an order without a named medicine in a unit's skeleton; "" when there is none."""
    found = _order(form, text)
    if not found or _EXEMPT.search(form) or licences.REFUSAL.search(form) or licences.NO_CHANGE.search(form):
        return ""
    return "" if licences.DECIDER.search(form) and licences.CONSIDERATION.search(form) else found


def _order(form: str, text: str) -> str:
    if _DAYPARTS.match(text) or _is_regimen(form):
        return "regimen"
    if _AGAIN.search(form) or (re.search(MED, form) and _HALF.search(form)):
        return "referent"
    if _DOSE_CHANGE.search(text) and not _DOSE_TOLD.search(text):
        return "dose_change"
    if _BY_MOUTH.search(form) or _TAKEN_SO.search(form):
        return "taking"
    return "support" if _SUPPORT.search(form) and not _PAST_SUPPORT.search(form) else ""


def _is_regimen(form: str) -> bool:
    """True for a unit that is nothing but how much, how often or how long something is taken."""
    parts = _REGIMEN_PART.findall(form)
    if not parts:
        return False
    kinds = {part[0] for part in parts}
    rest = _BETWEEN.sub("", _REGIMEN_PART.sub("", re.sub(r"\bG\d++", "", form)))
    if re.search(r"\w", rest):
        return False
    return bool(kinds & {"Q", "F"}) or ("K" in kinds and len(form) > 2) or bool(kinds & {"#"} and _INTO.search(form))
