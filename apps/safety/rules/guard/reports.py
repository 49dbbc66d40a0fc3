"""Reporting frames: what a whole clause says it is telling from the record, and for which items that holds.

"Alfacalcidol 0.25 mcg od and darbepoetin every two weeks are on the clinic list" reports everything before
its verb; "the email records ..." everything after it. A duty or a wish inside the clause breaks the frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PAPER = (
    r"(?:records?|lists?|letters?|e-?mails?|fax|notes?|charts?|printouts?|slips?|sheets?|summary|referrals?|history|forms?|cards?|"
    r"documents?|extracts?|transcripts?|chits?|memos?|exports?|portal|spreadsheet|photo(?:graph)?s?|texts?|dumps?|surveys?|books?|debrief|consult|handoffs?|log|diary|bottle|packet|kardex|mar|entry|entries|file|intake|handover|prescription\s+card|message|scan|table|page|report|reconciliation|packaging|box|label)"
)
_ADVERBS = r"(?:(?:all|both|also|each|currently|the|her|his|their|its|only|already|still|both|clearly)\s+)*"
# What stands before the verb is reported.
_TAIL = re.compile(
    rf"\b(?:is|are|was|were)\s+{_ADVERBS}(?:recorded|listed|documented|noted|charted|written|named|mentioned|reported|stated|included|shown|dictated|logged|entered|typed|noted\s+down|transcribed|copied|photographed|given\s+as|"
    rf"(?:on|in)\s+(?:the|her|his|their|your|this|that)\s+(?:[\w'-]+\s+){{0,3}}?{_PAPER}|"
    rf"(?:the\s+|her\s+|his\s+|your\s+|their\s+)?(?:only\s+|sole\s+)?(?:regular\s+|current\s+)?(?:(?:recorded|listed|documented)\s+(?:regular\s+|current\s+)?(?:G\d++|therapy|treatment|inhaler)|"
    rf"(?:regular\s+|current\s+)?(?:G\d++|therapy|treatment|inhaler|C\d++)\s+(?:(?:is|are)\s+)?(?:recorded|listed|documented|named|on\s+record))|"
    rf"what\s+(?:your|the|her|his|their)\s+(?:[\w'-]+\s+){{0,2}}?{_PAPER}\s+(?:shows?|says?|lists?|states?|records?))\b"
    rf"|\b(?:appears?|appeared|figures?|features?|stands?|stood)\s+(?:on|in)\s+(?:the|her|his|their|your|this|that|both|two)\s+(?:[\w'-]+\s+){{0,3}}?(?:{_PAPER}|template|repeats?|screen)"
    rf"|\b(?:was|were)\s+(?:already\s+|still\s+)?(?:in\s+place|in\s+situ|running|on\s+board)\s+(?:on|at|when|before)\b|\b(?:finished|ended)\s+(?:on|in|last)\b|\bis\s+what\s+(?:the|her|his|their)\s+(?:[\w'-]+\s+){{0,3}}?{_PAPER}"
    rf"|\bgiven\s+regularly\b|\b(?:on|per)\s+(?:the\s+)?record\s*$"
)
# What stands after it is.
_HEAD = re.compile(
    rf"(?:^\W*|[,;:.]\s*|\bthat\s+|\band\s+)(?:(?:the|her|his|your|their|this|that|a|an|[\w-]+'s)\s+)?(?:[\w'-]+\s+){{0,3}}?{_PAPER}\s+(?:\w+ly\s+|also\s+)?"
    r"(?:records?|lists?|shows?|says?|states?|gives|mentions?|names?|notes?|documents?|describes?|includes?|reads?|has|have|contains?)\b"
    rf"|^\W*{_PAPER}\s+(?:from|of|by)\s+(?:the\s+|her\s+|his\s+)?(?:[\w'-]+\s+){{1,3}}?(?:records?|list|lists|shows?|says?|states?|give|gives|mentions?|names?|notes?|documents?|describes?|includes?)\b"
    rf"|^\W*(?:[\w'-]+\s+){{0,4}}?(?:G\d++|drugs?|treatment|therapy)\s*(?:,|\()?\s*(?:as\s+)?(?:recorded|listed|documented|reported|noted)\b[^:;.]{{0,50}}[:,-]"
    r"|^\W*(?:listed|recorded|documented|noted|charted|reported|given|dictated)\b[^:.;]{0,40}:"
    r"|\b(?:you|she|he|they|mother|father|mum|dad|wife|husband|son|daughter|carer|family|patient|gp|pharmacist|pharmacy|paramedics?|crew|nurse|midwife)\s+"
    r"(?:wrote|said|told\s+us|tell\s+us|texted|reported|mentioned|dictated|stated|listed|lists|gave|records?|recorded|documented)\s+(?!should|must)(?:that\s+)?"
    r"|^\W*(?:the\s+|her\s+|his\s+|their\s+|your\s+|an?\s+)?(?:[\w'-]+\s+){0,3}?(?:paramedics?|crew|gp|doctors?|nurses?|nursing\s+staff|midwi(?:fe|ves)|pharmac(?:y|ist)|hospital|clinic|ward|team|"
    r"surger(?:y|ies)|practice|dentist|carers?|mother|father|mum|dad|wife|husband|partner|son|daughter|friend|neighbour|staff|hospice|service|[a-z]+ology|[a-z]+ologists?)\s+"
    r"(?:(?:had|have|has|also|already|first|then|previously)\s+)*(?:administered|gave|given|started|stopped|prescribed|issued|dispensed|supplied|injected|lent|bought|changed|switched|increased|reduced|withheld|tried)\b"
    r"|\b(?:he|she|they|patient|pt)\s+(?:admits?|admitted|reports?|reported|describes?|described|says?|said|recalls?|recalled|denies|denied)\s+(?:to\s+)?(?:having\s+|last\s+)*(?:\w+ed|taking|using|\w+ing|had|taken)\b"
    rf"|^\W*(?:recorded|listed|documented|reported|current|regular)\b[\s_-]*(?:[\w-]+\s+)?(?:G\d++|drugs?|treatment|therapy|O\d++|C\d++)?\s*[:,|\"'-]"
    r"|^(?!\W*(?:is|isn't|was|were|should|would|could|if|had|when|why|it|time|what)\b)[^.;:,?]{3,40}?\b(?:he|she|they)\s+(?:had|received|was\s+given|got|took)\b"
    r"|^\W*(?:he|she|they|you|the\s+(?:patient|child|baby|infant|man|woman|boy|girl)|patient|(?:mr|mrs|ms)\s+[\w'-]+|[\w-]+'s\s+mother)\s+"
    r"(?:(?:also|currently|regularly|reportedly|already|still)\s+)?(?:takes?|uses?|(?:is|are)\s+(?:on|taking|using|prescribed)|has\s+been\s+(?:on|taking|using|given)|"
    r"(?:was|were)\s+(?:given|prescribed|discharged\s+on|sent\s+home\s+on|started\s+on|admitted\s+on|dispensed|issued)|took|used|received|had|"
    r"(?:reports?|reported|says?|admits?|describes?)\s+(?:having\s+)?(?:taken|taking|bought|buying|used|using|had))\b"
)
_WHOLE = re.compile(
    rf"\b(?:as|per|according\s+to|in\s+line\s+with)\s+(?:recorded|listed|documented|noted|charted|stated|written|(?:(?:in|on|by|from)\s+)?(?:the|her|his|their|your|a)\s+"
    rf"(?:[\w'-]+\s+){{0,3}}?(?:{_PAPER}|patient|pharmacist|pharmacy|midwife|team|mother|father|family|carer|crew|wife|husband|daughter|son|nurse|gp|home))\b"
    rf"|,\s+(?:the\s+|her\s+|his\s+|you\s+)?(?:[\w'-]+\s+){{0,2}}?(?:{_PAPER}\s+(?:says?|states?|shows?|records?|notes?)|(?:you|he|she|they)\s+(?:wrote|said|told\s+us|reported))\s*[.]?$"
)
_BROKEN = re.compile(
    r"\b(?:should|would|could|might|must|ought|shall|need|needs|recommend\w*|suggest\w*|advis\w*|consider\w*|instead|please|prefer\w*|better|ideal\w*|"
    r"titrat\w*|sensible|reasonable|appropriate|indicated|plan|next\s+step|worth|tonight|tomorrow|from\s+now|going\s+forward|to\s+be|we|let's|can|will|may)\b"
)
_CUT = re.compile(r";|\bbut\b|\bhowever\b|[.!?](?=\s|$)|\bso\b(?=\s)")


def reported_spans(form: str) -> Iterator[tuple[int, int]]:
    """Spans of a skeleton whose medicines are told from the record."""
    at = 0
    for cut in [*_CUT.finditer(form), None]:
        start, end = at, cut.start() if cut else len(form)
        at = cut.end() if cut else end
        yield from _of_clause(form[start:end], start)
    # A list goes on behind its semicolons.
    head = _HEAD.search(form)
    if head and form.count(";") and not _BROKEN.search(form[head.end() :]):
        yield head.end(), len(form)


def _of_clause(clause: str, offset: int) -> Iterator[tuple[int, int]]:
    whole = _WHOLE.search(clause)
    if whole and not _BROKEN.search(clause):
        yield offset, offset + len(clause)
        return
    for match in _TAIL.finditer(clause):
        if not _BROKEN.search(clause[: match.end()]):
            yield offset, offset + match.end()
            if not _BROKEN.search(clause) and re.match(
                r"\s*,?\s*(?:with|along\s+with|as\s+is|and|as\s+are)\b", clause[match.end() :]
            ):
                yield offset, offset + len(clause)
    if (head := _HEAD.search(clause)) and not _BROKEN.search(clause[head.end() :]):
        yield offset + head.end(), offset + len(clause)
