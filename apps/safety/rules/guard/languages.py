"""Tells English from the other languages that a model might slip into; those are closed unless a clinic opens them."""

from __future__ import annotations

import re

from apps.safety.rules.words import words

# Frequent function words and words of giving that are not English words.
_WORDS: dict[str, frozenset[str]] = {
    "es": frozenset(
        words(
            "el los las una unos del al que para por con cada dia dias tome toma tomar tomen "
            "dele darle administre administrar inyecte empezar empiece suspenda suspender aumente "
            "aumentar reduzca debe pastillas pastilla tableta tabletas horas noche manana veces "
            "dosis y su sus es esta paciente si como mas muy hay fue antes despues comidas dolor "
            "medicamento recomienda continue-con siga cuando hasta durante usar puede tiene "
            "le lo se aplique comience iniciar inicie dar de en la"
        )
    ),
    "ur": frozenset(
        words(
            "goli goliyan dawai dawa dein dena lein lena lijiye dijiye karein karen karna khana "
            "khaye khayen khilayen din mein me ek do teen chaar baar ke ki ka ko se hai hain "
            "aur subah sham shaam raat dopahar roz shuru band rozana mareez khali pait pet liye "
            "baad pehle har ghante ghanta kam zyada dugni aadhi lagayen lagaein pilayen piyen "
            "jaye jaise wala wali bhi nahi agar kal aaj phir tak kha lo le len lagao den do"
        )
    ),
    "fr": frozenset(
        words(
            "le les une des du et est pour par avec fois jour jours prendre prenez donner donnez "
            "comprime comprimes matin soir heures toutes pendant arreter commencer augmenter "
            "sur dans votre vous medicament de la il elle ne pas au aux"
        )
    ),
    "de": frozenset(
        words(
            "der das und ist fur mit taglich nehmen sie geben eine einen zweimal dreimal morgens "
            "abends tablette tabletten stunden alle tage dosis bei zum nicht den dem einmal"
        )
    ),
    "pt": frozenset(
        words(
            "os as uma dos das para por com cada dia dias tomar tome comprimido comprimidos "
            "vezes noite manha dose nao sao ao e em o de do da se"
        )
    ),
    "it": frozenset(
        words(
            "il gli una dei della per con ogni giorno giorni prendere prenda compressa compresse "
            "volte notte mattina sera ore dose non sono al e di da"
        )
    ),
}
_ENGLISH = frozenset(
    words(
        "the of and to in is was with for on at from has had have are were be been no not "
        "this that patient he she his her they it by as an or after before which there who "
        "pain year old history since without while given may can should must take give start "
        "stop"
    )
)
_SHARED = frozenset(words("a me do in on an as is to per no so e o y den das den die der le la de"))


def foreign_language(unit: str) -> str | None:
    """The code of another language when its words outweigh the English ones; None for English or unclear."""
    words = re.findall(r"[a-z]+", unit)
    if len(words) < 2:
        return None
    english = sum(word in _ENGLISH for word in words)
    if english >= 0.5 * len(words):
        return None
    best, score = None, 0
    for code, listed in _WORDS.items():
        strong = sum(word in listed and word not in _SHARED for word in words)
        weak = sum(word in listed for word in words)
        if strong >= 2 and weak > score:
            best, score = code, weak
    return best if score >= 2 and score > english and score >= 0.3 * len(words) else None
