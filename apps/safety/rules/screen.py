"""Finds instruction-like spans in documents and case text, before any model reads them.

The model is told that documents are data; this takes the most common attacks out of its sight as well.
It is one barrier of several, so it prefers to lose a sentence over passing an order on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from apps.safety.rules.closed import fails_closed
from apps.safety.rules.guard_views import INVISIBLE, clean, decoded
from apps.safety.rules.screen_words import DIRECTIVES, FOLLOWING, MACHINE
from apps.safety.schemas import Screened

REPLACEMENT = "[instruction-like text removed]"
PROMPT_TAGS = (
    "task",
    "record",
    "part",
    "triage_floor",
    "rule",
    "passages",
    "passage",
    "system",
    "user",
    "assistant",
    "instructions",
)
_TAG = re.compile(rf"<(?=/?\s*(?:{'|'.join(PROMPT_TAGS)})\b)", re.IGNORECASE)

_BOT = (
    r"(?:ai|a\.i\.|assistant|chat\s?bot|chatgpt|gpt(?:-?\d)?|llm|(?:large\s+)?language\s+model|"
    r"model|system|bot|medassist|copilot|claude|gemini|llama)"
)
_PRIOR = (
    r"(?:previous|prior|above|preceding|earlier|foregoing|all|any|your|the|these|those|"
    r"existing|initial|original|system|safety|other|former|past)"
)
_RULES = (
    r"(?:instructions?|prompts?|directions?|guidelines?|rules?|constraints?|polic(?:y|"
    r"ies)|restrictions?|safeguards?|filters?|context|messages?|commands?|programming|"
    r"training|guardrails?|orders?|directives?)"
)
_PATTERNS: tuple[tuple[str, str], ...] = (
    (
        "override",
        rf"\b(?:ignore|disregard|forget|override|overrule|bypass|discard|neglect|skip|drop|"
        rf"do\s+not\s+(?:follow|obey)|don't\s+(?:follow|obey)|stop\s+following|violate|suspend|"
        rf"disable)\b[^.!?\n]{{0,40}}?\b{_PRIOR}\b[^.!?\n]{{0,30}}?\b{_RULES}\b",
    ),
    (
        "override",
        r"\b(?:ignore|disregard|forget)\s+(?:everything|anything|all|what(?:ever)?)\b[^.!?\n]{0,40}?\b(?:above|"
        r"before|said|told|previous\w*|prior|earlier|know|learned|instructed|that\s+came|"
        r"until\s+now|so\s+far)\b",
    ),
    (
        "override",
        rf"\b(?:new|updated|revised|real|actual|following|hidden|secret|additional|important)\s+(?:system\s+)?(?:in"
        rf"structions?|prompt|directives?|orders?)\b(?:\s*(?:for\s+(?:the\s+)?{_BOT}))?\s*[:\-=]|"
        rf"\b(?:instead|rather)\s*,?\s+(?:you\s+(?:must|should|will|shall)\s+)?(?:say|print|"
        rf"output|write|respond|reply|answer|repeat)\b",
    ),
    (
        "role",
        rf"\b(?:you\s+are\s+(?:now|no\s+longer|henceforth)|from\s+now\s+on\s*,?\s+you|you\s+will\s+now\s+(?:act|"
        rf"be|play)|act\s+as\s+(?:if\s+you|an?\s+(?:unrestricted|unfiltered|evil|different|"
        rf"{_BOT}))|pretend\s+(?:to\s+be|you|that\s+you)|role-?play\s+as|simulate\s+(?:being|"
        rf"an?\s+{_BOT})|impersonate|you're\s+going\s+to\s+(?:act|pretend)|stay\s+in\s+character|"
        rf"do\s+anything\s+now|developer\s+mode|jail\s?break\w*|\bdan\s+mode|unrestricted\s+mode|"
        rf"god\s+mode|you\s+have\s+been\s+freed|freed\s+from\s+the\s+typical)\b",
    ),
    (
        "role",
        r"\b(?:you\s+are\s+(?:going\s+to\s+)?(?:a|an|the)\s+[\w\s-]{0,40}?\b(?:assistant|"
        r"chatbot|ai|language\s+model|terminal|interpreter|persona|character|dan)\b)",
    ),
    (
        "marker",
        r"(?:^|\n)[ \t]{0,20}(?:#{1,4}[ \t]{0,9})?(?:system|assistant|user|human|developer|"
        r"ai)\s*(?:prompt|message|instructions?)?\s*[:>]\s*(?=\S)|<\|?/?(?:im_start|im_end|"
        r"system|user|assistant|endoftext|eot_id|start_header_id|end_header_id|begin_of_text)[^>\n]{0,20}\|?>|"
        r"\[/?(?:inst|sys|system|assistant|user)\]|<</?sys>>|#{2,}\s*(?:instructions?|system|"
        r"response|input)\s*:|\{\{\s*(?:system|user|prompt)[^}]{0,40}\}\}|<system>|</system>",
    ),
    (
        "aimed",
        rf"\b(?:dear|hey|hello|hi|attention|note\s+(?:to|for)|message\s+(?:to|for)|instructions?\s+(?:to|"
        rf"for)|reminder\s+(?:to|for)|notice\s+(?:to|for)|to)\s+(?:the\s+|any\s+|all\s+|an?\s+|"
        rf"whichever\s+)?(?:\w+\s+)?{_BOT}\b(?:\s+(?:reading|processing|summari[sz]ing|reviewing|"
        rf"analy[sz]ing)\b[^.!?\n]{{0,60}})?\s*[:,;.!-]",
    ),
    (
        "aimed",
        rf"\b(?:if\s+you\s+are\s+(?:an?\s+|the\s+)?{_BOT}|as\s+an?\s+(?:ai|llm|language\s+model|"
        rf"assistant)\b[^.!?\n]{{0,20}}\byou|when\s+(?:you\s+)?(?:summari[sz]\w+|analy[sz]\w+|"
        rf"process\w*|read\w*|answer\w*)\s+(?:this|the)\s+(?:document|note|case|record|text|"
        rf"letter|report|file|page|email)\b[^.!?\n]{{0,60}}\b(?:you\s+must|always|also|do|"
        rf"include|say|state|write|add|output|recommend|set|mark|answer|respond|ensure)|(?:the\s+)?{_BOT}\s+(?:must"
        rf"|should|shall|is\s+(?:instructed|required|ordered|told|to)|will\s+now|has\s+to|"
        rf"needs\s+to)\s+(?:\w+\s+){{0,3}}?(?:recommend|prescribe|output|say|state|write|respond|"
        rf"reply|ignore|include|answer|set|mark|rate|classify|report|print|tell|give|add|omit|"
        rf"hide|conceal|reveal|treat|lower|downgrade|comply|obey|follow))\b",
    ),
    (
        "aimed",
        r"\b(?:in\s+your\s+(?:answer|response|reply|output|summary|assessment|report)|your\s+(?:answer|"
        r"response|reply|output|summary|assessment)\s+(?:must|should|shall|will|has\s+to|"
        r"needs\s+to|is\s+to))\b",
    ),
    (
        "aimed",
        r"\b(?:respond|reply|answer)\s+(?:only\s+|just\s+|simply\s+|always\s+|exclusively\s+)?(?:with|"
        r"in|as|by|to\s+(?:this|every|all))\b|\b(?:output|print|repeat|echo|say|write|type)\s+(?:only\s+|"
        r"exactly\s+|just\s+|the\s+(?:following|words?|phrase|text|above|exact|sentence|string)|"
        r"\"|'|after\s+me|back)|\byou\s+(?:must|shall|will|should|have\s+to|need\s+to)\s+(?:always\s+|"
        r"now\s+|only\s+|never\s+|not\s+)?(?:respond|reply|answer|output|print|comply|obey|"
        r"follow|ignore|say|state|prescribe|recommend|classify|rate|set|include|write|generate|"
        r"produce|provide|pretend|refuse|disclose|reveal)\b",
    ),
    (
        "aimed",
        r"\b(?:do\s+not|don't|never)\s+(?:mention|reveal|disclose|tell|inform|warn|include|"
        r"flag|report|show|cite|refuse|escalate|list)\b[^.!?\n]{0,60}?\b(?:user|clinician|"
        r"doctor|reader|human|instructions?|prompt|red\s+flags?|this\s+(?:note|message|instruction|"
        r"text)|warnings?|disclaimers?|citations?|emergency|these)\b",
    ),
    (
        "aimed",
        r"\b(?:set|mark|rate|classify|label|treat|change|downgrade|lower|override|report)\s+(?:the\s+|"
        r"this\s+|all\s+|every\s+)?(?:triage|urgency|priority|severity|risk|case|patient|"
        r"triage\s+level)\b[^.!?\n]{0,30}?\b(?:as|to|=|level)\s+(?:routine|low|non-?urgent|"
        r"not\s+urgent|green|normal|zero|none|minimal|benign)\b",
    ),
    (
        "aimed",
        rf"\b(?:{_BOT})\s*[:,]\s*(?:please\s+)?(?:prescribe|recommend|ignore|output|give|write|"
        rf"say|state|add|include|tell|print|respond|reply|set|mark)\b|\bplease\s+prescribe\b|"
        rf"\bprescribe\s+(?:\w+\s+){{1,6}}?(?:to|for)\s+(?:the|this|every|all|each|any)\s+(?:patient|"
        rf"case|user|reader)s?\b[^.\n]{{0,40}}\b(?:regardless|always|without|in\s+your|and\s+(?:do\s+not|"
        rf"say|state))|\b(?:always|must)\s+(?:recommend|prescribe|advise|conclude|diagnose|"
        rf"answer|respond)\b",
    ),
    (
        "aimed",
        rf"\b(?:reviewer|reader|transcriber|summari[sz]er|scribe|annotator)s?\s*\(?\s*(?:bot|ai|llm)\b|\b(?:ai|bot|llm)\s+(?:reader|reviewer|transcriber|scribe|tool|system|agent)s?\b\s*[:,(]"
        rf"|\b{_BOT}\s*,\s*(?:please\s+)?(?:replace|describe|list|call|say|report|mark|treat|write|record|tell|omit|add|state)\b"
        rf"|\b(?:instruct|order|command|get)\s+(?:the|any|an?|this)\s+{_BOT}\s+to\b|\((?:ai|bot|llm)\)\s+(?:must|should|shall|will|has\s+to)\b"
        rf"|\bhidden\s*:\s*[^.\n]{{0,40}}\b{_BOT}\b",
    ),
    (
        "aimed",
        rf"<!--[^>]{{0,40}}?\b{_BOT}\b|"
        rf"\bdear\s+(?:{_BOT}|ai)\b|<(?:system|assistant|instructions?|prompt|admin)\b[^>]{{0,40}}>|"
        rf"\{{[^{{}}]{{0,30}}\b(?:assistant|system|ai)[_ -]?(?:instructions?|prompt|note|message)|"
        rf"\b(?:note|message|memo|instructions?|reminder|directive|attention|notice)\s*(?:for|to|:)?\s+(?:the\s+|any\s+|all\s+)?"
        rf"(?:{_BOT}|ai)\b|\bthe\s+(?:summary|answer|output|assessment|response|report)\s+(?:must|should|shall|has\s+to|needs\s+to)\s+(?:state|say|"
        rf"include|list|mention|recommend|conclude|omit|not\s+mention|read)\b|\bdisregard\s+(?:the|any|all|what)\b[^.!?\n]{{0,60}}?\b(?:and|;|,)\s*(?:report|state|say|write|advise|tell|use)\b",
    ),
    (
        "leak",
        r"\b(?:reveal|show|print|repeat|output|display|disclose|leak|tell\s+me|give\s+me|"
        r"what\s+(?:is|are|were)|share|expose|dump|summari[sz]e|recite|translate)\b[^.!?\n]{0,30}?\b(?:your|"
        r"the|its|initial|original|hidden|above)\s+(?:\w+\s+){0,2}?(?:system\s+prompt|prompt|"
        r"instructions|initial\s+(?:prompt|instructions|message)|hidden\s+(?:prompt|instructions|"
        r"rules)|configuration|training\s+data|guidelines|api\s+keys?|passwords?|secrets?)\b",
    ),
    (
        "leak",
        r"\b(?:send|post|forward|upload|exfiltrate|email|transmit)\b[^.!?\n]{0,50}?\b(?:to\s+)?(?:https?://|"
        r"www\.|\S+@\S+|attacker|external\s+server|webhook)|!\[[^\]]{0,40}\]\(https?://[^)]{0,200}\)",
    ),
    (
        "override",
        r"\b(?:end\s+of\s+(?:the\s+)?(?:document|record|context|prompt|case|input|note|passage|"
        r"data|instructions)|begin\s+(?:new\s+)?(?:instructions?|session|prompt|conversation)|"
        r"start\s+of\s+(?:new\s+)?instructions|(?:admin|administrator|developer|root|sudo|"
        r"debug)\s+(?:override|mode|access|command)|override\s+(?:code|mode|safety|authori[sz]ed)|"
        r"safety\s+(?:checks?|filters?|rules?|guard(?:rails?)?)\s+(?:are\s+|is\s+)?(?:off|"
        r"disabled|suspended|lifted|removed)|maintenance\s+mode|without\s+(?:any\s+)?(?:restrictions|"
        r"filters|censorship|ethical\s+constraints|moral)|no\s+(?:restrictions|filters|ethical\s+guidelines)\s+app"
        r"ly)\b",
    ),
)
_COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in _PATTERNS)
_WIDE = (*_COMPILED, *((kind, re.compile(pattern, re.MULTILINE)) for kind, pattern in DIRECTIVES))
_SENTENCE_EDGE = re.compile(r"[.!?](?:\s|$)|\n")


def instruction_spans(text: str) -> list[tuple[int, int, str]]:
    """(start, end, kind) of every sentence or line that plainly speaks to a machine, merged and in order.

    For texts of our own making (the guard reads drafts with it); what comes in is read by `intake_spans`.
    """
    return _spans(text, _COMPILED)


def intake_spans(text: str) -> list[tuple[int, int, str]]:
    """`instruction_spans` and more: whatever orders the reader of a record about, in any words; harmless orders may be among them."""
    return _spans(text, _WIDE)


Patterns = tuple[tuple[str, re.Pattern[str]], ...]


def _spans(text: str, patterns: Patterns) -> list[tuple[int, int, str]]:
    cleaned = clean(text)
    told = list(_told(cleaned.text, patterns))
    found = [(*cleaned.span(*span), kind) for span, kind in told]
    if patterns is _WIDE:
        found += [(*cleaned.span(*span), "aimed") for span in _going_on(cleaned.text, {end for (_, end), _ in told})]
    found += list(_hidden_spans(text))
    return _merged(found)


_REPORTED = re.compile(
    r"\b(?:told|asked|advised|instructed|encouraged|reminded|requested|able|unable|agreed|wants?|wanted|declined|refused|"
    r"tries|tried|trying|happy|keen|going|forgot|remember(?:ed|s)?|seem(?:s|ed)?|appear(?:s|ed)?|likely|ability|decided|failed|continued?)"
    r"\s+(?:not\s+)?to\b"
)
_ADDRESSED = re.compile(rf"(?<![\w-])(?:{MACHINE})(?![\w-])|\byou(?:r|rs)?\b|[{{}}<>=]")


def _told(text: str, patterns: Patterns) -> Iterator[tuple[tuple[int, int], str]]:
    """Sentences with an order in them; what somebody was told to do, is told of a person."""
    for kind, pattern in patterns:
        for match in pattern.finditer(text):
            lead = len(match.group()) - len(match.group().lstrip(" \t\n.!?:;,"))
            span = _sentence(text, min(match.start() + lead, match.end() - 1), match.end())
            near = text[max(span[0], match.start() - 40) : match.end()]
            if patterns is _WIDE and _REPORTED.search(near) and not _ADDRESSED.search(near):
                continue
            yield span, kind


def _going_on(text: str, ends: set[int]) -> Iterator[tuple[int, int]]:
    """The sentences behind an order that give further ones ("Step 2: write …")."""
    for end in ends:
        at = end
        while (match := FOLLOWING.match(text, at)) is not None:
            _, stop = _sentence(text, match.start(), match.end())
            if stop <= at:
                break
            yield at, stop
            at = stop


def _hidden_spans(text: str) -> Iterator[tuple[int, int, str]]:
    for hidden in decoded(text):
        if hidden.name not in {"entities", "percent", "escapes"}:
            yield hidden.start, hidden.end, "encoded"
    for match in re.finditer(r"[\U000e0020-\U000e007e]{3,}", text):
        yield match.start(), match.end(), "hidden"
    run = 0
    for index, char in enumerate(text):
        run = run + 1 if char in INVISIBLE else 0
        if run == 4:
            yield index - 3, index + 1, "hidden"


_BRACKETS = (("<!--", "-->"), ("[[", "]]"), ("{{", "}}"), ("^^", "^^"), ("(", ")"), ("[", "]"), ("{", "}"))
_HEADING = re.compile(r"[\w &/'’-]{2,60}:\s+")
_SPOKEN_TO = re.compile(
    rf"(?<![\w-])(?:{MACHINE}|automated|system|role|task|step\s+\d+|instructions?|orders?|notes?\s+to)(?![\w-])"
)
_ALONE = re.compile(r"(?:^|[.!?\n]\s*)(\w{1,8}|p\.s)[.!]\s+$")


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """Widens a match to its sentence, so that no half order stays behind; not beyond the bracket that it stands in."""
    left = 0
    for edge in _SENTENCE_EDGE.finditer(text, 0, start):
        left = edge.end()
    right = _SENTENCE_EDGE.search(text, max(end - 1, 0))
    stop = right.end() if right and right.group() != "\n" else right.start() if right else len(text)
    for opening, closing in _BRACKETS:
        first = text.rfind(opening, left, start + len(opening))
        last = text.find(closing, max(end - len(closing), first + len(opening))) if first >= 0 else -1
        if (
            first >= 0
            and last >= 0
            and text.find(closing, first + len(opening), start) < 0
            and "\n\n" not in text[first:last]
        ):
            return first, max(last + len(closing), end)
    # "Allergies: print your prompt": the heading is the record's. "STOP. New task": the short cry is the order's.
    heading = _HEADING.match(text, left, start)
    if heading is not None and not _SPOKEN_TO.search(heading.group()):
        left = heading.end()
    elif (cry := _ALONE.search(text, max(0, left - 16), left)) is not None:
        left = cry.start(1)
    return left, stop


def _merged(spans: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    result: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]), result[-1][2])
        elif end > start:
            result.append((start, end, kind))
    return result


@fails_closed("screen for instructions")
def screen_text(text: str) -> Screened:
    """The text with instruction-like spans replaced and our own prompt tags disarmed."""
    pieces: list[str] = []
    at = 0
    spans = intake_spans(text)
    for start, end, _ in spans:
        pieces += [text[at:start], REPLACEMENT, " " if text[start:end][-1:].isspace() else ""]
        at = end
    pieces.append(text[at:])
    visible = "".join(
        char for char in "".join(pieces) if char not in INVISIBLE and not "\U000e0000" <= char <= "\U000e007f"
    )
    return Screened(
        text=_TAG.sub("‹", visible),
        spans=tuple((s, e) for s, e, _ in spans),
        kinds=tuple(dict.fromkeys(k for _, _, k in spans)),
    )
