"""What directive and licence patterns share, written over skeletons.

A licence says why a mention of a medicine is harmless here; a directive says that someone is told or
nudged to give, take, change or leave out a medicine. What has neither is not allowed.
"""

from __future__ import annotations

import re

MED = r"[NCAOGU]\d++"
_AMOUNT = r"[QFKDV#]\d++"
# Possessive: runs of amounts and spaces would otherwise be divided in exponentially many ways.
_LINK = (
    rf"(?:\s*+(?:,|/|\+|&|\band\b|\bor\b|\bplus\b|\bwith\b|\bsuch as\b|\bincluding\b|\blike\b|"
    rf"\be\.?g\.?,?|\bnor\b|\bas well as\b|\bother\b|\boccasional(?:ly)?\b|\balso\b|\bregular\b|"
    rf"\blow-dose\b|\bfor\s+(?:\w+\s+){{1,3}}?(?=and\b|,|or\b)|\bthe\b|\ban?\b|\bhis\b|\bher\b|\bboth\b|\bthen\b(?=,)|\(|\)|-|{_AMOUNT}|"
    rf"\b(?:po|iv|im|sc|sl|pr|oral|orally|inh|neb|topical|tablets?)\b))++\s*+"
)
LINKED = re.compile(rf"({MED}){_LINK}(?={MED})|({MED}) (?={MED})")

PAST = (
    r"(?:given|taken|used|started|restarted|initiated|commenced|begun|stopped|discontinued|"
    r"ceased|held|withheld|omitted|skipped|paused|suspended|interrupted|switched|changed|"
    r"swapped|substituted|replaced|converted|continued|resumed|"
    r"repeated|increased|uptitrated|up-titrated|raised|reduced|decreased|lowered|halved|"
    r"doubled|tapered|weaned|titrated|adjusted|optimi[sz]ed|intensified|escalated|de-escalated|"
    r"added|administered|prescribed|dispensed|injected|infused|bolused|"
    r"loaded|applied|tried|trialled|trialed|offered|provided|bridged|transfused|supplemented|"
    r"avoided|chosen|considered|recommended|introduced|reintroduced|run|put|kept|maintained|"
    r"employed|delivered|preferred|favoured|instituted|sought|"
    r"swallowed|chewed|inhaled|nebulised|nebulized|purchased|bought|combined|advised|"
    r"dosed|reviewed for|ordered|charted|issued|supplied)"
)
LEAD = (
    r"(?:^[\W\d_]*|[;:!?.,(\[>|]\s*|(?:^|\s)-+\s+|\b(?:and|then|or|but|please|so|to|also|"
    r"just|now|can|could|may|might|should|must|shall|will|would|need|needs|ought|let's|"
    r"lets|you|we|i|they|you'd|i'd|i'll|we'll|you'll|"
    r"doctors?|physicians?|nurses?|clinicians?|team|not|don't|dont|never|always|better|"
    r"rather|simply|first|next|would|do|kindly|if|until|plan|action|advice|rx|tx|management|"
    r"treatment|either|immediately|urgently|again|today|tomorrow|tonight)\s+(?:\w+ly\s+)?)"
)
ROUTES = {
    "oral": r"\b(?:po|p\.o\.?|orally|oral|by mouth|per os)\b",
    "iv": r"\b(?:iv|i\.v\.?|intravenous(?:ly)?|ivi)\b",
    "im": r"\b(?:im|i\.m\.?|intramuscular(?:ly)?)\b",
    "sc": r"\b(?:sc|s/c|s\.c\.?|subcut|subcutaneous(?:ly)?|subq|sq)\b",
    "sl": r"\b(?:sl|s/l|sublingual(?:ly)?|under the tongue)\b",
    "pr": r"\b(?:pr|rectal(?:ly)?|per rectum)\b",
    "inhaled": r"\b(?:inh|inhaled|via inhaler|inhaler)\b",
    "nebulised": r"\b(?:neb|nebs|nebuli[sz]ed|via nebuli[sz]er)\b",
    "topical": r"\b(?:topical(?:ly)?|to the skin)\b",
    "nasal": r"\b(?:nasal(?:ly)?|intranasal(?:ly)?)\b",
    "buccal": r"\bbuccal\b",
    "transdermal": r"\b(?:transdermal|td)\b",
    "intrathecal": r"\b(?:intrathecal|it)\s+(?=methotrexate)",
}
