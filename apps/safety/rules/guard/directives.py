"""Directive patterns: someone is told or nudged to give, take, change or leave out a medicine."""

from __future__ import annotations

import re

from apps.safety.rules.guard.patterns import LEAD, MED, PAST
from apps.safety.rules.words import words

_VERBS = words(
    "start restart initiate commence begin stop discontinue cease hold withhold omit "
    "skip pause suspend interrupt switch change swap substitute replace convert rotate "
    "continue resume repeat "
    "increase uptitrate up-titrate downtitrate down-titrate raise reduce decrease lower "
    "halve double triple taper wean titrate adjust optimise optimize intensify escalate "
    "de-escalate add give administer "
    "prescribe dispense inject infuse bolus load apply instil instill inhale nebulise "
    "nebulize swallow chew take use try trial offer provide cover bridge anticoagulate "
    "transfuse supplement "
    "replete push order chart put keep maintain avoid choose select pick buy get deprescribe "
    "reintroduce introduce rechallenge cross-taper step drink sip dissolve spray rub "
    "insert place draw run hang "
    "set premedicate pretreat treat manage prophylax send discharge resuscitate deliver "
    "employ utilise utilize institute reverse antagonise sedate immunise vaccinate rub "
    "consider recommend suggest "
    "dose redose re-dose re-start re-challenge top stack alternate combine mix pop shoot "
    "finish complete ditch drop cut quit bump swap-out favour favor prefer opt go reach "
    "renew refill issue supply"
)
_VERB = r"(?:" + "|".join(sorted(map(re.escape, set(_VERBS)), key=lambda verb: (-len(verb), verb))) + r")"
_ING = (
    r"(?:(?:re-?)?start|initiat|commenc|stopp|discontinu|hold|withhold|omitt|skipp|paus|"
    r"suspend|switch|chang|swapp|substitut|replac|convert|continu|resum|repeat|increas|"
    r"up-?titrat|down-?titrat|reduc|decreas|halv|doubl|taper|wean|titrat|"
    r"adjust|optimi[sz]|intensify|escalat|de-escalat|add|giv|administer|prescrib|dispens|"
    r"inject|infus|load|bolus|apply|tr[yi]|trial|trialling|offer|provid|bridg|transfus|"
    r"supplement|avoid|introduc|treat|dos|combin|alternat)ing"
)
_FILL = (
    r"(?:(?:the|a|an|any|all|some|no|this|that|these|those|his|her|their|your|my|our|"
    r"its|of|on|with|to|for|off|up|down|out|in|into|from|over|onto|by|back|both|more|"
    r"less|further|another|extra|additional|regular|usual|current|existing|prior|"
    r"oral|iv|im|sc|po|pr|sl|i\.v\.|i\.m\.|intravenous\w*|intramuscular\w*|subcutaneous\w*|"
    r"subcut|nebuli[sz]ed|topical|inhaled|rectal|buccal|sublingual|intranasal|low|high|"
    r"same|other|new|old|leftover|first|second|single|full|half|double|quick|small|"
    r"course|courses|trial|period|dose|doses|infusion|injection|bolus|cover|therapy|treatment|"
    r"short|long|long-term|term|loading|maintenance|prophylactic|empiric\w*|broad[- ]spectrum|"
    r"early|immediate\w*|urgent\w*|stat|daily|nightly|weekly|home|patient|patients|"
    r"him|them|you|me|us|it|and|or|either|then|given|put|placed|prescribed|treated|managed|low-dose|"
    r"high-dose|once|\w+ly|start\w*|giving|adding|using|taking|initiating|commencing|"
    r"stopping|holding|continuing|trying|give|take|use|try|add|commence|be|on|addition|"
    r"initiation|administration|prescription|"
    r"alternative|option|adjunct\w*|combination|generic|standard|weight-based|renally|"
    r"adjusted|some|kind|sort|type|bit|chosen|own|spoonful|drop|few|couple|rescue|emergency|"
    r"immediate-release|modified-release|slow-release|extended-release|"
    r"pregnant|adult|child|children|baby|woman|man|mother|person|someone|people|case|"
    r"cases|infection|pain|fever|symptoms|[QFKDV#]\d++|[CAOG]\d++|[,(/+-])[\s.]*){0,9}"
)
_REPORTED_TO = (
    r"(?:told|advised|asked|instructed|forgot|forgets|forgotten|refus\w+|declin\w+|unable|"
    r"able|unwilling|want\w*|wish\w*|decided|fail\w*|tend\w*|used|started|stopped|began|"
    r"continues|continued|remember\w*|prefer(?:s|red)?|tried|reluctant|happy|"
    r"claims?|reports?|denies|denied|did not|didn't|does not|doesn't|has not|had not|"
    r"hasn't|could not|couldn't|not been|supposed|appears?|seems?|admits?|likes?|was|"
    r"were|known|understood|said|reported|thought|believed)\s+(?:\w+ly\s+)?(?:to\s+)?|"
    r"(?:record|records|notes?|list|chart|letter)\s+(?:\w+\s+)?(?:says?|shows?|states?|"
    r"lists?|notes?)\s+(?:that\s+)?(?:you|they|we|i)\s+|(?:told|said|reported|mentioned|"
    r"confirmed|know)\s+(?:\w+\s+){0,2}?(?:that\s+)?(?:you|they)\s+"
)

