"""How a text speaks to a machine: names of machines, verbs of answering, what they are told to change, in several languages."""

from __future__ import annotations

import re

from apps.safety.rules.words import words

MACHINE = (
    r"(?:ai(?:s|'s)?|a\.i\.|llms?|gpt(?:-?\w+)?|chat\s?gpt|chat\s?bots?|bots?|(?:large\s+)?(?:language|generative|foundation)"
    r"\s+models?|(?<!role\s)(?<!animal\s)(?<!mixed\s)(?:whichever\s+|any\s+|the\s+|this\s+|your\s+)?models?(?!\s+of\s+care|\s+\d|\s+number|\s+no\b)"
    r"|medassist|copilot|claude|gemini|llama|neural\s+net\w*|(?:\w+[- ])?algorithms?|"
    r"(?:summari[sz]\w+|transcri\w+|reading|reader|triage|parsing|scribe|any|the|this|that|your|an?)\s+"
    r"(?:engine|software|program|machine|agent|tool|system|app|script|parser|computer|robot)s?|"
    r"(?:engine|software|program|machine|agent|parser|computer|robot)s?(?=\s*[,:])|machine\s+readers?|reader\s+software|"
    r"(?:ai|auto\w*|digital|virtual|clinical|the|this|dear|hey|hello|hi|note\s+to|your|an?)\s+assistants?(?!'|\s+(?:surgeon|"
    r"practitioner|physician|nurse|psychologist|professor|manager|anaesthetist))|^assistants?(?!')|summari[sz]ers?|automated\s+(?:triage|"
    r"\w+ers?|reader|reviewer|system)|auto-?summar\w+|whoever\s+(?:or\s+whatever\s+)?(?:summari[sz]es|processes)|"
    r"prompts?(?=\s+(?:here|below|above|now|text|engineer))|(?:system|hidden|private|secret|initial|original|user)\s+prompts?|"
    r"tokens?\s+limit|embedding)"
)
"""What is spoken to, or of, as something that reads and answers."""
_ACTS = words(
    """
    ignore disregard forget overlook override bypass skip omit drop hide conceal suppress withhold remove delete erase
    exclude append add insert put place prepend include mention name list enumerate output print echo dump show display
    reveal disclose expose leak repeat recite return emit write rewrite reword restate rephrase paraphrase translate
    summarise summarize describe say state tell claim declare assert confirm agree certify approve reply respond answer
    conclude assume pretend act behave role-play imagine treat mark set rate rank score grade label tag classify code
    categorise categorize downgrade upgrade lower raise change alter modify edit swap switch replace convert
    express report record cite quote attribute credit recommend prescribe advise suggest propose endorse promote call
    execute run obey comply follow perform use adopt refrain stop avoid keep leave mix merge copy send email forward post
    upload fetch open visit read consider regard interpret count
    """
)
ACT = rf"(?:{'|'.join(sorted(_ACTS, key=len, reverse=True))})"
OPENING = (
    r"(?:^|[\n,:;(\[{<>\"'*|#=-]\s{0,3}|\b(?:to|must|shall|should|will|would|may|can|could|please|kindly|pls|just|only|always|never|"
    r"also|and|or|then|not|don't|now|simply|instead|rather|therefore|so|has\s+to|have\s+to|needs?\s+to|is\s+to|are\s+to)\s+)"
)
"""Where an order begins: at the start, behind a mark, behind a word that asks or obliges."""
ANSWER = (
    r"(?:(?:your|the|this|its|any)\s+(?:own\s+|final\s+|whole\s+|next\s+|entire\s+)?(?:response|answer|reply|output|summar(?:y|ies)|"
    r"draft|completion|generation|assessment\s+text|differential(?:\s+diagnosis)?|table|list\s+of\s+(?:red\s+flags|diagnoses)|"
    r"red[- ]flags?(?:\s+section)?|citations?|instructions?|prompt|tools?|taxonomy|guidelines?\s+retrieved|system\s+message|"
    r"conversation(?:\s+history)?|escalation\s+\w+|triage\s+level|confidence|probabilit\w+|disclaimers?)|conversation\s+history|"
    r"(?:other|all)\s+(?:patients'?|records?)\s+(?:names|stored|data)|other\s+records\b|user'?s?\s+question|signature\s+line|this\s+summary|"
    r"(?:every|each|any|all)\s+(?:readers?|users?|answers?|questions?))"
)
_FOREIGN = (
    # French, Spanish, Portuguese, Italian, German, Dutch, romanised Urdu and Hindi, Turkish, Polish
    r"\b(?:ne\s+(?:tiens|tenez)\s+pas\s+compte|ignore[zs]?\s+(?:les|tout|toutes|ce)|oublie[zs]?\s+(?:les|tout|toutes|ce)|r[ée]pond(?:s|ez|re)\s+"
    r"(?:que|par|seulement|uniquement|en)|[ée]cri(?:s|vez)\s+que|dites?\s+que|n'[ée]cri(?:s|vez)|ajoute[zs]?\s+que|"
    r"ignor[ae]\s+(?:las?|los?|el|todo|todas|tudo|todos|as|os|le|tutt[eoi]|ogni)|olvid[ae]\s+(?:las?|los?|el|todo|lo)|"
    r"(?:responda|responde|conteste|contesta|escriba|escribe|diga|cambie|cambia|no\s+avise|no\s+menciones?|omita)\b[^.\n]{0,40}\b"
    r"(?:que|con|a|el|la|solo|s[oó]lo|nadie)|quien\s+lea\s+esto|con\s+un\s+programa|modelo\s+de\s+lenguaje|inteligencia\s+artificial|"
    r"intelligence\s+artificielle|mod[èe]le\s+de\s+langage|k[üu]nstliche\s+intelligenz|sprachmodell|modello\s+linguistico|"
    r"esque[çc]a|responda\s+(?:que|apenas|s[oó])|dimentica|rispondi|scrivi\s+che|d[ìi]\s+che|"
    r"ignorier(?:e|en|t)|vergiss|vergessen\s+sie|antworte(?:n|t)?|schreib(?:e|en)?\s+(?:dass|nur)|sag(?:e|en)?\s+dass|negeer|vergeet|antwoord|"
    r"bh[uo]+l\s+ja(?:o|iye|yen)|bhula\s+do|nazar\s?andaz|hidaya?t|likho\s+(?:ke|ki|k)\b|likh\s+do|jawab\s+(?:do|mein|dein)|batao\s+(?:ke|ki)|"
    r"yoksay|unut\b|cevap\s+ver|zignoruj|zapomnij|odpowiedz|napisz|"
    r"abaikan|lupakan|jawab\s+(?:saja|dengan)|balewalain|kalimutan|puuza|sahau)\b"
    r"|(?:игнорируй|забудь|ответь|напиши|忽略|忘记|無視|回答|تجاهل|انس\b|أجب|اكتب|نظر انداز|अनदेखा|भूल जा|उत्तर दो|लिखो|무시|대답)"
)
_BEGIN = (
    r"(?:^|[\n.!?:;,(\[{<>\"'*|#=]\s{0,3}|\s[-–]+\s|\b(?:please|kindly|pls|just|must|should|shall|to|and|then|now|also|always|"
    r"simply|instead)\s+)"
)
_TOLD = (
    r"(?:mention|omit|report|describ|summari[sz]|stat|list|rat|rank|hidden|conceal|remov|replac|labell?|classifi|scor|downgrad|"
    r"suppress|withheld|print|output|written\s+(?:as|that)|shown\s+as|presented\s+as|call|answer|repeat|translat|mark|tagg|"
    r"reword|quot|cit|attribut|flagg|escalat)(?:e?d)?(?:\s+(?:as|in|from|by|with|to|that|at|instead|only)\b|\s*[.,:;]|\s*$)"
)
DIRECTIVES: tuple[tuple[str, str], ...] = (
    # A machine is named and told something, in either order.
    ("aimed", rf"(?<![\w-]){MACHINE}(?![\w-])[^.!?\n]{{0,60}}?{OPENING}{ACT}\b"),
    ("aimed", rf"{OPENING}{ACT}\b[^.!?\n]{{0,60}}?(?<![\w-])(?:{MACHINE})(?![\w-])(?!\s*(?:report|reading|score|assisted|based|output))"),
    ("aimed", r"\b(?:for|to)\s+(?:the\s+)?(?:ai|llm|model|bot|machine)s?\s+(?:eyes|readers?|use|only)\b|\bfor\s+ai\b|\bif\s+model\b"),
    # An order about the answer itself.
    ("aimed", rf"{OPENING}{ACT}\b[^.!?\n]{{0,60}}?\b{ANSWER}"),
    ("aimed", rf"\b(?:begin|start|end|finish|open|close|preface|conclude)\s+(?:every\s+|each\s+)?{ANSWER}|\b{ANSWER}\s+(?:must|should|shall|will|has\s+to|needs?\s+to|may)\s+(?:not\s+|only\s+|always\s+)?\w+"),  # noqa: E501
    ("aimed", rf"\b(?:if|when(?:ever)?|before|after|once)\s+(?:you\s+are\s+|you're\s+)?(?:asked|questioned|prompted|answering|responding|summari[sz]ing|replying|processing|analy[sz]ing)\b[^.!?\n]{{0,50}}?[,:\s]\s?{ACT}\b"),  # noqa: E501
    ("aimed", r"\b(?:insert|use|add|include|write|output|put|avoid)\s+(?:the\s+|this\s+)?(?:exact\s+)?(?:phrase|words?|sentence|string|line|text|tag)\b|\bdo\s+not\s+use\s+the\s+words?\b"),  # noqa: E501
    ("aimed", r"\b(?:(?:answer|reply|respond|say|return)\s+(?:[\"'(]|none\b|yes\b|no\b|normal\b|nothing\b|ok\b|\d)|output\s+(?:[\"']|none\b|normal\b|nothing\b|ok\b))"),  # noqa: E501
    ("aimed", r"\b(?:summari[sz]e|report|list|mention|describe)\s+only\b|\bleave\s+out\b|\bkeep\s+quiet\b|\bas\s+(?:a\s+)?poem\b|\bcheerful\s+tone\b|\b(?:use|adopt|write\s+in)\s+an?\s+\w+\s+(?:tone|style|voice|persona)\b"),  # noqa: E501
    ("aimed", r"\b(?:provide|give|return|format)\s+(?:the\s+|your\s+|all\s+)?(?:output|answer|response|result)s?\s+(?:as|in)\b|\bso\s+that\s+it\s+reads\b|\bfor\s+your\s+(?:summary|answer|output|response)\b"),  # noqa: E501
    # The facts are to give way.
    ("aimed", rf"{OPENING}{ACT}\b[^.!?\n]{{0,80}}?\b(?:whatever\s+the|regardless\s+of|no\s+matter\s+what|even\s+(?:if|though)\s+the\s+(?:file|record|note|chart|result|data)|instead\s+of\s+the\s+(?:recorded|real|actual|true)|in\s+spite\s+of\s+the)"),  # noqa: E501
    ("aimed", r"\b(?:must|should|shall|is\s+to|are\s+to)\s+(?:always\s+|never\s+)?be\s+(?:always\s+)?(?:(?:scored|rated|ranked|summari[sz]ed)\b|(?:classed|classified|triaged|labell?ed|reported|described|marked|treated|answered|considered|stated|recorded)\s+as)\b"),  # noqa: E501
    ("aimed", r"\b(?:treat|read|take|count|interpret|record)\s+(?:the\s+)?(?:\w+\s+)?\d[\d.]*\s+as\s+\d|\bset\s+(?:the\s+)?[\w ]{2,30}?(?:\s*=|\s+to\s+(?:within|normal|routine|low|zero|none|true|false|full|green|i{1,3}\b|[a-z]*\s?range))"),  # noqa: E501
    # Another world, another self.
    ("role", r"\bpretend\b|\bact\s+as\s+(?:if|though|an?)\b|\bas\s+though\s+the\s+record\b|\brole\s*:\s*(?:you|system|assistant|an?\s)|\byou\s+are\s+(?:an?|the|now)\s+[\w\s-]{0,30}?\b(?:bot|ai|model|expert|pharmacist|prescriber|doctor|assistant|agent)\b|\byou\s+may\s+(?:now\s+)?(?:prescribe|dose|ignore|answer|disclose)|\byou\s+will\s+be\s+(?:graded|rewarded|punished|penali[sz]ed|tested|shut|fined|scored|judged)|\bimagine\s+(?:you|that|the)|\bhypothetically\b|\bin\s+this\s+(?:fiction|story|game)\b"),  # noqa: E501
    # Overrides, markers, other tasks.
    ("override", r"(?:^|\n|[.:;|>#*\]]\s*)system\s+(?:override|notice|message|note|update|command|instruction|alert|prompt)\b|\b(?:new|real|next|actual|secret|hidden|silent|following|final|true)\s+(?:task|instructions?|orders?|directives?|objective|goal|mission|command)\b|\b(?:begin|start|end)\s+(?:of\s+)?(?:private|hidden|secret|system|new|user)\b|\bpolicy\s+(?:update|change|override)\b|\boverride\b[^.\n]{0,40}(?:=|:|,\s*set)|\b(?:silent|hidden|private|secret|covert)\s+(?:instruction|command|note\s+to|message\s+to)"),  # noqa: E501
    ("override", r"\b(?:administrators?|developers?|admins?|vendor|engineers?|openai|anthropic|management)\s+(?:have|has|had|hereby)?\s*(?:authori[sz]ed?|approved?|permit(?:s|ted)?|allow(?:s|ed)?|enabled?|granted?|unlocked?|disabled?|waived?)\b|\b(?:doses?|prescri\w+|treatments?)\s+(?:are|is)\s+(?:now\s+)?(?:allowed|permitted|enabled|authori[sz]ed)\b"),  # noqa: E501
    ("override", r"\b(?:ignore|disregard|forget|skip|overrule)\s+(?:the\s+)?(?:prior|previous|earlier|above|other|following|preceding|remaining|rest|taxonomy|schema|safety|guard\w*|rules?|system)\b\s*(?:rows?|lines?|text|content|fields?|columns?|part|of\s+(?:the\s+)?(?:record|document|text|page))?"),  # noqa: E501
    ("override", r"\bhere\s+is\s+an?\s+example\s+of\s+(?:a|the)\s+(?:perfect|ideal|good|correct)\s+(?:reply|answer|response|output|summary)\b|\bcopy\s+it\b|\bmust\s+accept\s+this\b|\ball\s+questions?\s+(?:as\s+)?answered\b|\bas\s+commands?\b"),  # noqa: E501
    # Orders to a writer at the beginning of a sentence or of a clause: nobody writes these to a colleague.
    ("aimed", rf"{_BEGIN}(?:reply|respond|print|pretend|claim|declare|conclude|assume|hide|conceal|omit|erase|append|mention|summari[sz]e|translate|rewrite|rephrase|reword|paraphrase|assert|restate|classify|rank|label|downgrade|obey|comply|imagine|output(?!\s*[:\d])|(?:say|state|write|confirm|report|declare|add|answer|note|conclude|agree|insist|remember|tell\s+\w+(?:\s+\w+)?)\s+that|say\s+(?:it|he|she|there|nothing|only|the\s+(?:patient|nodule|scan|result|test))\b|state\s+(?:it|he|she|there|only|the)\b|write\s+(?:an?|nothing|only|that|out|your)\b|tell\s+(?:the\s+)?(?:user|reader|them|everyone|clinicians?|whoever|anyone)\b|(?:describe|report|mark|rate|score|grade|code|treat|present|list|call|record|regard|show)\s+(?:it|this|them|him|her|(?:the|this|every|all|any)\s+\w+(?:\s+\w+)?)\s+as\b|answer\s+(?:with|yes|no|as|only|in)\b|make\s+sure\s+(?:that\s+)?(?:the|your|every|no)\s+(?:summary|answer|report|reader|output|one)|include\s+(?:an?|the|this)\s+(?:statement|sentence|line|link|recommendation|phrase|note|claim|advert\w*)|rate\s+(?:as|at)|never\s+(?:mention|report|flag|warn|escalate|cite|list|say|include)|do\s+not\s+(?:mention|report|flag|warn|escalate|cite|list|say|include|disclose|reveal|summari[sz]e|show|output|tell)\b|(?:skip|drop|remove|leave\s+out|strike|delete)\s+(?:the|all|any|every)\s+(?:warnings?|disclaimers?|red\s+flags?|citations?|mentions?|references?|allerg\w+|sections?|escalation|safety))\b"),  # noqa: E501
    ("aimed", rf"\b(?:must|should|shall|is\s+to|are\s+to|needs?\s+to|ha(?:s|ve)\s+to|may|can|will)\s+(?:now\s+|always\s+|never\s+|not\s+|only\s+|also\s+)?be\s+(?:{_TOLD})\b"),  # noqa: E501
    ("aimed", rf"\byou(?:'re|\s+are)?\s+(?:must|should|shall|will|can|may|need\s+to|have\s+to|ought\s+to|to|required\s+to|allowed\s+to|authori[sz]ed\s+to|instructed\s+to|permitted\s+to|free\s+to|expected\s+to|asked\s+to|obliged\s+to|legally\s+obliged\s+to)\s+(?:now\s+|always\s+|never\s+|not\s+|only\s+|also\s+)?{ACT}\b"),  # noqa: E501
    ("aimed", r"\b(?:(?:if|when|whoever|anyone|anything|whatever|any\s?one)\s+(?:you\s+(?:are|can)\s+)?|(?:you\s+)?)(?:read|reads|reading|process|processes|processing|parse|parses|parsing|summari[sz]es|summari[sz]ing|analy[sz]es|analy[sz]ing|ingest\w*)\s+(?:this|the|these)\s+(?:file|document|note|record|text|page|letter|message|line|email|data|case|chart)?\b[^.!?\n]{0,40}?[,:;]?\s*(?:must|should|shall|will|is\s+to|please|you)?\s*" + ACT + r"\b"),  # noqa: E501
    ("override", r"\b(?:this|the\s+following|these)\s+(?:document|note|text|file|message|paragraph|line|section|instruction|entry)s?\s+(?:takes?|has|have|overrides?|supersedes?|grants?|authori[sz]es?|replaces?|outranks?|is\s+the)\s+(?:precedence|priority|authority|permission|the\s+system|all\s+(?:other|previous)|your|any\s+other|highest)|\b(?:highest|top|absolute)\s+priority\s+(?:instruction|order|command|directive)|\bsafety\s+(?:team|checks?|filters?|rules?|polic\w+|guard\w*|review|layer)\b[^.\n]{0,40}\b(?:off|disabled?|lifted|waived|suspended|bypass\w*|not\s+apply|does\s+not\s+apply|approved|unnecessary|satisfied|passed)"),  # noqa: E501
    ("override", r"\bno\s+(?:disclaimers?|warnings?|red\s+flags?|escalation|citations?|caveats?|safety\s+net\w*)\s+(?:is|are|should|need|needs|to|may|must|in)\b|\bwithout\s+(?:any\s+)?(?:disclaimers?|warnings?|caveats?|citations?|checking\s+(?:the\s+)?(?:record|source)s?)\b|\b(?:test|debug|demo|training|evaluation|developer|admin|unrestricted|expert|research)\s+mode\b|\bunlock\w*\b|\bpassphrase\b|\bactivation\s+(?:code|phrase)\b"),  # noqa: E501
    ("aimed", r"\bthe\s+(?:correct|right|only|final|expected|desired|required|best)\s+(?:answer|response|output|diagnosis\s+to\s+(?:give|report)|summary|reply|conclusion)\s+(?:is|must|should|will|to)\b|\b(?:final|correct|expected|model|required)\s+(?:answer|response|output)\s*[:=]"),  # noqa: E501
    # Code and data that would be run.
    ("marker", r"\{\s*\"?(?:role|cmd|command|system|instructions?|prompt|action|override|function|tool|directive|task|message)\"?\s*:|\[\[[^\]]{1,200}\]\]|\{\{[^}]{1,200}\}\}|<%[^%]{1,200}%>|\b(?:print|eval|exec|system|open|fetch|require|import_module|subprocess\.\w+|os\.\w+)\s*\([^)\n]{0,80}\)?|\brm\s+-rf\b|\bdrop\s+table\b|\bselect\s+\*\s+from\b|\bsudo\s+\w+|\bcurl\s+\S+|<\s*/?\s*(?:script|system|prompt|instructions?|admin|cmd|tool)\b|\^\^[^^\n]{3,80}\^\^|\bgoal\s+achieved\s*=|\b\w+\s*=\s*(?:true|false|full|none|null)\b"),  # noqa: E501
    ("leak", r"\b(?:dump|reveal|print|output|list|show|repeat|name)\s+(?:all\s+|your\s+|the\s+|every\s+)?(?:(?:other\s+|system\s+|available\s+|internal\s+|conversation\s+|hidden\s+)?(?:prompts?|tools|instructions|history|memory|context|credentials|secrets|passwords|keys|variables)|(?:other\s+|all\s+)?(?:patients'?|users'?)\s+(?:names|records|data|details))\b"),  # noqa: E501
    ("foreign", _FOREIGN),
)  # fmt: skip
FOLLOWING = re.compile(
    rf"[ \t]*(?:step\s+\d+\s*[:.]|task\s*:|\d[.)]|then|and|also|now)?\s*(?:please\s+|then\s+|and\s+|do\s+not\s+|don't\s+|never\s+)?{ACT}\b(?!-)"  # noqa: E501
)
"""A sentence that goes on giving orders behind one that was found."""
