"""Guesses a text's language from its commonest words and its script; "und" (undetermined) when they do not tell."""

from __future__ import annotations

import re
from collections import Counter

_SAMPLE_CHARACTERS = 60_000
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")

_COMMON = {
    "en": "the of and to in is for with that are be was by or from this as not on should at an have has were which",
    "es": "el la los las de del y en que es para con por una un se su al más pero como no lo o está ser",
    "fr": "le la les des et en du que est pour avec par une un dans sur pas au aux ou ce cette sont être il",
    "de": "der die das und ist nicht mit von zu den dem ein eine für auf bei im werden sich oder auch als bis des wird",
    "it": "il lo gli le di del della e che è per con una un in sono non si da al alla dei nel più o ai",
    "pt": "o os as de do da e em que é para com por uma um não se ao à dos das no na mais ou são",
    "nl": "de het een en van is dat niet met voor op te in zijn bij aan wordt door als of ook naar om tot",
    "ca": "el la els les de del i en que és per amb una un no als o més dels a són ha aquest aquesta amb",
    "pl": "i w na z do się nie jest że o od przez po dla jak oraz lub są co to za ale przy być",
    "sv": "och i att det som en på är av för med till den inte om ett har vid kan eller ska från de hos",
}
_SETS = {language: frozenset(words.split()) for language, words in _COMMON.items()}

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("uk", re.compile(r"[іїєґ]", re.IGNORECASE)),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)


def guess(text: str) -> str:
    """The middle of a long text is asked: beginnings are titles and names."""
    middle = max(0, len(text) // 2 - _SAMPLE_CHARACTERS // 2)
    sample = text[middle : middle + _SAMPLE_CHARACTERS].lower()
    letters = sum(map(str.isalpha, sample))
    for language, script in _SCRIPTS:
        # Japanese mixes its own letters with Chinese ones, Ukrainian its own with those of Russian.
        share = 0.02 if language in {"ja", "uk"} else 0.5
        if letters and len(script.findall(sample)) > share * letters:
            return language
    words = Counter(_WORD.findall(sample))
    total = sum(words.values())
    scores = sorted(((sum(words[word] for word in common), name) for name, common in _SETS.items()), reverse=True)
    (best, language), (second, _) = scores[0], scores[1]
    different = sum(word in words for word in _SETS[language])
    clear = different >= 3 and best >= 0.08 * total and best > 1.2 * second
    return language if clear else "und"