IMPERATIVE = re.compile(rf"{LEAD}(?P<verb>{_VERB})\b(?!\s+of\b|-)\s+(?P<object>{_FILL})(?P<med>{MED})")
REPORTED_INFINITIVE = re.compile(rf"\b{_REPORTED_TO}$")
GERUND = re.compile(rf"(?<![\w-]){_ING}\b\s+{_FILL}(?P<med>[NCOU]\d++)")
HARMLESS_GERUND = re.compile(
    r"\b(?:after|since|following|before|was|were|been|is|upon|without|despite|from|recently|"
    r"denies|reports|reported|admits(?:\s+to)?|recalls|describes|remembers|stopped|started|history of|"
    r"(?:hours?|days?|weeks?|months?) of)\s+(?:\w+ly\s+|last\s+|having\s+){0,2}$"
)
MODAL = re.compile(
    rf"(?P<med>{MED})(?:\s+[\w'-]+){{0,6}}?\s+(?:should|must|ought\s+to|needs?|can|could|"
    rf"may|might|would|will|shall|has\s+to|have\s+to|is\s+to|are\s+to|to)\s+(?:\w+\s+){{0,3}}?(?:be(?:ing)?\s+)"
    rf"(?:\w+\s+){{0,2}}?{PAST}\b"
    rf"|(?P<med2>{MED})\s+(?:(?:\w+\s+){{0,2}}?(?:needs|requires|wants)\s+)(?:{_ING}|{PAST}|review\w*\s+up)"
)
_DUTY = (
    r"(?:should|must|ought\s+to|needs?(?:\s+to)?|can|could|may|might|would|will|shall|"
    r"(?:has|have|is|are|was|were)\s+to|to|(?:he|she|they|you|we|i)'(?:d|ll)(?:\s+(?:best|"
    r"better))?|had\s+(?:best|better)|that\s+\w+(?:\s+\w+)?)"
)
PASSIVE = re.compile(
    rf"(?<![\w-]){_DUTY}\s+(?:not\s+)?(?:\w+\s+){{0,2}}?(?:be|get|being|go|stay|come|remain|"
    rf"receive|have|need|require)\s+(?:\w+ly\s+)?(?:{PAST}\s+|placed\s+|treated\s+|managed\s+|"
    rf"sent\s+home\s+|anticoagulated\s+)?{_FILL}(?P<med>[NCOU]\d++)"
)
ENSURED = re.compile(
    r"\b(?:ensure|ensures|make\s+(?:sure|certain)|see\s+to\s+it|arrange(?:\s+for)?)\b[^.;:!?]{0,50}?(?P<med>[N"
    r"COU]\d++)(?!\s+(?:allerg|level|history|list|use|status|exposure))"
)
_WORTH = (
    r"(?:indicated|warranted|appropriate|recommended|advised|advisable|preferred|preferable|"
    r"first[- ]line|second[- ]line|third[- ]line|reasonable|sensible|suitable|(?:drug|"
    r"treatment|agent|choice|therapy|C\d++|G\d++)\s+of\s+choice|best|ideal|"
    r"needed|required|necessary|justified|mandatory|useful|helpful|effective|worth\w*|"
    r"beneficial|standard\s+of\s+care|mainstay|cornerstone|gold\s+standard|optimal|better|"
    r"superior|good|(?:an?\s+)?(?:\w+\s+)?(?:option|choice|alternative|candidate|answer|"
    r"solution|treatment|remedy|idea|plan)|"
    r"key|essential|priority|safe|fine(?!\s+tremor)|ok|okay|enough|sufficient|the\s+way|a\s+must|due|"
    r"ready|next|time|prudent|favou?red|first|crucial|vital)"
)
EVALUATED = re.compile(
    rf"(?P<med>[NCOU]\d++)(?:\s+[\w'-]+){{0,4}}?\s+(?:is|are|was|be|being|seems?|remains?|"
    rf"looks?|sounds?|becomes?|represents?|as)\s+(?:(?!not\s+recorded|not\s+known)[\w'-]+\s+){{0,3}}?{_WORTH}\b"
    rf"|\b{_WORTH}\s+(?:[\w'-]+\s+){{0,4}}?(?:is|are|would\s+be|might\s+be|may\s+be|could\s+be|"
    rf"includes?|:|=|being)\s+(?:[\w'-]+\s+){{0,3}}?(?P<med2>[NCOU]\d++)"
)
SUGGESTED = re.compile(
    rf"\b(?P<cue>recommend\w*|advis(?:e|es|ing)|advice\s+is|suggest\w*|consider(?:s|ing|"
    rf"ation\s+of)?|propos(?:e|es|ing|al)|favou?rs?|prefer\w*|opt(?:ed|ing)?\s+for|plan\w*(?:\s+(?:is|"
    rf"for|to|:))?|aim\w*\s+(?:for|to)|would\s+benefit\s+from|benefits?\s+from|candidate\s+for|"
    r"indications?\s+for(?!\s+\S+\s+(?:is|are|was|were)?\s*(?:(?:not\s+)?(?:recorded|stated|"
    r"documented|known|clear|listed|noted)|unclear|unknown|unrecorded))|"
    r"needs?(?:\s+for)?|require|requires|deserves?|warrants?|merits?|calls?\s+for|trial\s+of|"
    r"course\s+of(?=.{0,20}$)|role\s+for|room\s+for|case\s+for|cover\s+with|treat(?:able|"
    r"ment|ing)?(?:\s+options?)?\s+(?:with|is|are|of\s+choice|includes?|involves?|would\s+be|"
    r"should\s+be|consists\s+of|:)|"
    rf"manag(?:ed|ement|ing)\s+(?:with|is|includes?|involves?|by)|therapy\s+(?:with|is|"
    rf"includes?|:)|prophylaxis\s+(?:with|is)|responds?\s+(?:well\s+)?to|rx|℞|plan|why\s+not|"
    rf"how\s+about|what\s+about|worth|go(?:ing)?\s+(?:with|for|on)|reach\s+for|time\s+(?:for|"
    rf"to)|"
    rf"first[- ]line(?:\s+\w+){{0,2}}|second[- ]line(?:\s+\w+){{0,2}}|next\s+step|in\s+favou?r\s+of|"
    rf"instead(?:\s+of)?|rather\s+than|ideally|alternatively|escalat\w+\s+to|step\s+up\s+to|"
    rf"move\s+to|transition\s+to|switch\s+to|swap\s+to|change\s+to|convert\s+to|upgrade\s+to|"
    rf"best|usually|normally|typically|standard|drug\s+of\s+choice)"
    rf"[\s:,=-]+{_FILL}(?P<med>[NCU]\d++)"
)
LISTED_AS = re.compile(r"\bas\s+(?:an?|one|the|another)\s+(?:\w+\s+)?(?:option|choice|alternative|treatment)$")
SUITED = re.compile(
    rf"\b(?:(?:would|might|could|should|will|may|to)\s+(?:do|fare|feel|be)\s+(?:(?:much|far|so|very|rather)\s+)?(?:better|well|best|safer|happier|fine)|"
    rf"(?:is|are|be)\s+(?:best|better)\s+(?:off|served|kept|left|managed|treated|maintained|started|put))\s+(?:on|off|with|without|by|taking|to)\s+{_FILL}(?P<med>[NCOU]\d++)"
    rf"|\bno\s+(?:further|more|additional|extra)\s+(?P<med2>[NCOU]\d++)(?![^.]*\b(?:was|were|given|recorded|taken|needed\s+since))"
)
REASON = re.compile(
    r"\b(?:reason|point|sense|merit|value|benefit|need|case|argument|scope|room|call|harm)\s+(?:to|in|for|of)\s+(?:[\w'-]+\s+){0,4}?(?P<med>[NCOU]\d++)"
    r"|\b(?:leave|leaving|let|letting|have|having|get|getting)\s+(?:him|her|them|the\s+patient)\s+(?:\w+\s+){0,2}?(?P<med2>[NCOU]\d++)"
    r"|(?P<med3>[NCOU]\d++)\s+(?:to\s+(?:go\s+)?)?(?:on|off)\s+(?:pause|hold|stop)\b"
)
# A duty whose subject is a medicine, whatever the verb, unless it is to ask, check or tell.
DEONTIC = re.compile(
    rf"(?P<med>{MED})(?:\s+(?![NCAOGU]\d)[\w',-]+){{0,8}}?(?:\s+and|,)?\s+(?P<duty>should|must|ought\s+to|has\s+to|have\s+to|had\s+better|needs?\s+to)\s+(?:not\s+|\w+ly\s+)?"
    r"(?!be\s+(?:\w+ly\s+)?(?:asked|checked|recorded|documented|clarified|confirmed|reviewed|monitored|assessed|verified|noted|explored|measured|discussed|"
    r"sought|excluded|investigated|examined|told|warned|informed|established|known|obtained|reported|considered\s+(?:as\s+a\s+cause|in)|suspected|borne|"
    r"kept\s+in\s+mind|remembered|weighed|decided|seen|listed|interpreted|repeated|taken\s+into|declared|updated|rechecked|quantified|raised\s+with)"
    r"|tell|seek|call|contact|speak|ask|come|see\b|report|have\s+(?:an?\s+|their\s+|his\s+|her\s+)?(?:\w+\s+)?(?:tests?|levels?|scans?|bloods?|ecg|review|check))"
)
VACCINE = re.compile(
    r"\b(?:should|must|ought\s+to|needs?(?:\s+to)?|due|requires?|could|may|might|would)\s+(?:have|receive|get|be\s+(?:given|offered)|benefit\s+from|for|an?|another|the)\s+"
    r"(?:(?:an?|another|the|further|second|third|first|next|last|repeat|annual|hepatitis|tetanus|flu|influenza|measles|mmr|pneumococcal|[abcw])\s+){0,5}(?P<med>[AG]\d++)"
)
# What a medicine itself is to do: "the infusion should run", "apixaban can go".
ACTIVE = re.compile(
    rf"(?P<med>{MED})(?:\s+[\w'-]+){{0,3}}?\s+(?:should|must|ought\s+to|needs?\s+to|can|could|may|might|will|would|shall|has\s+to|have\s+to|is\s+to|are\s+to|to)\s+"
    r"(?:\w+ly\s+|now\s+|then\s+|not\s+|also\s+)?(?:run|go|start|stop|continue|stay|finish|begin|follow|restart|resume|come\s+(?:down|off)|step|carry)\b"
)
# "If allergic, doxycycline." "Doxycycline if allergic." "For pain, morphine."
VERBLESS = re.compile(
    r"^\W*(?:if|when|whenever|in|for|once|after|unless|during|with|before|overnight|initially|thereafter|otherwise|meanwhile|later|next|first|then|add-on|add\s+on)\b"
    r"[^,:;.?!]{0,90}[,:;]\s*(?:then\s+|(?:oral|iv|im|low|high|low-dose|high-dose|nebulised|topical|empirical|short|an?|some|further|more)\s+)*(?P<med>[NCU]\d++)(?=\s*(?:$|[.,;(]|(?:and|or|plus|then|with|first|again|instead)\b|[QFKD#G]\d))"
    r"|^\W*(?P<med3>[NCUA]\d++)\s+(?:D\d++|#\d++\s+(?:hours?|minutes?))\s+(?:after|before)\b"
    r"|^\W*(?P<med2>[NCU]\d++)\s+(?:if|when|whenever|unless|until|once)\b"
)
FUTURE = re.compile(
    r"\b(?:going\s+forward|from\s+(?:now|today|tomorrow|tonight|here)|henceforth|onwards|"
    r"as\s+soon\s+as\s+possible|asap|a\.s\.a\.p|straight\s+away|right\s+away|without\s+delay|"
    r"tonight|tomorrow|later\s+today|this\s+evening|instead|for\s+now|until\s+(?:reviewed|"
    r"seen|better|review|then)|going\s+to\s+need)\b"
)
PERSIST = re.compile(
    rf"{LEAD}(?:carry|keep|go|stay|remain|press|persist)\s+(?:going\s+)?(?:on\s+)?(?:with|on|taking|using|giving)\s+{_FILL}"
    rf"(?P<med>{MED})"
)
PURPOSE = re.compile(
    rf"^\W*(?P<med>{MED})\s+(?:[QFKD#]\d++\s+)*(?:\w+\s+)?to\s+(?:reverse|treat|relieve|control|prevent|cover|correct|replace|"
    r"help|settle|manage|ease|stop|reduce|lower|raise|maintain|keep|thin|calm|stabili[sz]e|protect|clear)\b"
)
# Verbs that are a medicine in themselves.
MEDICATE = re.compile(
    rf"{LEAD}(?:re-?)?(?:heparini[sz]e|digitali[sz]e|diurese|anticoagulate|thrombolyse|thrombolyze|sedate|paralyse|steroidi[sz]e|"
    r"atropini[sz]e|medicate|premedicate|nebuli[sz]e|neb\s+(?:him|her|them|the)|bolus\s+(?:him|her|them|the))\b"
)
HELPS = re.compile(
    r"(?P<med>[NCOU]\d++)\s+(?:(?!for\b|of\b|in\b)[\w'-]+\s+){0,3}?(?:(?:would|will|"
    r"should|may|might|could|can|does|usually|often|typically|generally|to)\s+(?:\w+\s+){0,2}?)?"
    r"(?:help|helps|relieve|relieves|ease|eases|work|works(?!\s+by)|improve|improves|"
    r"treat|treats|cure|cures|settle|settles|fix|fixes|sort|sorts|control|controls|do|"
    r"does\s+the|suffice|clear|clears|calm|calms|soothe|soothes|prevent|prevents|protect|"
    r"protects|shorten\w*|speed\w*(?!\s+up\s+the\s+(?:breakdown|metabolism|clearance|excretion))|reverse|reverses|benefit|benefits|stop|stops|save|"
    r"saves)\b"
)
ARROW = re.compile(
    r"(?:->|=>|→|>>|⇒)\s*(?:[\w.'-]+\s+){0,3}(?P<med>[NCOU]\d++)|^\s*(?:rx|tx|℞|plan|"
    r"action|management|treatment|tto|ttos|to take out|discharge (?:meds|G\d++)(?!\s+(?:as|were|was|are)\b)|script|"
    r"G\d++\s+(?:plan|orders?))\b[^.]{0,40}(?P<med2>[NCU]\d++)|^\s*\+\s*(?P<med3>[NCU]\d++)"
)
REFERENT = re.compile(
    rf"(?:{LEAD})(?:double|triple|halve|taper|wean|titrate|uptitrate|up-titrate|restart|"
    rf"stop|increase|reduce|continue|skip|repeat|hold|withhold|give|take|administer|inject|"
    rf"apply|swallow|start|use|try|adjust|resume|pause)\s+"
    rf"(?:(?:it|them|this|that|these|one|two|both|the\s+(?:same|other|lot)|another(?:\s+one)?|"
    rf"[#]\d++)(?:\s+(?:[KFDQ#]\d++|again|now|with\s+(?:food|water|meals)|tonight|tomorrow|"
    rf"today|if|when|until|up|down|off|more|off\s+gradually|slowly|gradually|straight|"
    rf"immediately|as\s+(?:soon|before|needed)|for|by|to|on|at|before|after|in\s+#)\b|"
    rf"\s*[KD]\d++|\s*(?:[.!;,]|$))|[KFQ]\d++)"
)
AMOUNT_ORDER = re.compile(
    rf"{LEAD}(?:take|give|use|inject|apply|swallow|administer|repeat|inhale|drink|infuse|"
    rf"run|bolus|load)\b[^.;]{{0,30}}?[QFK]\d++"
)

