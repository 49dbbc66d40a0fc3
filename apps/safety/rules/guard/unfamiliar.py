"""Words that no list knows: in the place of a medicine they are judged as one.

A new brand, a foreign name or an invented one cannot be in any lexicon. What can be known is the rest of
the language: a word that is neither English nor medical by its list or by its ending is unfamiliar.
"""

from __future__ import annotations

import re
from functools import lru_cache

from apps.safety.rules.guard.lexicon import Mention, lexicon

SHORTEST = 5
# Endings of diseases, findings, procedures, bodies, specialities and plain derivation; no medicine is named so.
_SAFE = re.compile(
    r"(?:itis|itides|osis|oses|osic|aemi[ac]|emi[ac]|oma|omas|omata|omatous|path(?:y|ies|ic)|ectom(?:y|ies)|"
    r"otom(?:y|ies)|ostom(?:y|ies)|plast(?:y|ies|ic)|scop(?:y|ies|ic|e)|graph(?:y|ies|ic|s)?|grams?|log(?:y|ies|ist|ists|ic|ical)|"
    r"algi[ac]|uri[ac]|peni[ac]|plegi[ac]|pares[ie]s|paretic|rrh?o?ea|rrhoeal|rrhag(?:e|ic|ia)|rrhaphy|genic|genesis|megaly|"
    r"troph(?:y|ies|ic)|phob(?:ia|ic)|phili[ac]|lys[ie]s|lytic|stenotic|sclerotic|asthenia|aesthesia|esthesia|kines(?:ia|is)|"
    r"phagi[ac]|phasi[ac]|phoni[ac]|plasi[ac]|arthri[ac]|pnoea|pnea|pnoeic|tension|tensive|cardi[ac]|cephal(?:y|us|ic)|"
    r"oedema|edema|oedematous|spasm|spasms|cele|ptosis|ptysis|desis|pexy|centesis|metry|metric|therap(?:y|ies|ist|ists)|"
    r"iatr(?:y|ic|ics|ist|ician)|ology|oscop\w+|ectasi[as]|ectatic|cytes?|cytic|blasts?|philic|phil|phils|globulins?|"
    r"ations?|itions?|ctions?|ssions?|usions?|ments?|ness(?:es)?|ful|less|ably|ibly|able|ible|ously|ingly|edly|ically|"
    r"isms?|ists?|ised|ized|ising|izing|isation|ization|ously|ious|eous|uous|onous|inous|erous|orous|alous|ical|"
    r"[lntvr]ial|eal|ual|[rnm]al|gic|tic|ric|nic|mic|sic|fic|bic|dic|pic|[aeiou]tory|ive|ives|y[sz]e[sd]?|i[sz]e[sd]?|ivity|ility|ality|osity|icity|ancy|ency|"
    r"ward|wards|wise|ship|ships|hood|like|shaped|sided|based|related|induced|onset|free|"
    r"coccus|cocci|coccal|bacter|bacteri(?:a|um|al)|ella|ellae|virus(?:es)?|viridae|viral|mycetes|myces|plasma|spor(?:a|um)|"
    r"ae|oides|oideum|aris|alis|orum|arum|ensis|icus|icum|ica|osus|osum|osa|ivus|iform|oid|oids|oidal|aneous|aceous)$"
)
_PREFIX = re.compile(
    r"^(?:anti|non|post|pre|peri|para|hyper|hypo|neo|intra|inter|extra|sub|supra|super|trans|multi|poly|micro|macro|"
    r"neuro|cardio|gastro|hepato|nephro|pneumo|haemo|hemo|broncho|angio|arterio|cerebro|crypto|osteo|myo|re|un|over|under|"
    r"de|dis|mis|co|bi|tri|uni|auto|bio|electro|echo|fibro|immuno|lympho|onco|ortho|patho|psycho|radio|retro|semi|thrombo|"
    r"tracheo|uretero|vaso|veno|ventriculo|cyto|endo|exo|ecto|epi|hetero|homo|iso|mal|mono|oligo|pan|photo|physio|"
    r"tele|toxo|ultra|vesico|femoro|ilio|lumbo|costo|sterno|temporo|fronto|occipito|naso|oro|atrio|aorto|cranio)-?"
)
_INFLECTED = re.compile(r"(?:'s|s|es|ed|ing|er|ers|ly|y|d)$")


