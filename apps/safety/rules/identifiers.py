"""How names, numbers and addresses of people are written, and the capitalised words that are none."""

from __future__ import annotations

import re

from apps.safety.rules.words import words

EPONYMS = frozenset(
    words(
        """
        parkinson crohn wells glasgow alzheimer hodgkin graves addison cushing down turner marfan kawasaki raynaud
        sjogren sjögren bell murphy mcburney babinski romberg kernig brudzinski hartmann ringer foley doppler holter
        apgar barrett behcet bowen brugada burkitt charcot child-pugh chvostek trousseau colles dupuytren epstein barr
        ewing fallot fournier gilbert goodpasture guillain barre barré henoch schonlein hirschsprung horner huntington
        kaposi korsakoff wernicke kussmaul lambert eaton lewy lyme mallory weiss marie meniere ménière osgood
        schlatter paget peyronie pott prader willi reiter reye rinne weber rovsing stevens johnson takayasu tourette
        virchow waldenstrom whipple wilms wilson wolff zollinger ellison ehlers danlos hashimoto quervain tay sachs
        bartholin baker becker duchenne gram coombs schilling well rorschach homan homans cullen grey turner levine
        beck kehr perthes legg calvé still felty caplan sheehan conn gleason breslow clark dukes ann arbor canadian
        york heart fontaine rutherford ranson bishop manchester edinburgh norton waterlow braden barthel rankin
        mallampati cormack centor blatchford rockall child pugh san francisco ottawa canadian-c boston kings king
        thomas ct mri mount sinai hampton hill light kerley osler janeway roth heberden bouchard adams stokes cheyne
        biot austin flint graham steell corrigan quincke duroziez argyll robertson adie
        """
    )
)
NEVER = frozenset(
    words(
        """
        the a an he she they his her their this that no not and or but with without on in at for from to of by is was
        has had have pain fever cough chest abdominal patient history review plan examination exam past medical social
        family drug allergies medications medication current presenting complaint impression assessment diagnosis
        blood pressure heart rate respiratory temperature oxygen saturation today yesterday monday tuesday wednesday
        thursday friday saturday sunday january february march april may june july august september october november
        december unit ward hospital clinic emergency department accident intensive care disease syndrome sign score
        scale test criteria lymphoma palsy fracture rule coma type stage grade class hepatitis covid influenza english
        spanish french british american european asian african caucasian indian chinese caribbean muslim christian
        jewish reports reported denies presents presented states says lives works who which there since after before
        when while gp nhs icu consultant registrar nurse doctor surgeon physician team mother father son daughter wife
        husband brother sister aunt uncle partner carer
        """
    )
)
_MONTHS = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = (
    rf"(?:\d{{1,2}}[/.\-]\d{{1,2}}[/.\-](?:19|20)?\d{{2}}|(?:19|20)\d{{2}}-\d{{2}}-\d{{2}}|"
    rf"\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTHS},?\s+(?:19|20)\d{{2}}|{_MONTHS}\s+\d{{1,2}}(?:st|"
    rf"nd|rd|th)?,?\s+(?:19|20)\d{{2}})"
)
UP, LOW = (
    "A-ZÀ-ÖØ-ÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮİĴĶĹĻĽĿŁŃŅŇŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽ",
    "a-zß-öø-ÿāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįıĵķĺļľŀłńņňōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷźżž",
)
WORD = rf"(?:Mc|Mac)[A-Z][a-z]+(?:['’\-][{UP}{LOW}]+)*|[{UP}]['’][{UP}][{LOW}]+|[{UP}][{LOW}]+(?:['’\-][{UP}{LOW}]+)*"
_NAME = (
    rf"(?:{WORD}|[A-Z]\.)(?:[ \t]+(?:{WORD}|[A-Z]\.?(?=\s+[A-Z])|(?:van|von|de|der|den|"
    rf"del|da|di|bin|al|el|la|le|ter|dos)(?=\s+[A-Z]))){{0,3}}"
)