SELF_CARE = re.compile(
    rf"{LEAD}(?:taking|using|drinking|trying|having|adding|swallowing|applying)\s+{_FILL}{MED}[^.;!?]{{0,40}}"
    rf"?\b(?:helps?|eases?|relieves?|works?|is\s+(?:enough|fine|safe|best|a\s+good)|(?:can|"
    rf"may|might|should|will|would|could)\s+(?:also\s+|often\s+)?(?:help|ease|relieve|"
    rf"work|be\s+(?:enough|tried)))\b"
)
SELF_ADJUST = (
    re.compile(
        rf"{LEAD}(?:skip|miss|double(?:\s+up)?|halve|split(?!\s+(?:as|into)\b)|crush|share|borrow|save|stockpile|"
        rf"stretch|ration|catch\s+up|cut\s+(?:back|down)|leave\s+out|use\s+up|finish\s+off|"
        rf"top\s+up)\b[^.;!?]{{0,40}}?(?:{MED}|F\d++|Q\d++|\bone\b|next)"
    ),
    re.compile(
        rf"\b(?:left-?\s?over|leftovers?|spare|someone\s+else's|friend's|neighbou?r's|husband's|"
        rf"wife's|mother's|father's|partner's|sister's|brother's|expired|unused|remaining|"
        rf"last\s+time's?|(?:your|her|his|their|some|any|an)\s+old|family\s+member's|from\s+(?:your|"
        rf"the|her|his)\s+(?:last|previous|other))\b[^.;!?]{{0,30}}?(?:{MED}|F\d++)"
    ),
    re.compile(
        rf"(?:{MED}|F\d++)[^.;!?]{{0,30}}?\b(?:left\s+over|leftover|in\s+(?:the|your)\s+(?:cupboard|"
        rf"cabinet|drawer)|from\s+(?:last\s+time|a\s+(?:previous|friend)|before)|at\s+home\s+already|"
        rf"you\s+(?:still\s+)?have)\b"
    ),
    re.compile(
        r"\b(?:fine|ok|okay|safe|alright|all\s+right|acceptable|possible|allowed|free|no\s+harm|"
        r"no\s+problem)\s+(?:\w+\s+){0,2}?(?:to|in|if\s+you|for\s+(?:you|him|her)\s+to)\s+(?:skip|"
        r"miss|double|halve|stop|take|use|adjust|change|increase|reduce|try|split|share|delay|"
        r"taking|skipping|doubling|stopping)\w*\b"
    ),
    re.compile(
        rf"\b(?:adjust|change|alter|vary|tweak|increase|reduce|titrate|manage)\s+(?:\w+\s+){{0,3}}?{MED}[^.;!?]{{0"
        rf",30}}?\b(?:yourself|himself|herself|themselves|on\s+your\s+own|at\s+home|depending\s+on|"
        rf"according\s+to|based\s+on|by\s+feel)\b"
    ),
    re.compile(
        r"\b(?:buy|get|try|use|pick\s+up|grab|purchase|choose|ask\s+(?:for|your\s+pharmacist\s+for)|"
        r"reach\s+for|go\s+for|find)\b[^.;!?]{0,60}?\b(?:over[- ]the[- ]counter|otc|at\s+(?:the|"
        r"a|any|your)\s+(?:local\s+)?(?:pharmacy|chemist|drugstore|supermarket)|from\s+(?:the|"
        r"a|any|your)\s+(?:local\s+)?(?:pharmacy|chemist|drugstore|supermarket|shop)|without\s+(?:a\s+)?(?:G\d++|"
        r"prescription)|pharmacist\s+for)"
    ),
    re.compile(
        r"\b(?:(?:couple|few)\s+of\s+)?(?:extra|more|additional)\s+(?:units?|puffs?|tablets?|pills?|doses?|G\d++)\b|\b(?:run|take|use)\s+(?:(?:two|both|#\d++)\s+(?:packs?|packets?|strips?)\b|V\d++\s+(?:together|at\s+once|in\s+a\s+row))"
        r"|\bpacks?\s+(?:together|back\s+to\s+back|in\s+a\s+row)\b|\buse\s+up\s+(?:what|the|any|your|whatever)\b"
        r"|\b(?:open|start|use|take|begin|finish)\s+(?:\w+\s+){0,2}?(?:rescue|standby|stand-by|emergency)\s+(?:pack|course|supply|antibiotics|steroids|medication)"
    ),
    re.compile(
        r"(?:\bover[- ]the[- ]counter|\botc|\bpharmacy)[^.;!?]{0,40}?\b(?:can|could|may|"
        r"might|will|would|should|are\s+(?:fine|available|enough|ok)|is\s+(?:fine|enough|"
        r"ok|available))\s+(?:\w+\s+)?(?:help|be\s+(?:used|taken|tried|bought|enough|fine)|"
        r"ease|relieve|work|do|used|sufficient)"
    ),
    re.compile(
        rf"\b(?:cutting|halving|splitting|crushing|skipping|doubling|spacing|missing\s+out|leaving\s+out|sharing)\s+(?:(?!of\b)\w+\s+){{0,2}}?(?:{MED}|dose)"
        r"|\b(?:second|third|extra|another)\s+(?:puff|tablet|pill|spray|drop|inhalation)s?\b(?![^.;]*\b(?:was|were|recorded|taken|given)\b)"
        r"|\b(?:leave|put|have)\s+a\s+(?:gap|break|rest)\s+of\b|\bwait\s+(?:until|till)\b[^.;]{0,30}\b(?:next|another)\s+(?:one|dose|tablet)"
    ),
    re.compile(
        rf"\bextra\s+(?:{MED}|F\d++|puff|one)|\b(?:make\s+up\s+for|compensate\s+for)\s+(?:the|"
        rf"a|any|your)?\s*missed\b|\bif\s+(?:you|she|he|they)\s+(?:feel|is|are)\s+(?:\w+\s+){{0,2}}?better[^.;!?]{{"
        rf"0,20}}?\b(?:stop|skip|halve|leave)|\b(?:come|wean|taper)\s+(?:yourself\s+)?off\s+(?:{MED}|"
        rf"it|them|your)"
    ),
    re.compile(
        rf"\b(?:you|he|she|they)\s+(?:can|could|may|might)\s+(?:safely\s+)?(?:stop|skip|double|"
        rf"halve|take|use|try|increase|reduce|restart|go\s+back\s+on|leave\s+off|come\s+off)\b[^.;!?]{{0,30}}?(?:{MED}"
        rf"|F\d++|Q\d++|\bit\b|\bthem\b)"
    ),
)
REPORTED_SELF = re.compile(
    r"\b(?:has\s+(?:been\s+)?|had\s+(?:been\s+)?|was\s+|reports?\s+|reported\s+|admits?\s+|"
    r"denies\s+|denied\s+|she\s+|he\s+|they\s+|patient\s+|who\s+)?(?:took|taken|used|"
    r"using|taking|skipped|skipping|missed|missing|doubled|bought|borrowed|shared|tried|"
    r"stopped|halved|self-medicat\w+|buying|found)\b|\bany\b|\bwhether\b|\?"
)