@lru_cache(maxsize=50_000)
def unfamiliar(word: str) -> bool:
    """True for a word that neither the English list, the clinical one nor its form explains."""
    if len(word) < SHORTEST or not word.isalpha() or _SAFE.search(word):
        return False
    return not parts_known(word)


def parts_known(word: str) -> bool:
    """The word itself is known, or what is left of it without an inflection or a prefix."""
    lex = lexicon()
    if lex.known_word(word) or lex.clinical_word(word):
        return True
    stem = _INFLECTED.sub("", word)
    for form in {stem, stem + "e", stem[:-1] if stem[-1:] == stem[-2:-1] else stem, _british(word), _british(stem)}:
        if len(form) >= 4 and (lex.known_word(form) or lex.clinical_word(form)):
            return True
    rest = _PREFIX.sub("", word)
    return rest != word and len(rest) >= 4 and (lex.known_word(rest) or lex.clinical_word(rest))


def _british(word: str) -> str:
    """ "Oesophagus" as "esophagus", "catheterised" as "catheterized"."""
    return re.sub(r"is(?=e|ing|ation)", "iz", word.replace("ae", "e").replace("oe", "e").replace("our", "or"))


_TITLED = re.compile(
    r"\b(?:mr|mrs|ms|miss|mx|dr|doctor|prof|professor|sister|nurse|consultant|surname|named|called|by|under|st|von|van|de)\.?"
    r"\s+(?:[a-z]\.?\s+)?$"
)
_EPONYM = re.compile(
    r"(?:'s|s')?[\s-]+(?:(?!(?:for|the|a|an|of|to|in|and|or|with|at|on|is|as|if|until|when|by|then)\b)[\w']+[\s-]+){0,2}?(?:diseases?|syndromes?|signs?|tests?|scores?|criteri\w+|scales?|index|indices|rules?|stag(?:e|es|ing)|"
    r"grad(?:e|es|ing)|classif\w+|classes|man(?:o?eu|eu)v(?:er|re)s?|procedures?|fractures?|pals(?:y|ies)|\w*path(?:y|ies)|\w*itis|\w*osis|\w*oma|"
    r"h?a?ematomas?|tumou?rs?|an[ae]+mia|viruses|virus|infections?|fever|antibod\w+|antigens?|genes?|mutations?|positive|negative|"
    r"hospitals?|wards?|clinics?|centres?|centers?|units?|practices?|surger(?:y|ies)|road|street|roads?|protocols?|pathways?|guidelines?|"
    r"study|trials|questionnaires?|tool|position|reflex(?:es)?|nodes?|nodules?|spots?|lines?|rings?|hernias?|ulcers?|cysts?|bod(?:y|ies)|"
    r"cells?|tubes?|catheters?|drains?|collars?|splints?|frames?|gait|tremors?|chorea|triad|phenomen(?:on|a)|effect|law|canal|ligament|"
    r"disorders?|deformit(?:y|ies)|malformation|contractures?|lesions?|rash|purpura|block|waves?|complex|intervals?)\b"
)
_WORD = re.compile(r"(?<![\w'@./])[a-z]{5,}(?![\w@/]|-[a-z]{4,})")


def has_unfamiliar(text: str) -> bool:
    """True when a cleaned text holds a word that no list knows."""
    return any(unfamiliar(match.group()) for match in _WORD.finditer(text))


def unfamiliar_mentions(text: str, found: list[Mention]) -> list[Mention]:
    """Unfamiliar words of a cleaned text that are neither a person's name nor part of an eponym."""
    taken = [(m.start, m.end) for m in found]
    return [
        Mention(match.start(), match.end(), "U", match.group(), "unfamiliar")
        for match in _WORD.finditer(text)
        if unfamiliar(match.group())
        and not any(start < match.end() and match.start() < end for start, end in taken)
        and not _TITLED.search(text[max(0, match.start() - 24) : match.start()])
        and not _EPONYM.match(text, match.end())
    ]