_CAP = rf"(?:{WORD}|[A-Z]{{2,4}})"
_STREETS = (
    "Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Close|Court|Ct|Crescent|Cres|Way|Place|Pl|Gardens|Gdns|Terrace|Boulevard|Blvd|"
    "Square|Sq|Grove|Mews|Hill|Park|Row|Parade|Highway|Bank|Rise|View|Green|Yard|Wharf|Quay|Path|Walk|Circle|Trail|Parkway|Pike|"
    "Loop|Dock|Mead|Meadows?|Fields?|Vale|Gate|Fold|End|Cottages?|House|Villas?|Estate|Heights|Lodge|Farm|Buildings|Croft|Mill|"
    "Common|Cross|Circus|Esplanade|Promenade|Ridge|Landing|Alley|Plaza|Turnpike|Strand"
)
_LOCALITY = (
    rf"(?:,?\s*(?:Apt\.?|Suite|Flat|Unit|Floor)\s*\w+)?(?:,\s*(?:\d{{4,6}}\s+)?(?:{_CAP})(?:\s+(?:of\s+|upon\s+|le\s+|la\s+|de\s+)?{_CAP}){{0,2}}(?=\s*(?:[.,;:)\n]|$|\s\d|\s[A-Z]{{1,2}}\d|\s(?:has|had|with|takes|is|was|who|and|on|tel|phone|uses|since|lives|attends|attended|presents|presented|reports|complains|seen|for|said|says)\b))"
    rf"(?:\s+(?:[A-Z]{{1,2}}\d[A-Z\d]?\s?\d[A-Z]{{2}}|\d{{4,6}}(?:-\d{{4}})?))?){{0,3}}"
)
_LABELS = (
    r"(?:no|nr|num|number|id|ident\w*|ref(?:erence)?|code|badge|bracelet|plate|reg(?:istration)?|licen[cs]e|passport|account|acc|"
    r"employee|staff|student|roll|sample|specimen|barcode|file|folder|historia|historial|expediente|carte|dossier|codice|"
    r"matricule|hkid|nric|pnc|mrn|chi|nhs|medicare|medicaid|vitale|hosp(?:ital)?|record|case|claim|card|member|policy|insurance|"
    r"ext|extension|bleep|pager|user(?:name)?|login|handle|serial|device|implant|lot|order|invoice|tax|vat|pesel|cpf|dni|nie|"
    r"bsn|aadhaar|curp|cnic|ssn|sin|tfn|pin|iban|vin|imei|mac)"
)
STRUCTURED: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("EMAIL", re.compile(r"\b[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]{2,}\b")),
    (
        "URL",
        re.compile(
            r"(?<![\w.@])@[A-Za-z0-9_.]{2,}[A-Za-z0-9_]|(?i:\b(?:user(?:name)?|login|handle)\b\s*[:=]?\s*)(?P<id>[A-Za-z_.]*[A-Za-z]\w*\d\w*)"
        ),
    ),
    ("ID", re.compile(r"\b[A-Z]{2}\d{2}\s?[A-Z]{3}\b(?!\s?/)|\b\d{6}/\d{3,4}\b")),
    ("DOB", re.compile(rf"(?i:\b(?:b|geb|d\.\s?o\.\s?b)\.\s*)(?P<id>(?i:{_DATE}))")),
    # A code behind the word that says what it is.
    (
        "ID",
        re.compile(
            rf"(?i:\b{_LABELS}\b\.?\s*(?:no\b|nr\b|number\b|code\b|id\b|is\b)?\.?\s*[:#=]?\s*)(?P<id>#?(?=[\w/().-]*\d[\w/().-]*\d)(?=[\w/().-]{{4}})[A-Z0-9][A-Z0-9/.-]*(?:\([A-Z0-9]\))?(?:[ ]\d{{1,6}}){{0,8}})(?![\w.]*\s?(?:mg|ml|mmol|g/|%))"  # noqa: E501
        ),
    ),
    ("ID", re.compile(r"(?:#|r\.\s?č\.\s*)(?P<id>\d[\d/-]{2,})")),
    # Letters and digits that no measurement has: five digits or more, or long and mixed.
    (
        "ID",
        re.compile(
            r"(?<![\w.,/-])(?=(?:[^\s\d]{0,6}\d){5})(?=[^\s]{0,40}[A-Z/-])(?![cgpmnr]\.)(?!\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b)(?!\d{4}-\d{2}-\d{2}\b)(?!(?:[\d.]+[/-])+[\d.]+(?![\w/]))[A-Z0-9][A-Z0-9/-]{3,40}(?:\([A-Z0-9]\))?(?![\w.])"
        ),
    ),
    ("ID", re.compile(r"\b(?=[A-Z0-9]*\d[A-Z0-9]*\d[A-Z0-9]*\d)(?=(?:[A-Z0-9]*[A-Z]){4})[A-Z0-9]{10,24}\b")),
    # Groups of digits with a blank, dot or hyphen between: eight digits or more are a number to call or a number of a person.
    (
        "PHONE",
        re.compile(
            r"(?<![\w.,/-])\+?(?=(?:[\s().-]{0,2}\d){8})\(?\d{1,6}\)?(?:[ ]\d{1,6}|[.-]\d{2,6}(?=[ .-]\d)|(?<=\d{3})[.-]\d{2,6}){2,8}(?![\w/]|\.\d|\s?(?:mg|ml|mmol|%|mm))"  # noqa: E501
        ),
    ),
    ("URL", re.compile(r"\b(?:https?://|www\.)[^\s<>\"')]+", re.IGNORECASE)),
    (
        "ID",
        re.compile(
            r"(?i:\b(?:nhs|mrn|hospital|patient|unit|record|chart|hosp|medical\s+record|case|"
            r"ssn|social\s+security|passport|licen[cs]e|insurance|policy|member|account|chi|h&c|"
            r"medicare|medicaid|curp|cnic|aadhaar|national|id)\b[\s.]*(?:number|no\.?|num|id|"
            r"#|nr)?\s*(?:is\s+)?[:#=]?\s*)(?P<id>(?=[A-Z0-9\-/ ]*\d[A-Z0-9\-/ ]*\d)[A-Z]{0,4}[-/]?\d[\dA-Z\-/]{3,18}("
            r"?:[ -]\d{3,4}){0,3})"
        ),
    ),
    ("ID", re.compile(r"\b\d{3}-\d{2}-\d{4}\b")),
    ("ID", re.compile(r"\b\d{3}[ -]\d{3}[ -]\d{4}\b(?=[^\d]|$)")),
    (
        "ID",
        re.compile(
            r"\b(?:[A-Z]{2}\d{2}[ ]?(?:[A-Z0-9]{4}[ ]?){2,7}[A-Z0-9]{1,4}|(?:\d{4}[ -]?){3}\d{3,4}|"
            r"\d{10,19}|[A-Z]{2}\s?\d{2}\s?\d{2}\s?\d{2}\s?[A-D])\b"
        ),
    ),
    ("ID", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")),
    (
        "PHONE",
        re.compile(
            r"(?i:\b(?:tel|telephone|phone|mobile|mob|cell|fax|call(?:ed)?(?:\s+on)?|contact|"
            r"ring|number|bleep|pager|ext)\b\.?\s*(?:number|no\.?|is)?\s*(?:on|at)?\s*[:#]?\s*)(?P<id>\+?\(?\d[\d\s()."
            r"\-]{4,18}\d)"
        ),
    ),
    (
        "PHONE",
        re.compile(
            r"(?<![\w.])(?:\+\d{1,3}[\s.\-]?(?:\(0\))?[\s.\-]?\(?\d{1,5}\)?(?:[\s.\-]?\d{2,5}){2,4}|"
            r"\(\d{2,5}\)\s?\d{3,4}[\s.\-]?\d{3,4}|0\d{2,4}[\s.\-]\d{3,4}[\s.\-]?\d{3,4}|0\d{9,10}|"
            r"\d{3}[.\-]\d{3}[.\-]\d{4})(?![\w])"
        ),
    ),
    (
        "DOB",
        re.compile(
            rf"(?i:\b(?:d\.?o\.?b\.?|b\.|n[ée]e?\s+le|geb\.|nacid[oa]|date\s+of\s+birth|born(?:\s+on)?|birth\s?date|birthday)\b\s*[:=-]?\s*(?:is\s+)?)(?"
            rf"P<id>(?i:{_DATE}))"
        ),
    ),
    (
        "ADDRESS",
        re.compile(
            rf"(?:\b(?:Flat|Apt\.?|Apartment|Unit|Suite|Room)\s+\w+,?\s+)?(?<![\d.])\d{{1,5}}(?:[/-]\d{{1,4}})?[a-zA-Z]?,?\s+(?:{_CAP}\s+|St\.?\s+){{1,4}}"
            rf"(?:{_STREETS})\b\.?{_LOCALITY}"
        ),
    ),
    (
        "ADDRESS",
        re.compile(
            rf"\b\w+(?:stra(?:ß|ss)e|str\.|allee|weg|gasse|platz|gade|gatan|vej|straat|laan|utca)\s+\d+\w?{_LOCALITY}"
        ),
    ),
    (
        "ADDRESS",
        re.compile(
            rf"\b(?:\d{{1,4}},?\s+)?(?:[Rr]ue|[Aa]venue|[Bb]oulevard|Via|Viale|Piazza|Calle|Avenida|Av\.|Jr\.|Jir[oó]n|Plaza|Paseo|Rua|Travessa|ul\.|"
            rf"[Uu]lica|Jalan|Jl\.|Croft|Villa|Casa)\s+(?:(?:de|del|la|le|des|du|da|do|di)\s+){{0,2}}(?:{_CAP}\s*){{0,3}}\s*,?\s*\d+\w?{_LOCALITY}"
        ),
    ),
    (
        "ADDRESS",
        re.compile(
            rf"(?i:\b(?:lives?|living|resides?|residing|domiciled|home)\s+(?:at|near|on)\s+)(?P<id>(?:\d+\w?,?\s+)?{_CAP}(?:\s+{_CAP}){{0,4}}{_LOCALITY})"
        ),
    ),
    (
        "ORG",
        re.compile(
            rf"\b(?:University|College|School|Academy|Church|Church|Bank)\s+of\s+(?:the\s+)?{_CAP}(?:\s+{_CAP}){{0,2}}|"
            rf"\b(?:St\.?\s+)?(?:{_CAP}(?:['’]s)?\s+){{1,4}}(?:Ltd|Limited|Inc|LLC|LLP|PLC|plc|GmbH|AG|S\.?A\.?|S\.?L\.?|d\.o\.o\.|s\.r\.o\.|Sdn\s+Bhd|Pty|Corp(?:oration)?|"
            rf"Co\.|(?:Primary|Secondary|High|Grammar|Infant|Junior|Nursery|Middle)?\s?School|Academy|College|Nursery|University|"
            rf"(?:Care|Nursing|Residential|Retirement)\s+Home|Steelworks|Foundry|Brewery|Bakery|Shipyard|Logistics|Haulage|"
            rf"Supermarket|presbytery|Presbytery|Monastery|Convent|Barracks|Prison|Lodge|Manor|House)(?!\w){_LOCALITY}"
            rf"|(?i:\b(?:works?|worked|employed|working|student|pupil|teacher|resident|health)\s+(?:at|for|with|of)\s+(?:the\s+)?)(?P<id>{_CAP}(?:\s+(?:of\s+)?{_CAP}){{0,3}})"
        ),
    ),
    # A number and names of places, where an address stands, without a word for "street"; and the order of the continent.
    (
        "ADDRESS",
        re.compile(
            rf"(?:(?<=, )|(?<=\bat )|(?<=\bnear )|(?<=\bof )|(?<=\()|(?<=\n)|(?<=: ))\d{{1,5}}[A-Za-z]?(?:[/-]\d+)?,?\s+"
            rf"[{UP}][{LOW}]{{3,}}(?:\s+{_CAP}){{0,3}}(?=,\s*[{UP}]){_LOCALITY}"
        ),
    ),
    (
        "ADDRESS",
        re.compile(
            rf"\b[{UP}][{LOW}]{{3,}}(?:\s+{_CAP}){{0,2}}\s+\d{{1,4}}[a-z]?,?\s+\d{{4,6}}\s+{_CAP}(?:\s+{_CAP})?"
        ),
    ),
    ("ADDRESS", re.compile(r"(?<=, )[A-Z]{2}\s+\d{5}(?:-\d{4})?\b")),
    (
        "PHONE",
        re.compile(r"(?i:\b(?:on|at|text|whatsapp|sms|reach\w*)\s+)(?P<id>\d{3,4}[ -]\d{4}|\d{2}[ -]\d{6})(?![\w.])"),
    ),
    ("ADDRESS", re.compile(r"\b(?:[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2})\b")),
    (
        "ADDRESS",
        re.compile(
            rf"\b(?:[Ff]lat|[Aa]pt\.?|[Aa]partment|[Uu]nit|[Ss]uite)?\s*(?:\d{{1,5}}[a-zA-Z]?,?\s+)(?:(?:{WORD}|"
            rf"\d{{1,4}}(?:st|nd|rd|th)?|St\.?|[NSEW]\.?)\s+){{1,4}}(?:Street|St|Road|Rd|Avenue|"
            rf"Ave|Lane|Ln|Drive|Dr|Close|Court|Ct|Crescent|Way|Place|Pl|Gardens|Terrace|Boulevard|"
            rf"Blvd|Square|Grove|Mews|Hill|Park|Row|Parade|Highway)\b\.?(?:,?\s*(?:Apt\.?|Suite|"
            rf"Flat|Unit|Floor)\s*\w+)?(?:,\s*{WORD}(?:\s+{WORD})?)?(?:,?\s*[A-Z]{{2}}\s+\d{{5}}(?:-\d{{4}})?)?"
        ),
    ),
    (
        "ADDRESS",
        re.compile(
            r"(?i:\b(?:address|lives\s+at|resid(?:es|ing)\s+at|located\s+at|home\s+address|addr)\b\s*(?:is|"
            r":)?\s*)(?P<id>(?:\d|[A-Z])[^\n.;]{5,80})"
        ),
    ),
    (
        "ADDRESS",
        re.compile(
            r"\bP\.?O\.?\s?Box\s+\d+\b|\b[A-Z]{2}\s+\d{5}(?:-\d{4})\b|(?i:\bzip(?:\s*code)?\s*[:#]?\s*)(?P<id>\d{5}(?:"
            r"-\d{4})?)\b"
        ),
    ),
)
TITLE = (
    r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Dame|Rev|Reverend|Father|Fr|Imam|Rabbi|Pastor|Sister|Nurse|Doctor|Master|"
    r"Aunty|Auntie|Uncle|Capt|Captain|Sgt|Cllr|Hon|PC|RN|SN|HCA|Midwife|"
    r"Sr|Sra|Señor|Señora|Herr|Frau|Mme|Madame|Monsieur)\.?"
)
NAME_CUES: tuple[re.Pattern[str], ...] = (
    re.compile(rf"\b(?P<cue>{TITLE})[ \t]+(?P<id>{_NAME})"),
    re.compile(
        rf"(?P<cue>(?i:\b(?:name|surname|forename|patient\s+name|pt\s+name|full\s+name|next\s+of\s+kin|"
        rf"nok|named|called|known\s+as|signed|seen\s+by|reviewed\s+by|referred\s+by|discussed\s+with|"
        rf"d/w|my\s+name\s+is|i\s+am|i'm|this\s+is|from|dear|regards|sincerely|cc|author|contact|"
        rf"under|spoke\s+(?:to|with)|consultant|registrar|gp|carer|witness(?:ed\s+by)?|accompanied\s+by)\b)\s*(?:is"
        rf"|:|=|,|-)?\s*(?:(?:his|her|the|their|consultant|{TITLE})\s+){{0,2}})(?P<id>{_NAME})"
    ),
    re.compile(
        rf"(?P<cue>(?i:\b(?:pt|patient|client|resident|baby|infant|child|mother|father|mum|"
        rf"mom|dad|son|daughter|wife|husband|partner|brother|sister|aunt|uncle|niece|nephew|"
        rf"cousin|grandson|granddaughter|grandmother|grandfather|friend|neighbou?r|carer|fianc[ée]e?|"
        rf"spouse|girlfriend|boyfriend|guardian|dr|nurse)\b)(?:\s*\(|,?\s+(?:is\s+|named\s+|"
        rf"called\s+)?))(?P<id>{_NAME})"
    ),
)
