"""Licence patterns: why a mention of a medicine is harmless here."""

from __future__ import annotations

import re

from apps.safety.rules.guard.patterns import MED, PAST

_OBJ = rf"(?P<med>{MED})"
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
        rf"also\s+|being\s+|first\s+|last\s+)*(?:{PAST}|{RECORDED}|tolerated|ineffective|"
        rf"effective|missed|found|completed|finished|refilled|self-administered|ingested)\b"
    ),
    re.compile(rf"{_OBJ}{_GAP}\b(?:is|are)\s+(?:\w+ly\s+|not\s+|also\s+|already\s+)*(?:{RECORDED}|taken)\b"),
    re.compile(
        rf"{_OBJ}\s+(?:[QFKD#]\d++\s+|\w+\s+){{0,3}}?(?:started|stopped|given|taken|commenced|finished|completed|ended|"
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
    rf"hasn't|stopped|former|unrecorded)\b[^.;:]{{0,40}}{_OBJ}|(?P<med2>{MED}){_GAP}\b(?:not|"
    rf"never|no\s+longer)\b"
)

_HARM = (
    r"(?:tremor|common|expected|recogni[sed]+|unusual|allerg(?:y|ic|ies)|hypersensitiv\w+|intoleran\w+|anaphyla\w+|reactions?|rash(?:es)?|"
    r"hives|urticaria|side[- ]effects?|adverse(?:\s+\w+)?|toxicity|overdos\w+|poisoning|"
    r"interact(?:s|ions?|ed|ing)?|cross-?reactiv\w+|reactivity|contraindicat\w+|due|secondary|effectiveness|efficacy|"
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
    r"collapse|confusion|delirium|drowsiness|seizures?|cough|swelling|cramps?|"
    r"shak(?:y|iness)|jitter\w*|heart\s?beat|sleep(?:y|iness)|dizz(?:y|iness)|light-?headed\w*|dry\s+mouth|bloat\w*|sweat\w*|"
    r"flush\w*|acidosis|cholestasis|mood|cataracts?|osteoporosis|cardiotoxicity|"
    r"headache|nausea|vomiting|constipation|diarrh\w+|jaundice|gout|fracture|"
    r"infection|thrombus|clot|stroke|effects?|symptoms?|toxicity|change|deterioration|"
    r"hepatic|renal|qt|block|falls?|hypo|hypos|itch\w*|palpitations|tinnitus|deafness|"
    r"tremor|weakness|pain|fever|depression|insomnia|weight\s+gain)"
)
_FROM = r"(?<!benefit )(?<!benefits )(?<!benefited )from"
HARM = (
    re.compile(
        rf"(?:[V#]\d++|\b(?:fell|rose|dropped|developed|became|worsened|improved|collapsed|settled))\b[^.;:]{{0,30}}?"
        rf"\b(?:after|following|since)\s+(?:(?:the|her|his|their|an?|recent|prehospital|earlier)\s+)*{_OBJ}"
    ),
    re.compile(rf"\b{_FROM}\s+(?:(?!now|today)\w+\s+){{0,2}}?{_OBJ}"),
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
        rf"{_OBJ}(?:\s*,)?(?:\s+[\w'-]+){{0,4}}?(?:\s*,)?\s+(?:(?:can|may|might|could|is|are|was|were|also|often|"
        rf"commonly|sometimes|rarely|known\s+to|likely\s+to|will|does|do|has|have|been|frequently|"
        rf"occasionally|both|itself|directly|irreversibly|selectively|competitively|reversibly)\s+)*"
        r"(?:cause[sd]?|causing|induce[sd]?|inducing|trigger\w*|precipitat\w+|provoke\w*|"
        r"worsen\w*|exacerbat\w+|aggravat\w+|mask(?:s|ed|ing)?|mimic\w*|increas(?:e|es|ed|"
        r"ing)\s+(?:the\s+|an?\s+|her\s+|his\s+)?(?:\w+\s+){0,2}(?:risk|chance|likelihood|"
        r"levels?|concentrations?|bleeding|potassium|exposure|effects?|heart|blood|inr|qt\w*|"
        r"A\d++|N\d++|toxicity|appetite|pressure|weight|susceptibility)|"
        r"react\w*|convert(?:s|ed)|(?:is|are)\s+broken\s+down|chang(?:e|es|ing)\s+how|carr(?:y|ies)\b(?=[^.;]*\b(?:risk|warning|danger))|"
        r"thins?\s+(?:the\s+)?(?:skin|bone)\w*|dr(?:y|ies)\s+(?:the|out)|stains?|"
        r"(?:give|gives|giving|bring|brings|produce|produces|leave|leaves|make|makes)\s+(?:(?!relief|better)[\w,-]+\s+){0,6}?(?:cough|rash|headaches?|nausea|diarrhoea|tremor|cramps?|drowsy|dizzy|sick|sleepy|thirsty|tired|shaky|dreams|urine|wind|bruis\w+|side)\b|"
        r"raise[sd]?\s+(?:the\s+)?(?:\w+\s+){0,3}?(?:triglycerides?|lipids?|sugars?|urate|ammonia|enzymes|risk|levels?|concentrations?|blood|A\d++|"
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
        r"works?\s+by|acts?\s+(?:\w+ly\s+)?(?:on|by|as|at|in)|upset\w*|irritat\w+|belongs?(?=\s+to)|metaboli[sz]ed|excreted|eliminated|"
        r"cleared|cross(?:es)?|nephrotoxic|hepatotoxic|ototoxic|teratogenic|cardiotoxic|neurotoxic|"
        r"explain\w*|account(?:s|ed)?\s+for|contribut\w+|underl\w+|sedating|harmful|toxic|dangerous|unsafe|implicated|responsible|"
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
    re.compile(rf"\b(?:reactions?|reactivity|interactions?)\s+between\b[^.;]{{0,60}}?\band\b[^.;]{{0,30}}?{_OBJ}"),
    re.compile(rf"^\W*\|\s*{_OBJ}\s*\|[^|]*\b{_ILL}\b(?!.*[QFK]\d)"),
    # "Clozapine: agranulocytosis risk": a name, then nothing but what it may do.
    re.compile(
        rf"^\W*(?:\?\s*)?{_OBJ}\s*[:-]\s*(?:(?:risk\s+of|may\s+cause|causes?|known|rare|possible)\s+)*(?:\w+\s+){{0,3}}?{_ILL}\b(?!.*[QFK]\d)"
    ),
    re.compile(
        rf"{_OBJ}\s+(?:can|may|might|could)\s+(?:well\s+)?be\s+(?:behind|to\s+blame|responsible|the\s+(?:cause|culprit|reason))\b"
    ),
    re.compile(
        rf"{_OBJ}\s+has\s+(?:an?\s+)?(?:(?!role|place|use)[\w-]+\s+){{0,3}}?(?:activity|potential|properties)\b"
    ),
    re.compile(
        rf"\b(?:burden|exposure|toxicity|interaction|effects?)\s+(?:is|are|was|were|comes?|arises?)\s+(?:\w+\s+){{0,2}}?from\s+{_NEAR}{_OBJ}"
    ),
    re.compile(
        rf"\b{_ILL}\b[^.;:,]{{0,25}}?\b(?:has|have)\s+(?:\w+ly\s+)?(?:followed|been\s+(?:seen|reported|described|noted))\b[^.;:,]{{0,25}}?{_OBJ}"
    ),
    re.compile(
        rf"\b{_ILL}\b[^.;:]{{0,40}}?\b(?:after|with|on|from)\s+(?:their|your|the|his|her|taking|using)\s+(?:\w+\s+){{0,2}}?{_OBJ}"
    ),
    re.compile(
        rf"\b(?:such|like|including|e\.g\.|namely)\s+(?:as\s+)?{_OBJ}\s+(?:can|may|might|could)\s+(?:cause|"
        rf"lead|worsen|trigger|mask|increase\s+the\s+risk)"
    ),
)
# What a medicine does to a body beyond its purpose, and how it works: by the verb, whatever the object.
_DOES = (
    r"(?:blurs?|lengthens?|stings?|burns?|(?:roughly\s+)?halves?(?=\s+[a-z]+\s+(?:after|levels?))|(?:is|are)\s+(?:lethal|fatal|irritant|vesicant)|has\s+(?:\w+\s+)?effects|have\s+(?:\w+\s+)?effects|(?:can|may|might|could)\s+(?:\w+ly\s+)?(?:block|sting|burn|blur|stain|change|interfere|follow|reach)|absorption\s+is|slows?|blunts?|boosts?|turns?|rubs?\s+off|induces?|speeds?\s+up|push(?:es)?|swells?|(?:can|may|might|could)\s+(?:drop|push|boost|blunt|cut|turn|hide|tip|set\s+off|trigger)|has\s+an?\s+(?:\w+\s+)?half-life|reach(?:es)?|pass(?:es)?|enters?|cross(?:es)?|lasts|wears?\s+off|accumulates?|persists?|adds?\s+to|depress(?:es)?|antagoni[sz]es?|displaces?|dehydrates?|damages?|injures?|harms?|"
    r"scars?|retains?|wastes?|hides?|masks?|shares?|competes?|exaggerates?|amplif(?:y|ies)|sensiti[sz]es?|irritates?|inflames?|hardens?|thickens?|weakens?|"
    r"(?:can|may|might|could)\s+(?:also\s+|occasionally\s+|rarely\s+|sometimes\s+)?(?:make|affect|produce|give|bring|leave|lower|raise|thin|dry|upset|harm|damage|slow|unmask|persist|recur)|"
    r"mak(?:e|es)\s+(?:(?!better|well|comfortable|easier|sense)[\w'-]+\s+){1,4}?(?:swell|bleed|itch|ache|feel|pass|go\b|dry|heavier|lighter|longer|worse|weaker|slower|harder|restless|drowsy|dizzy|thirsty|more|less)|"
    r"rais(?:e|es)\s+(?:both\s+|the\s+)?(?:[\w-]+\s+){0,3}?(?:levels?|inr|and)|lower(?:s)?\s+(?:its|their|the|sexual|appetite|seizure)\b|"
    r"(?:is|are)\s+(?:\w+ly\s+)?(?:[a-z]*toxic|[a-z]*genic|sedating|constipating|addictive|habit-forming|sedative|impaired|inhibited|metaboli[sz]ed|cleared|excreted|"
    r"activated|potentiated|displaced|bound|absorbed|degraded|inactivated|broken\s+down|converted)|"
    r"'s?\s+(?:activation|metabolism|clearance|absorption|breakdown|action|effects?|half-life))"
)
EFFECTS = (
    re.compile(
        rf"{_OBJ}(?:\s*,)?(?:\s+(?!for\b|to\b|should\b|must\b)[\w'-]+){{0,3}}?(?:\s*,)?\s*{_DOES}\b(?!\s+(?:pain|symptoms|blood\s+pressure|better))"
    ),
)
# In the same breath: what it acts on, or is impaired by.
ACTED_ON = re.compile(
    rf"\b(?:inhibits?|blocks?|binds?|induces?|displaces?|makes?|than|many|other|most|of|by|raises?|lowers?|reduces?|increases?|affects?|alters?|impairs?|and|both|with|potentiates?|antagoni[sz]es?)\s+"
    rf"(?:(?:the|its|an?|of|both|levels?|effects?|absorption|inr|and|other|many|most)\s+){{0,3}}{_OBJ}"
)
COMPOUND = re.compile(
    rf"{_OBJ}[\s-]+(?:(?!if\b|when\b|for\b|in\b|unless\b|once\b|after\b)\w+\s+)?(?:induced|associated|related|toxicity|overdose|poisoning|"
    rf"allerg(?:y|ies|ic)|hypersensitivity|intolerance|anaphylaxis|reactions?|rash|withdrawal|"
    rf"levels?|concentrations?|trough|assay|screen|misuse|abuse|dependence|dependency|"
    rf"resistan(?:t|ce)|"
    r"ingestion|metabolites?|toxicities|side[- ]effects?|interactions?|effects?|excess|deficiency|metabolism|"
    r"clearance|half-life|nephropathy|retinopathy|[a-z]+opathy|hepatotoxicity|nephrotoxicity|cough|antibod(?:y|"
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
MEASURED = re.compile(
    rf"\b(?:trough|peak|serum|plasma|pre-dose|random|post-dose)\s+(?:\w+\s+)?{_OBJ}"
    rf"|(?P<med2>{MED})\s+(?:\w+\s+)?(?:monitoring|assays?|levels?|troughs?)\b"
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
    r"confirmed|noted|listed|enclosed|attached|included|sent|supplied|legible)|unknown|unclear|unrecorded|undocumented|missing|absent\s+from|"
    r"lacking|illegible|unreadable|unspecified|unconfirmed|to\s+be\s+(?:clarified|confirmed|established|obtained))"
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
        rf"^\W*{_OBJ}(?:\s*[,/]\s*{MED}|\s+(?:or|and)\s+{MED})*\s+(?:use|history|exposure|"
        rf"adherence|compliance|allergy|status|intake|list|levels?|reconciliation)\b[^.;:!?]{{0,30}}\W*$"
    ),
)
REFUSAL = re.compile(
    r"\b(?:i|we|medassist|assistant|tool|system|service|software|app|it|this|that|summary|"
    r"report|answer)\b[^.;:!?]{0,25}?\b(?:cannot|can't|can\s+not|does\s+not|doesn't|will\s+not|"
    r"won't|unable|not\s+able|never|not\s+permitted|not\s+allowed|must\s+not|declines?|"
    r"isn't\s+able|do\s+not\s+have|not\s+designed|no\s+longer)\s+(?:\w+\s+){0,3}?"
    r"(?:recommend|verify|judge|assess|interpret|estimate|check|establish|determine|read|find|identify|prescrib\w*|advis\w*|give|giving|suggest|provid\w*|offer|stat\w*|calculat\w*|"
    r"comment|answer|say|help|make|tell|choose|select|decide|dose|confirm|propose|list|"
    r"discuss|give\s+out|set|change|start|stop)\b"
    r"|\b(?:cannot|can't|can\s+not|could\s+not|will\s+not)\s+be\s+(?:answered|addressed|given|advised|decided|stated|provided|judged|offered|recommended)\b"
    r"|\b(?:no|not)\s+(?:dose|G\d++|dosing|prescrib\w*|treatment|medicine)[^.;:!?]{0,30}?\b(?:is|"
    r"are|can\s+be|will\s+be|advice)\b[^.;:!?]{0,30}?\b(?:given|provided|offered|suggested|"
    r"made|stated|here|advice|recommended)\b"
)
NO_CHANGE = re.compile(
    rf"\b(?:do\s+not|don't|dont|never|should\s+not|shouldn't|must\s+not|avoid|no\s+one\s+should|"
    rf"please\s+do\s+not|not)\b[^.;:!?]{{0,60}}?(?:{MED}|anything|them|it|treatment)?[^.;:!?]{{0,40}}?\b(?:wit"
    rf"hout|unless|until|before)\b[^.;:!?]{{0,50}}?\b(?:advice|speak\w*|spoken|talk\w*|"
    rf"ask\w*|consult\w*|check\w*|doctors?|clinicians?|prescribers?|pharmacists?|gp|team|"
    rf"told|advised|nurse|medical|says?|tells?|agree\w*|discuss\w*|review\w*|seen)\b"
    r"|\b(?:do\s+not|don't|never|please\s+don't)\b[^.!?]{0,60}?\b(?:on\s+your\s+own|by\s+yourself|yourself|alone)\b"
    r"|\b(?:do\s+not|don't|never)\b[^.!?]{0,60}?[;,.]\s*(?:please\s+)?(?:talk|speak|ask|check)\b[^.!?]{0,40}?\bfirst\b"
    r"|\b(?:speak|talk|ask|check|discuss|ring|phone|call|contact)\b[^.;!?]{0,60}?\b(?:doctors?|pharmacists?|clinicians?|gp|team|nurse|prescriber|midwife|centre|clinic|ward|surgery|practice|unit|helpline|line)\b[^.;!?]{0,20}?\bbefore\s+"
    r"(?:(?:you|making|any|changing|stopping|starting|taking|altering)\b)"
    r"|\bonly\s+(?:your|the|a|his|her)\s+(?:\w+\s+)?(?:clinician|doctor|prescriber|team|gp|consultant|pharmacist|specialist|clinic|surgery|unit|ward|nurse)s?\s+(?:can|may|should|will|is\s+able\s+to)\b"
)
_TEAM = (
    r"(?:(?:treating|responsible|clinical|medical|surgical|cardiology|stroke|specialist|"
    r"senior|attending|supervising|prescribing|haematology|hematology|emergency|on-call|"
    r"admitting|local|patient's|their|your|duty)\s+)*(?:[a-z-]+\s+){0,4}?(?:team|teams|clinicians?|doctors?|"
    r"physicians?|consultants?|prescribers?|specialists?|cardiologists?|neurologists?|"
    r"haematologists?|hematologists?|microbiologist|gp|gps|pharmacists?|surgeons?|registrar|"
    r"psychiatrists?|intensivists?|oncologists?|obstetricians?|paediatricians?|rheumatologists?|[a-z]+ologists?|[a-z]+iatricians?|[a-z]+iatrists?|anaesthetists?|dieti[ct]ians?|midwi(?:fe|ves)|nurses?|multidisciplinary\s+team|"
    r"mdt)"
)
DECIDER = re.compile(
    rf"\b(?:is|are|remains?|lies|rests?|decision|question|matter|call)\s+(?:a\s+\w+\s+)?(?:for|with)\s+(?:the\s+)?(?:[a-z]+\s+){{0,4}}?(?:[a-z]+ology|[a-z]+iatrics?|medicine|surgery|clinic|service|unit|department|ward|mdt|board|palliative\s+care|obstetrics|anaesthesia|intensive\s+care)\b|"
    rf"\b(?:for|by|with|to|of|at|up\s+to|left\s+to|rests?\s+with|lies\s+with|remains?\s+with)\s+(?:the\s+|"
    rf"a\s+|an\s+|her\s+|his\s+|discretion\s+of\s+the\s+|judg(?:e)?ment\s+of\s+the\s+)*{_TEAM}\b|"
    rf"\b{_TEAM}(?:'s|s')?\s+(?:\w+\s+){{0,3}}?(?:to\s+(?:weigh|decide|consider|judge|"
    rf"determine|assess|discuss|review)|decision|decisions|judg(?:e)?ment|discretion|decides?|"
    rf"weighs?|will\s+(?:decide|weigh|judge)|may\s+(?:weigh|consider)|can\s+(?:weigh|decide)|"
    rf"should\s+(?:weigh|decide))"
    rf"|\b{_TEAM}(?:'s|s')?\s+(?:\w+\s+){{0,3}}?(?:call|remit|domain|hands|choice)\b|\bdecider\W+(?:[a-z]+\s+){{0,4}}[a-z]+"
    rf"|\b(?:decision|choice|call|matter)\s+(?:is\s+)?(?:belongs?\s+(?:to|with)|falls\s+to)\s+(?:the\s+)?[a-z]"
)
CONSIDERATION = re.compile(
    r"\b(?:whether|choos\w+|make|settle|say|set|direct\w*|agree\w*|judge|select\w*|arrange|advise|guide|lead|weigh\w*|decid\w+|decision|decisions|consider\w*|judg\w+|determin\w+|assess\w*|"
    r"discuss\w*|discretion|question|matter|choice|call|review\w*)\b"
)
PLAN_OF = re.compile(
    rf"{_OBJ}\s+(?:\w+\s+)?(?:adjustment|management|titration|plan|strategy|regimen|choice|duration|initiation|timing|use)\s+(?:is|are|rests?|lies|remains?)\b"
)
DECISION_ABOUT = re.compile(
    rf"\b(?:decisions?|questions?|advice|choices?|changes?|any\s+change|adjustments?|choice|"
    rf"selection)\s+(?:about|on|to|regarding|concerning|around|over|of|in)\b[^.;:!?]{{0,50}}?{_OBJ}"
)
_ATTRIBUTED = re.compile(
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
# Any source may be cited: one that describes, with its mark behind it.
CITED = re.compile(
    r"^\W*(?:the\s+|an?\s+)?(?:(?!we\b|i\b|you\b|they\b|he\b|she\b)[\w'/.-]+\s+|#\d++\s*,?\s*|[NCAOG]\d++\s+|[\w-]+\s*,\s+){1,8}?(?:lists?|describes?|names?|mentions?|discuss(?:es)?|includes?|"
    r"notes?|covers?|identif(?:y|ies)|places?|outlines?|reports?|states?|summari[sz]es?|considers?|recogni[sz]es?|reviews?|groups?|refers?\s+to|features?|classes|counts?|puts?)\b.*\[\s*[#V]?\d++\s*\]"
)
DESCRIBES = re.compile(
    r"\b(?:lists?|describes?|names?|mentions?|discuss(?:es)?|includes?|notes?|covers?|identif(?:y|ies)|places?|outlines?|counts?|regards?|groups?|refers?\s+to|features?|classes)\b"
)
PATIENT_SPECIFIC = re.compile(
    r"\b(?:this\s+(?:patient|man|woman|child|case|lady|gentleman)|the\s+patient|he|she|"
    r"him|her|you|your|his|here|now)\b"
)


def attributed(form: str) -> bool:
    """True when a unit gives what it says to a guideline or another named source."""
    return bool(_ATTRIBUTED.search(form) or CITED.search(form))
