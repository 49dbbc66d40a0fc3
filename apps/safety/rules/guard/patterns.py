"""The positive allow patterns (licences) and the directive patterns, written over skeletons.

A licence says why a mention of a medicine is harmless here; a directive says that someone is told or
nudged to give, take, change or leave out a medicine. What has neither is not allowed.
"""

from __future__ import annotations

import re

from apps.safety.rules.words import words

_MED = r"[NCAOG]\d++"
_AMOUNT = r"[QFKDV#]\d++"
_LINK = (
    rf"(?:\s*(?:,|/|\+|&|\band\b|\bor\b|\bplus\b|\bwith\b|\bsuch as\b|\bincluding\b|\blike\b|"
    rf"\be\.?g\.?,?|\bnor\b|\bas well as\b|\bother\b|\boccasional(?:ly)?\b|\balso\b|\bregular\b|"
    rf"\blow-dose\b|\bthe\b|\ban?\b|\bhis\b|\bher\b|\bboth\b|\bthen\b(?=,)|\(|\)|-|{_AMOUNT}|"
    rf"\b(?:po|iv|im|sc|sl|pr|oral|orally|inh|neb|topical|tablets?)\b)\s*)+"
)
LINKED = re.compile(rf"({_MED}){_LINK}(?={_MED})|({_MED}) (?={_MED})")

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
_VERB = r"(?:" + "|".join(sorted(map(re.escape, set(_VERBS)), key=len, reverse=True)) + r")"
_ING = (
    r"(?:(?:re-?)?start|initiat|commenc|stopp|discontinu|hold|withhold|omitt|skipp|paus|"
    r"suspend|switch|chang|swapp|substitut|replac|convert|continu|resum|repeat|increas|"
    r"up-?titrat|down-?titrat|reduc|decreas|halv|doubl|taper|wean|titrat|"
    r"adjust|optimi[sz]|intensify|escalat|de-escalat|add|giv|administer|prescrib|dispens|"
    r"inject|infus|load|bolus|apply|tr[yi]|trial|trialling|offer|provid|bridg|transfus|"
    r"supplement|avoid|introduc|treat|dos|combin|alternat)ing"
)
_PAST = (
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
    r"him|them|it|and|or|either|then|given|put|placed|prescribed|treated|managed|low-dose|"
    r"high-dose|once|\w+ly|start\w*|giving|adding|using|taking|initiating|commencing|"
    r"stopping|holding|continuing|trying|give|take|use|try|add|commence|be|on|addition|"
    r"initiation|administration|prescription|"
    r"alternative|option|adjunct\w*|combination|generic|standard|weight-based|renally|"
    r"adjusted|some|kind|sort|type|bit|chosen|own|spoonful|drop|few|couple|rescue|emergency|"
    r"immediate-release|modified-release|slow-release|extended-release|"
    r"pregnant|adult|child|children|baby|woman|man|mother|person|someone|people|case|"
    r"cases|infection|pain|fever|symptoms|[QFKDV#]\d++|[CAOG]\d++|[,(/+-])[\s.]*){0,9}"
)
_LEAD = (
    r"(?:^[\W\d_]*|[;:!?.,(\[>|]\s*|(?:^|\s)-+\s+|\b(?:and|then|or|but|please|so|to|also|"
    r"just|now|can|could|may|might|should|must|shall|will|would|need|needs|ought|let's|"
    r"lets|you|we|i|they|you'd|i'd|i'll|we'll|you'll|"
    r"doctors?|physicians?|nurses?|clinicians?|team|not|don't|dont|never|always|better|"
    r"rather|simply|first|next|would|do|kindly|if|until|plan|action|advice|rx|tx|management|"
    r"treatment|either|immediately|urgently|again|today|tomorrow|tonight)\s+(?:\w+ly\s+)?)"
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

IMPERATIVE = re.compile(rf"{_LEAD}(?P<verb>{_VERB})\b(?!\s+of\b|-)\s+(?P<object>{_FILL})(?P<med>{_MED})")
REPORTED_INFINITIVE = re.compile(rf"\b{_REPORTED_TO}$")
GERUND = re.compile(rf"(?<![\w-]){_ING}\b\s+{_FILL}(?P<med>[NCO]\d++)")
HARMLESS_GERUND = re.compile(
    r"\b(?:after|since|following|before|was|were|been|is|upon|without|despite|from|recently|"
    r"denies|reports|stopped|started|history of|(?:hours?|days?|weeks?|months?) of)\s+(?:\w+ly\s+)?$"
)
MODAL = re.compile(
    rf"(?P<med>{_MED})(?:\s+[\w'-]+){{0,6}}?\s+(?:should|must|ought\s+to|needs?|can|could|"
    rf"may|might|would|will|shall|has\s+to|have\s+to|is\s+to|are\s+to|to)\s+(?:\w+\s+){{0,3}}?(?:be(?:ing)?\s+)"
    rf"(?:\w+\s+){{0,2}}?{_PAST}\b"
    rf"|(?P<med2>{_MED})\s+(?:(?:\w+\s+){{0,2}}?(?:needs|requires|wants)\s+)(?:{_ING}|{_PAST}|review\w*\s+up)"
)
_DUTY = (
    r"(?:should|must|ought\s+to|needs?(?:\s+to)?|can|could|may|might|would|will|shall|"
    r"(?:has|have|is|are|was|were)\s+to|to|(?:he|she|they|you|we|i)'(?:d|ll)(?:\s+(?:best|"
    r"better))?|had\s+(?:best|better)|that\s+\w+(?:\s+\w+)?)"
)
PASSIVE = re.compile(
    rf"(?<![\w-]){_DUTY}\s+(?:not\s+)?(?:\w+\s+){{0,2}}?(?:be|get|being|go|stay|come|remain|"
    rf"receive|have|need|require)\s+(?:\w+ly\s+)?(?:{_PAST}\s+|placed\s+|treated\s+|managed\s+|"
    rf"sent\s+home\s+|anticoagulated\s+)?{_FILL}(?P<med>[NCO]\d++)"
)
ENSURED = re.compile(
    r"\b(?:ensure|ensures|make\s+(?:sure|certain)|see\s+to\s+it|arrange(?:\s+for)?)\b[^.;:!?]{0,50}?(?P<med>[N"
    r"CO]\d++)(?!\s+(?:allerg|level|history|list|use|status|exposure))"
)
_WORTH = (
    r"(?:indicated|warranted|appropriate|recommended|advised|advisable|preferred|preferable|"
    r"first[- ]line|second[- ]line|third[- ]line|reasonable|sensible|suitable|(?:drug|"
    r"treatment|agent|choice|therapy|C\d++|G\d++)\s+of\s+choice|best|ideal|"
    r"needed|required|necessary|justified|mandatory|useful|helpful|effective|worth\w*|"
    r"beneficial|standard\s+of\s+care|mainstay|cornerstone|gold\s+standard|optimal|better|"
    r"superior|good|(?:an?\s+)?(?:\w+\s+)?(?:option|choice|alternative|candidate|answer|"
    r"solution|treatment|remedy|idea|plan)|"
    r"key|essential|priority|safe|fine|ok|okay|enough|sufficient|the\s+way|a\s+must|due|"
    r"ready|next|time|prudent|favou?red|first|crucial|vital)"
)
EVALUATED = re.compile(
    rf"(?P<med>[NCO]\d++)(?:\s+[\w'-]+){{0,4}}?\s+(?:is|are|was|be|being|seems?|remains?|"
    rf"looks?|sounds?|becomes?|represents?|as)\s+(?:(?!not\s+recorded|not\s+known)[\w'-]+\s+){{0,3}}?{_WORTH}\b"
    rf"|\b{_WORTH}\s+(?:[\w'-]+\s+){{0,4}}?(?:is|are|would\s+be|might\s+be|may\s+be|could\s+be|"
    rf"includes?|:|=|being)\s+(?:[\w'-]+\s+){{0,3}}?(?P<med2>[NCO]\d++)"
)
SUGGESTED = re.compile(
    rf"\b(?P<cue>recommend\w*|advis(?:e|es|ing)|advice\s+is|suggest\w*|consider(?:s|ing|"
    rf"ation\s+of)?|propos(?:e|es|ing|al)|favou?rs?|prefer\w*|opt(?:ed|ing)?\s+for|plan\w*(?:\s+(?:is|"
    rf"for|to|:))?|aim\w*\s+(?:for|to)|would\s+benefit\s+from|benefits?\s+from|candidate\s+for|"
    r"indications?\s+for(?!\s+\S+\s+(?:is|are|was|were)?\s*(?:not\s+(?:recorded|stated|"
    r"documented|known|clear)|unclear|unknown|unrecorded))|"
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
    rf"[\s:,=-]+{_FILL}(?P<med>[NC]\d++)"
)
FUTURE = re.compile(
    r"\b(?:going\s+forward|from\s+(?:now|today|tomorrow|tonight|here)|henceforth|onwards|"
    r"as\s+soon\s+as\s+possible|asap|a\.s\.a\.p|straight\s+away|right\s+away|without\s+delay|"
    r"tonight|tomorrow|later\s+today|this\s+evening|instead|for\s+now|until\s+(?:reviewed|"
    r"seen|better|review|then)|going\s+to\s+need)\b"
)
HELPS = re.compile(
    r"(?P<med>[NCO]\d++)\s+(?:(?!for\b|of\b|in\b)[\w'-]+\s+){0,3}?(?:(?:would|will|"
    r"should|may|might|could|can|does|usually|often|typically|generally|to)\s+(?:\w+\s+){0,2}?)?"
    r"(?:help|helps|relieve|relieves|ease|eases|work|works(?!\s+by)|improve|improves|"
    r"treat|treats|cure|cures|settle|settles|fix|fixes|sort|sorts|control|controls|do|"
    r"does\s+the|suffice|clear|clears|calm|calms|soothe|soothes|prevent|prevents|protect|"
    r"protects|shorten\w*|speed\w*|reverse|reverses|benefit|benefits|stop|stops|save|"
    r"saves)\b"
)
ARROW = re.compile(
    r"(?:->|=>|→|>>|⇒)\s*(?:[\w.'-]+\s+){0,3}(?P<med>[NCO]\d++)|^\s*(?:rx|tx|℞|plan|"
    r"action|management|treatment|tto|ttos|to take out|discharge (?:meds|G\d++)|script|"
    r"G\d++\s+(?:plan|orders?))\b[^.]{0,40}(?P<med2>[NC]\d++)|^\s*\+\s*(?P<med3>[NC]\d++)"
)
REFERENT = re.compile(
    rf"(?:{_LEAD})(?:double|triple|halve|taper|wean|titrate|uptitrate|up-titrate|restart|"
    rf"stop|increase|reduce|continue|skip|repeat|hold|withhold|give|take|administer|inject|"
    rf"apply|swallow|start|use|try|adjust|resume|pause)\s+"
    rf"(?:(?:it|them|this|that|these|one|two|both|the\s+(?:same|other|lot)|another(?:\s+one)?|"
    rf"[#]\d++)(?:\s+(?:[KFDQ#]\d++|again|now|with\s+(?:food|water|meals)|tonight|tomorrow|"
    rf"today|if|when|until|up|down|off|more|off\s+gradually|slowly|gradually|straight|"
    rf"immediately|as\s+(?:soon|before|needed)|for|by|to|on|at|before|after|in\s+#)\b|"
    rf"\s*[KD]\d++|\s*(?:[.!;,]|$))|[KFQ]\d++)"
)
AMOUNT_ORDER = re.compile(
    rf"{_LEAD}(?:take|give|use|inject|apply|swallow|administer|repeat|inhale|drink|infuse|"
    rf"run|bolus|load)\b[^.;]{{0,30}}?[QFK]\d++"
)

_OBJ = rf"(?P<med>{_MED})"
_GAP = r"[^.;:!?\n]{0,60}?"
_NEAR = r"[^.;:!?\n]{0,38}?"
TAKING = (
    r"(?:takes|took|(?:known|understood|reported|said|thought|believed)\s+to\s+(?:take|"
    r"use|be\s+(?:on|taking))|(?:says?|shows?|states?)\s+(?:that\s+)?(?:you|they)\s+(?:take|"
    r"use|are\s+on)|has\s+taken|have\s+taken|had\s+taken|taken(?!\s+(?:as|with|by\s+mouth))|"
    r"uses|used(?!\s+(?:to|for|in|as))|(?:is|are|was|were|been|be|being|currently|already|"
    r"still|not|denies|denied|reports|reported|admits|while|whilst|when|after|since|anyone|"
    r"people|patients?|those|who|stopped|started|recently|regularly|from|despite|"
    r"without|before|she's|he's|states|describes|history\s+of|of)\s+(?:\w+ly\s+)?(?:taking|"
    r"using|receiving|on)|(?:is|was|been|remains?|are|were|being|maintained|established|"
    r"stabilised|stable|already|currently|still|who|not|while|whilst|yo|y/o|old|male|"
    r"female|man|woman|patient|patients|people|lady|gentleman|boy|girl|\b[mf]|previously|"
    r"normally|usually|regularly)\s+on|"
    r"(?:unable|able|forgot\w*|refus\w+|declin\w+|reluctant|unwilling)\s+to\s+(?:take|"
    r"use|swallow|tolerate|afford)|receives|received|receiving|continues\s+(?:to\s+(?:take|"
    r"use|utili[sz]e|receive)|on|taking|using)|(?:does|did|do|doesn't|didn't)\s+(?:\w+\s+)?(?:take|"
    r"use)|(?:began|begun|started|resumed|stopped)\s+(?:taking|using)|placed\s+on|(?:anticoagulated|"
    r"immunosuppressed|sedated|medicated|thrombolysed|vaccinated|immunised|immunized|"
    r"bridged|loaded|resuscitated|paralysed|intubated)\s+(?:with|on|by|using)|(?:told|"
    r"said|reported|mentioned|confirmed|stated|wrote|know|knows)\s+(?:\w+\s+){0,2}?(?:that\s+)?(?:you|"
    r"he|she|they)\s+(?:takes?|uses?|are\s+on|is\s+on)|utili[sz](?:es|ed|ing)|requir(?:ed|"
    r"ing)|self[- ]medicat\w+(?:\s+with)?|has\s+received|was\s+given|were\s+given|been\s+given|"
    r"(?:was|were|been|had)\s+(?:\w+ly\s+)?(?:administered|prescribed|started\s+on|commenced\s+on|"
    r"switched|treated\s+with|trialled\s+on|dispensed|loaded\s+with|transfused|maintained\s+on|"
    r"put\s+on|managed\s+with|offered|infused|injected\s+with|advised)|"
    r"is\s+prescribed|are\s+prescribed|prescribed\s+by|(?<!to be )started\s+on|stopped(?:\s+taking)?|"
    r"(?:self-?)?medicat\w+\s+with|ran\s+out\s+of|run\s+out\s+of|missed|misses|missing|"
    r"forgot\w*|overdos\w+\s+(?:of|on|with)|ingest\w+(?:\s+of)?|swallowed|injected|inhaled|"
    r"self-administered|bought|had\s+tried|has\s+tried|tried|"
    r"gave|status\s+post|s/p|took\s+(?:a\s+)?(?:course|trial)\s+of|(?:cycles|courses?)\s+of(?=[^.;]{0,40}\b(?:"
    r"was|were|completed|finished|given)\b)|respon(?:ded|se)\s+(?:\w+\s+)?to|relieved\s+(?:\w+\s+)?(?:by|"
    r"with)|(?:improved|settled|eased|resolved|worse|worsened|helped|controlled|treated|"
    r"managed|unrelieved|unresponsive|refractory|relief|improvement|effect)\s+(?:\w+\s+)?(?:by|"
    r"with|after|on|to|from)|"
    r"(?:eases|improves|settles|resolves)\s+(?:\w+\s+)?with|compli\w+\s+with|adher\w+\s+(?:to|"
    r"with)|complet(?:ed|ing|ion\s+of)|finished|drug\s+history|stopped|self-?treated\s+with|"
    r"intolerant\s+of|tolerat\w+|discontinued|"
    r"on\s+(?:long-term|regular|daily|maintenance|lifelong|chronic|home|repeat|stable|"
    r"high-dose|low-dose|oral|inhaled|current|prophylactic|established|no|any|his|her|"
    r"a\s+(?:stable|regular))|last\s+(?:took|used|had|dose\s+of|G\d++\s+of)|had(?=\s+(?:a\s+|"
    r"\w+\s+)?(?:N|F|Q|O)\d+)|has\s+had)"
)
RECORDED = (
    r"(?:recorded|documented|listed|noted|mentioned|reported|charted|on\s+(?:the\s+)?(?:list|"
    r"record|chart|file|admission|repeat|G\d++)|in\s+the\s+(?:record|notes|chart)|known|"
    r"stated|named|included|part\s+of|among|present\s+(?:on|in))"
)
_HEADER = (
    r"^\W*(?:[\w'-]+\s+)?(?:the\s+|his\s+|her\s+|patient's\s+)?(?:(?:current|regular|"
    r"usual|home|recorded|existing|long-term|repeat|admission|pre-admission|pre-op|documented|"
    r"active|known|prior|previous|past|reported|outpatient|ongoing|other)\s+)*"
    r"(?:G\d++|medication|drug|dhx?|pta\s+G\d++)\s*(?:(?:history|list|record|chart|hx|"
    r"reconciliation|recorded|documented|reported|currently|taken|reviewed|in\s+the\s+record|"
    r"on\s+(?:admission|record|file|arrival)|prior\s+to\s+(?:admission|arrival)|at\s+home|"
    r"before\s+admission|G\d++)\s*)*"
    r"(?:\([^)]*\)\s*)?(?:[:=-]|(?:are|include|includes|is|were|comprise)\b)"
)

REPORTING = (
    re.compile(rf"\b{TAKING}\b{_GAP}{_OBJ}"),
    re.compile(
        rf"{_OBJ}{_GAP}\b(?:was|were|(?:has|have|had)\s+(?:\w+\s+)?been)\s+(?:\w+ly\s+|not\s+|"
        rf"also\s+|being\s+|first\s+|last\s+)*(?:{_PAST}|{RECORDED}|tolerated|ineffective|"
        rf"effective|missed|found|completed|finished|refilled|self-administered|ingested)\b"
    ),
    re.compile(rf"{_OBJ}{_GAP}\b(?:is|are)\s+(?:\w+ly\s+|not\s+|also\s+|already\s+)*(?:{RECORDED}|taken)\b"),
    re.compile(
        rf"{_OBJ}\s+(?:[QFKD#]\d++\s+|\w+\s+){{0,3}}?(?:started|stopped|given|taken|commenced|"
        rf"prescribed|administered|used|discontinued|increased|reduced|changed)\s+(?:in\s+#|"
        rf"on\s+(?:#|admission|arrival)|last|yesterday|[#D]\d++\s*(?:days?|weeks?|months?|"
        rf"years?|hours?)?\s*ago|by\s+(?:the\s+)?(?:gp|ambulance|paramedic|crew|ed|gp|family)|"
        rf"at\s+(?:home|#|\d|scene)|earlier|previously|prior|pre-?hospital|en\s+route|two|"
        rf"three|a\s+(?:week|month|year)|this\s+morning|since|\w+\s+(?:days?|weeks?|months?|"
        rf"years?|hours?)\s+ago)"
    ),
    re.compile(
        rf"\b(?:recorded|documented|listed|noted|reported|record(?:s)?\s+(?:shows?|lists?|"
        rf"states?|notes?|says?|mentions?|names?)|chart\s+(?:shows?|lists?)|notes?\s+(?:show|"
        rf"list|state|record|mention|say)|lists?|shows?|states?|mentions?)\b(?:\s+as|\s+that|"
        rf"\s*:)?{_GAP}{_OBJ}"
    ),
    re.compile(
        rf"\b(?:history|hx|previous|prior|past|recent|recently|last|existing|known|ongoing\s+use|"
        rf"pre-existing|former|earlier)\s+(?:\w+\s+){{0,3}}?{_OBJ}"
    ),
    re.compile(
        rf"\b(?:patients?|people|adults?|children|women|men|those|anyone|someone|individuals?|"
        rf"person|she|he|they|who|population)\s+(?:(?:is|are|was|were|already|also|currently|"
        rf"who)\s+)*(?:on|taking|receiving|using|prescribed|treated\s+with|exposed\s+to)\b{_NEAR}{_OBJ}"
    ),
    re.compile(
        rf"\b(?:on|despite|while\s+on|given\s+(?:her|his|the|their|current|known)|because\s+of\s+(?:her|"
        rf"his|the|current))\s+(?:(?:her|his|the|current|usual|regular|long-term|existing|"
        rf"background|stable|maximal|concurrent|therapeutic)\s+)*{_OBJ}"
    ),
    re.compile(
        rf"\b(?:no|nil|denies|denied|never|not\s+(?:on|taking)|not\s+currently\s+(?:on|taking)|"
        rf"negative\s+for)\s+(?:\w+\s+){{0,4}}?{_OBJ}(?:\s+\w+){{0,3}}?\s*(?:\b(?:recorded|"
        rf"documented|reported|use|history|known|taken|is|are|was|were|noted|listed|mentioned|"
        rf"given|at\s+present|currently|allerg\w+|[.]|$)|$|[.])"
    ),
)
HEADER = re.compile(_HEADER)
NEGATED = re.compile(
    rf"\b(?:no|not|nil|denies|denied|never|without|neither|nor|isn't|wasn't|doesn't|didn't|"
    rf"hasn't|stopped|former|unrecorded)\b[^.;:]{{0,40}}{_OBJ}|(?P<med2>{_MED}){_GAP}\b(?:not|"
    rf"never|no\s+longer)\b"
)

_HARM = (
    r"(?:allerg(?:y|ic|ies)|hypersensitiv\w+|intoleran\w+|anaphyla\w+|reactions?|rash(?:es)?|"
    r"hives|urticaria|side[- ]effects?|adverse(?:\s+\w+)?|toxicity|overdos\w+|poisoning|"
    r"interact(?:s|ions?|ed|ing)?|contraindicat\w+|due|secondary|effectiveness|efficacy|"
    r"affected|influenced|altered|potentiated|inhibited|displaced|lowered|raised|reduced|"
    r"increased|prolonged|"
    r"caused|induced|triggered|precipitated|provoked|worsened|exacerbated|exposure|exposed|"
    r"sensitiv\w+|resistan(?:t|ce)|dependen(?:t|ce|cy)|addict\w+|misuse|abuse|withdrawal|"
    r"risks?|dangers?|hazards?|complications?|harms?|mechanisms?|action|pharmacology|"
    r"half-life|"
    r"metabolism|clearance|excretion|absorption|levels?|concentrations?|warnings?|caution|"
    r"causes?\s+of\s+\w+\s+include|associated|linked|related|attributed|attributable|"
    r"bleeding|haemorrhage|reports?\s+of|signs\s+of|involving)"
)
_ILL = (
    r"(?:\w{2,}(?:osis|itis|emia|aemia|lysis|penia|pathy|oma|plasia|trophy|algia|uria|"
    r"plegia|spasm|edema|oedema|dystonia|kinesia|arrhythmia|cardia|rrhagia|rrhoea|rrhea|"
    r"tension|pnoea|pnea|necrolysis|itides|philia)|syndrome|bleed(?:ing|s)?|ha?emorrhage|"
    r"bruising|failure|injury|rash|disease|disorder|reaction|shock|arrest|ulcer\w*|perforation|"
    r"collapse|confusion|delirium|drowsiness|sedation|seizures?|cough|swelling|cramps?|"
    r"headache|nausea|vomiting|constipation|diarrh\w+|jaundice|gout|fracture|"
    r"infection|thrombus|clot|stroke|effects?|symptoms?|toxicity|change|deterioration|"
    r"hepatic|renal|qt|block|falls?|hypo|hypos|itch\w*|palpitations|tinnitus|deafness|"
    r"tremor|weakness|pain|fever|depression|insomnia|weight\s+gain)"
)
HARM = (
    re.compile(rf"\bfrom\s+(?:(?!now|today)\w+\s+){{0,2}}?{_OBJ}"),
    re.compile(
        rf"\b{_ILL}\b[^.;:,]{{0,25}}?\b(?:after|with|on|following|related\s+to|by|of)\s+(?:(?:the|"
        rf"a|an|her|his|long-term|recent|prolonged|chronic|high-dose|excess|regular|use\s+of|"
        rf"starting|taking|stopping|abrupt|withdrawal\s+of|exposure\s+to|combined)\s+)*{_OBJ}"
    ),
    re.compile(
        rf"{_OBJ}\s+(?:\w+\s+){{0,2}}?(?:make|makes|made|making)\s+(?:\w+\s+){{0,3}}?(?:more|"
        rf"less|worse|likely|harder|drowsy|dizzy|sleepy|sick|sensitive|tired|thirsty|difficult|"
        rf"unreliable|dangerous)\b"
    ),
    re.compile(
        rf"\b{_HARM}\s+(?:\w+\s+){{0,3}}?(?:to|of|with|from|by|between|on|for|after|following|"
        rf"include|includes|are|is)\b[^.;:,]{{0,38}}?{_OBJ}"
    ),
    re.compile(
        rf"\b(?:allerg(?:y|ies|ic)(?:\s+(?:list|status))?|intolerances?|sensitivities|adrs?|"
        rf"nkda\s+except)\s*(?:recorded|documented|to)?\s*[:=-]{_NEAR}{_OBJ}"
    ),
    re.compile(
        rf"{_OBJ}(?:\s+[\w'-]+){{0,4}}?\s+(?:(?:can|may|might|could|is|are|was|were|also|often|"
        rf"commonly|sometimes|rarely|known\s+to|likely\s+to|will|does|do|has|have|been|frequently|"
        rf"occasionally|both|itself|directly|irreversibly|selectively|competitively|reversibly)\s+)*"
        r"(?:cause[sd]?|causing|induce[sd]?|inducing|trigger\w*|precipitat\w+|provoke\w*|"
        r"worsen\w*|exacerbat\w+|aggravat\w+|mask(?:s|ed|ing)?|mimic\w*|increas(?:e|es|ed|"
        r"ing)\s+(?:the\s+|an?\s+|her\s+|his\s+)?(?:\w+\s+){0,2}(?:risk|chance|likelihood|"
        r"levels?|concentrations?|bleeding|potassium|exposure|effects?|heart|blood|inr|qt\w*|"
        r"A\d++|N\d++|toxicity|appetite|pressure|weight|susceptibility)|"
        r"raise[sd]?\s+(?:the\s+)?(?:\w+\s+){0,3}?(?:risk|levels?|concentrations?|blood|A\d++|"
        r"potassium|pressure|chance|counts?|rates?|tone|temperature|weight)|lower(?:s|ed)?\s+(?:the\s+)?(?:\w+\s+)"
        r"{0,3}?(?:levels?|blood|A\d++|seizure|heart|pressure|threshold|concentrations?|counts?|"
        r"rates?|tone|temperature)|reduc(?:e|es|ed)\s+(?:the\s+)?(?:\w+\s+){0,2}(?:absorption|"
        r"clearance|effect(?:iveness)?s?|levels?|levels|excretion|efficacy|production|synthesis|"
        r"concentrations?|secretion|N\d++|A\d++)|"
        r"prolong\w*|interact\w*|inhibit\w*|block(?:s|ed|ing)|bind(?:s|ing)?|antagoni[sz]\w*|"
        r"activat\w+|stimulat\w+|suppress\w*|deplet\w+|potentiat\w+|enhanc\w+|impair\w*|affect(?:s|"
        r"ed)?|alter(?:s|ed)?|interfer\w+|predispos\w+|lead(?:s|ing)?\s+to|led\s+to|result(?:s|"
        r"ed|ing)?\s+in|associated|linked|contraindicated|"
        r"(?:a\s+)?(?:narrow|long|short)\s+(?:therapeutic|half)|side[- ]effects?|adverse|"
        r"works?\s+by|acts?\s+(?:on|by|as|at|in)|belongs?|metaboli[sz]ed|excreted|eliminated|"
        r"cleared|cross(?:es)?|nephrotoxic|hepatotoxic|ototoxic|teratogenic|cardiotoxic|neurotoxic|"
        r"sedating|harmful|toxic|dangerous|unsafe|implicated|responsible|"
        r"(?:an?|the)\s+(?:[\w-]+\s+){0,5}?(?:inhibitor|blocker|antagonist|agonist|cause|"
        r"trigger|risk\s+factor|precipitant|culprit|inducer|analogue|derivative|prodrug|member|"
        r"monoclonal|substrate|contributor|hormone|alkaloid|C\d++)|"
        r"(?:boxed|black)[- ]box|half-life|toxicity|narrows|dilates?|relax(?:es)?|constrict\w*|"
        r"slow(?:s)?\s+(?:the\s+)?(?:heart|gastric|av|conduction)|deplete\w*|displace\w*|"
        r"compet\w+)\b"
    ),
    re.compile(
        rf"\b(?:risks?|caution|danger\w*|harmful|unsafe|nephrotoxi\w+|hepatotoxi\w+|bleeding|"
        rf"interacts?|interactions?|reacts?|contraindicated|incompatible|combination|taken|"
        rf"combined|along)\s+(?:\w+\s+){{0,2}}?(?:with|between)\s+{_NEAR}{_OBJ}"
    ),
    re.compile(
        rf"\b(?:such|like|including|e\.g\.|namely)\s+(?:as\s+)?{_OBJ}\s+(?:can|may|might|could)\s+(?:cause|"
        rf"lead|worsen|trigger|mask|increase\s+the\s+risk)"
    ),
)
COMPOUND = re.compile(
    rf"{_OBJ}[\s-]+(?:\w+\s+)?(?:induced|associated|related|toxicity|overdose|poisoning|"
    rf"allerg(?:y|ies|ic)|hypersensitivity|intolerance|anaphylaxis|reactions?|rash|withdrawal|"
    rf"levels?|concentrations?|trough|assay|screen|misuse|abuse|dependence|dependency|"
    rf"resistan(?:t|ce)|"
    r"ingestion|side[- ]effects?|interactions?|effects?|excess|deficiency|metabolism|"
    r"clearance|half-life|nephropathy|hepatotoxicity|nephrotoxicity|cough|antibod(?:y|"
    r"ies)|receptors?|sensitivity|sensitivities|monitoring|failure|neuropathy|myopathy|"
    r"refractory|responsive|treated|naive|exposure|sensitive|dependent|crisis|epidemic|"
    r"deaths?|disorders?|addiction|stewardship|assessment|intoxication|tolerance|seeking|"
    r"bowel|exacerbated|provoked|triggered|precipitated|mediated|mechanism|class|family)\b"
)
USE_OF = re.compile(
    rf"{_OBJ}[\s-]+(?:use|therapy|treatment|history|adherence|compliance|status|intake|"
    rf"prescriptions?|users?)\b(?=[^.;:]{{0,50}}\b(?:was|were|is\s+(?:a|recorded|documented|"
    rf"not|noted|known|associated)|in\s+(?:#|the\s+past)|since|increases?|can|may|causes?|"
    rf"and\s+(?:bleeding|risk)|risk|recorded|documented|reported|unknown|unclear|before|"
    rf"after|ago))"
)
LEVEL = re.compile(r"(?P<med>[NA]\d++)\s*(?:of|is|was|:|=|at|-|,|\|)?\s*V\d++(?!\d)")

ASKS = re.compile(
    r"^\W*(?:(?:is|are|was|were|does|do|did|has|have|had|any|which|what|whether|when|"
    r"who|how\s+(?:long|often|many|recently)|since\s+when|could\s+(?:this|the|these|it|"
    r"symptoms)|if)\b|.{0,60}\b(?:is|are|was|does|do|has|have|any|which|what|when)\s+(?:the\s+patient|"
    r"she|he|they|there|you|it|other|recent)\b)[^?]*\?\W*$"
)
_UNKNOWN = (
    r"(?:not\s+(?:been\s+)?(?:recorded|documented|stated|known|clear|given|specified|"
    r"available|provided|mentioned|described|established|asked|in\s+the\s+record|reported|"
    r"confirmed|noted|listed)|unknown|unclear|unrecorded|undocumented|missing|absent\s+from|"
    r"lacking|unspecified|unconfirmed|to\s+be\s+(?:clarified|confirmed|established|obtained))"
)
MISSING = (
    re.compile(rf"{_OBJ}[^.;:!?]{{0,60}}?\b{_UNKNOWN}\b"),
    re.compile(rf"\b{_UNKNOWN}\b[^.;!?]{{0,60}}?{_OBJ}"),
    re.compile(
        rf"\bno\s+(?:record|mention|documentation|information|details?|data|note|history|current|"
        rf"recorded|documented|known)\b[^.;:!?]{{0,50}}?{_OBJ}"
    ),
    re.compile(
        rf"\b(?:ask|asking|clarify|confirm|establish|enquire|inquire|check|verify|obtain|document|"
        rf"record|determine|find\s+out|need\s+to\s+know|needed|unclear|unknown|question|explore|"
        rf"identify|ascertain|missing|see|assess)\b[^.;!?]{{0,30}}?\b(?:whether|if|about|history|"
        rf"use\s+of|exposure\s+to|any|current|recent|which|what|time\s+of|timing\s+of|adherence|"
        rf"compliance|indication|allerg\w+|last|full|reason|when|how|regular|other|G\d++|over|"
        rf"list)\b[^.;!?]{{0,60}}?{_OBJ}"
    ),
    re.compile(
        rf"^\W*(?:whether|if|when|which|what|any|current|recent|use\s+of|history\s+of|exposure\s+to|"
        rf"timing\s+of|time\s+of|date\s+of|details\s+of|adherence|compliance|allergy|full|"
        rf"indication\s+for)\b(?![^.;:]*\b(?:should|must|needs?|recommended|start|give)\b)[^.;:!?]{{0,60}}?{_OBJ}[^"
        rf".;:!?]{{0,50}}\W*$"
    ),
    re.compile(
        rf"^\W*{_OBJ}(?:\s*[,/]\s*{_MED}|\s+(?:or|and)\s+{_MED})*\s+(?:use|history|exposure|"
        rf"adherence|compliance|allergy|status|intake|list|levels?|reconciliation)\b[^.;:!?]{{0,30}}\W*$"
    ),
)
REFUSAL = re.compile(
    r"\b(?:i|we|medassist|assistant|tool|system|service|software|app|it|this|that|summary|"
    r"report|answer)\b[^.;:!?]{0,25}?\b(?:cannot|can't|can\s+not|does\s+not|doesn't|will\s+not|"
    r"won't|unable|not\s+able|never|not\s+permitted|not\s+allowed|must\s+not|declines?|"
    r"isn't\s+able|do\s+not\s+have|not\s+designed|no\s+longer)\s+(?:\w+\s+){0,3}?"
    r"(?:recommend|prescrib\w*|advis\w*|give|giving|suggest|provid\w*|offer|stat\w*|calculat\w*|"
    r"comment|answer|say|help|make|tell|choose|select|decide|dose|confirm|propose|list|"
    r"discuss|give\s+out|set|change|start|stop)\b"
    r"|\b(?:no|not)\s+(?:dose|G\d++|dosing|prescrib\w*|treatment|medicine)[^.;:!?]{0,30}?\b(?:is|"
    r"are|can\s+be|will\s+be|advice)\b[^.;:!?]{0,30}?\b(?:given|provided|offered|suggested|"
    r"made|stated|here|advice|recommended)\b"
)
NO_CHANGE = re.compile(
    rf"\b(?:do\s+not|don't|dont|never|should\s+not|shouldn't|must\s+not|avoid|no\s+one\s+should|"
    rf"please\s+do\s+not|not)\b[^.;:!?]{{0,60}}?(?:{_MED}|anything|them|it|treatment)?[^.;:!?]{{0,40}}?\b(?:wit"
    rf"hout|unless|until|before)\b[^.;:!?]{{0,50}}?\b(?:advice|speak\w*|spoken|talk\w*|"
    rf"ask\w*|consult\w*|check\w*|doctors?|clinicians?|prescribers?|pharmacists?|gp|team|"
    rf"told|advised|nurse|medical|says?|tells?|agree\w*|discuss\w*|review\w*|seen)\b"
)
_TEAM = (
    r"(?:(?:treating|responsible|clinical|medical|surgical|cardiology|stroke|specialist|"
    r"senior|attending|supervising|prescribing|haematology|hematology|emergency|on-call|"
    r"admitting|local|patient's|their|your|duty)\s+)*(?:team|teams|clinicians?|doctors?|"
    r"physicians?|consultants?|prescribers?|specialists?|cardiologists?|neurologists?|"
    r"haematologists?|hematologists?|microbiologist|gp|gps|pharmacists?|surgeons?|registrar|"
    r"psychiatrists?|intensivists?|oncologists?|obstetricians?|paediatricians?|multidisciplinary\s+team|"
    r"mdt)"
)
DECIDER = re.compile(
    rf"\b(?:for|by|with|to|of|at|up\s+to|left\s+to|rests?\s+with|lies\s+with|remains?\s+with)\s+(?:the\s+|"
    rf"a\s+|an\s+|her\s+|his\s+|discretion\s+of\s+the\s+|judg(?:e)?ment\s+of\s+the\s+)*{_TEAM}\b|"
    rf"\b{_TEAM}(?:'s|s')?\s+(?:\w+\s+){{0,3}}?(?:to\s+(?:weigh|decide|consider|judge|"
    rf"determine|assess|discuss|review)|decision|decisions|judg(?:e)?ment|discretion|decides?|"
    rf"weighs?|will\s+(?:decide|weigh|judge)|may\s+(?:weigh|consider)|can\s+(?:weigh|decide)|"
    rf"should\s+(?:weigh|decide))"
)
CONSIDERATION = re.compile(
    r"\b(?:weigh\w*|decid\w+|decision|decisions|consider\w*|judg\w+|determin\w+|assess\w*|"
    r"discuss\w*|discretion|question|matter|choice|call|review\w*)\b"
)
DECISION_ABOUT = re.compile(
    rf"\b(?:decisions?|questions?|advice|choices?|changes?|any\s+change|adjustments?|choice|"
    rf"selection)\s+(?:about|on|to|regarding|concerning|around|over|of|in)\b[^.;:!?]{{0,50}}?{_OBJ}"
)
ATTRIBUTED = re.compile(
    r"\b(?:nice|sign|esc|aha|acc|who|bnf|rcp|rcog|rcem|rcpch|bts|bsg|bsh|bad|easl|ada|"
    r"easd|kdigo|gina|gold|idsa|cdc|nhs|nhlbi|nci|niddk|ninds|medlineplus|fda|uspstf|"
    r"acog|acp|chest|esmo|asco|nccn|eular|acr|cks|mhra|ema|uptodate|cochrane|aan|aap|"
    r"esh|ers|ats|eau|aua|figo|surviving\s+sepsis|(?:the\s+|this\s+|cited\s+|retrieved\s+|"
    r"national\s+|local\s+|clinical\s+|\w+\s+)?(?:guidelines?|guidance|statement|consensus|"
    r"passage|reference|textbook|protocol|pathway|page|source))\b"
    r"(?:[\s\w'()\[\]/.,#-]|#\d++){0,45}?\b(?:lists?|describes?|names?|mentions?|discuss(?:es)?|"
    r"includes?|states?|notes?|reports?|refers?|cites?|covers?|recommends?|advises?|suggests?|"
    r"identif(?:y|ies)|says?|records?|gives|outlines?|places?|classif(?:y|ies)|counts?|"
    r"regards?|considers?|summari[sz]es?|recogni[sz]es?)\b"
    r"|\b(?:according\s+to|as\s+(?:described|listed|stated|noted|discussed|mentioned|"
    r"named)\s+(?:in|by)|(?:described|listed|mentioned|named|discussed|cited|noted|included|"
    r"referenced)\s+(?:\w+\s+){0,4}?(?:in|by)|per|in)\s+(?:the\s+)?(?:[\w-]+\s+){0,3}?(?:nice|"
    r"sign|esc|aha|who|bnf|bts|gina|gold|cdc|nhs|nhlbi|medlineplus|kdigo|ada|idsa|cks|"
    r"acc|easl|guidelines?|guidance|ng\d+|cg\d+|passage|source|\[)"
)
PATIENT_SPECIFIC = re.compile(
    r"\b(?:this\s+(?:patient|man|woman|child|case|lady|gentleman)|the\s+patient|he|she|"
    r"him|her|you|your|his|here|now)\b"
)

SELF_CARE = re.compile(
    rf"{_LEAD}(?:taking|using|drinking|trying|having|adding|swallowing|applying)\s+{_FILL}{_MED}[^.;!?]{{0,40}}"
    rf"?\b(?:helps?|eases?|relieves?|works?|is\s+(?:enough|fine|safe|best|a\s+good)|(?:can|"
    rf"may|might|should|will|would|could)\s+(?:also\s+|often\s+)?(?:help|ease|relieve|"
    rf"work|be\s+(?:enough|tried)))\b"
)
SELF_ADJUST = (
    re.compile(
        rf"{_LEAD}(?:skip|miss|double(?:\s+up)?|halve|split|crush|share|borrow|save|stockpile|"
        rf"stretch|ration|catch\s+up|cut\s+(?:back|down)|leave\s+out|use\s+up|finish\s+off|"
        rf"top\s+up)\b[^.;!?]{{0,40}}?(?:{_MED}|F\d++|Q\d++|\bone\b|next)"
    ),
    re.compile(
        rf"\b(?:left-?\s?over|leftovers?|spare|someone\s+else's|friend's|neighbou?r's|husband's|"
        rf"wife's|mother's|father's|partner's|sister's|brother's|expired|unused|remaining|"
        rf"last\s+time's?|(?:your|her|his|their|some|any|an)\s+old|family\s+member's|from\s+(?:your|"
        rf"the|her|his)\s+(?:last|previous|other))\b[^.;!?]{{0,30}}?(?:{_MED}|F\d++)"
    ),
    re.compile(
        rf"(?:{_MED}|F\d++)[^.;!?]{{0,30}}?\b(?:left\s+over|leftover|in\s+(?:the|your)\s+(?:cupboard|"
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
        rf"\b(?:adjust|change|alter|vary|tweak|increase|reduce|titrate|manage)\s+(?:\w+\s+){{0,3}}?{_MED}[^.;!?]{{0"
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
        r"(?:\bover[- ]the[- ]counter|\botc|\bpharmacy)[^.;!?]{0,40}?\b(?:can|could|may|"
        r"might|will|would|should|are\s+(?:fine|available|enough|ok)|is\s+(?:fine|enough|"
        r"ok|available))\s+(?:\w+\s+)?(?:help|be\s+(?:used|taken|tried|bought|enough|fine)|"
        r"ease|relieve|work|do|used|sufficient)"
    ),
    re.compile(
        rf"\bextra\s+(?:{_MED}|F\d++|puff|one)|\b(?:make\s+up\s+for|compensate\s+for)\s+(?:the|"
        rf"a|any|your)?\s*missed\b|\bif\s+(?:you|she|he|they)\s+(?:feel|is|are)\s+(?:\w+\s+){{0,2}}?better[^.;!?]{{"
        rf"0,20}}?\b(?:stop|skip|halve|leave)|\b(?:come|wean|taper)\s+(?:yourself\s+)?off\s+(?:{_MED}|"
        rf"it|them|your)"
    ),
    re.compile(
        rf"\b(?:you|he|she|they)\s+(?:can|could|may|might)\s+(?:safely\s+)?(?:stop|skip|double|"
        rf"halve|take|use|try|increase|reduce|restart|go\s+back\s+on|leave\s+off|come\s+off)\b[^.;!?]{{0,30}}?(?:{_MED}"
        rf"|F\d++|Q\d++|\bit\b|\bthem\b)"
    ),
)
REPORTED_SELF = re.compile(
    r"\b(?:has\s+(?:been\s+)?|had\s+(?:been\s+)?|was\s+|reports?\s+|reported\s+|admits?\s+|"
    r"denies\s+|denied\s+|she\s+|he\s+|they\s+|patient\s+|who\s+)?(?:took|taken|used|"
    r"using|taking|skipped|skipping|missed|missing|doubled|bought|borrowed|shared|tried|"
    r"stopped|halved|self-medicat\w+|buying|found)\b|\bany\b|\bwhether\b|\?"
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
    "nasal": r"\b(?:nasal(?:ly)?|intranasal)\b",
    "buccal": r"\bbuccal\b",
    "transdermal": r"\b(?:transdermal|td)\b",
    "intrathecal": r"\b(?:intrathecal|it)\s+(?=methotrexate)",
}
