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
WORD = rf"Mc[A-Z][a-z]+|Mac[A-Z][a-z]+|[{UP}]['’][{UP}][{LOW}]+|[{UP}][{LOW}]+(?:['’\-][{UP}{LOW}]+)*"
_NAME = (
    rf"(?:{WORD}|[A-Z]\.)(?:[ \t]+(?:{WORD}|[A-Z]\.?(?=\s+[A-Z])|(?:van|von|de|der|den|"
    rf"del|da|di|bin|al|el|la|le|ter|dos)(?=\s+[A-Z]))){{0,3}}"
)

STRUCTURED: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("EMAIL", re.compile(r"\b[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]{2,}\b")),
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
            rf"(?i:\b(?:d\.?o\.?b\.?|date\s+of\s+birth|born(?:\s+on)?|birth\s?date|birthday)\b\s*[:=-]?\s*(?:is\s+)?)(?"
            rf"P<id>(?i:{_DATE}))"
        ),
    ),
    ("ADDRESS", re.compile(r"\b(?:[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2})\b")),
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
    r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Dame|Rev|Sister|Nurse|Doctor|Master|"
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
