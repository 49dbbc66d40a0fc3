"""Is a finding asserted, denied, past, someone else's or only feared? ConText-style cues within one sentence."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from medassist.llm.reference.lexicon import Mention
from medassist.llm.reference.text import Token

Status = Literal["present", "absent", "past", "family", "hypothetical"]

REACH = 14
"""How many words back a denial may stand."""
_OPENING = frozenset({"there", "is", "was", "has", "had", "he", "she", "patient", "the", "but", "and"})
_ADDS = frozenset({"for", "with"})
_DENY = frozenset(
    [
        "no",
        "not",
        "denies",
        "denied",
        "deny",
        "denying",
        "without",
        "never",
        "nor",
        "nil",
        "negative",
        "free",
        "absent",
        "neither",
        "none",
    ]
)
_NOT_A_DENIAL = frozenset(
    [
        "only",
        "relieved",
        "relief",
        "improv",
        "resolv",
        "settl",
        "gone",
        "chang",
        "better",
        "respond",
        "help",
        "eas",
        "sur",
        "certain",
        "longer",
        "clear",
        "known",
        "doubt",
    ]
)
_ENDS_DENIAL = frozenset(
    [
        "but",
        "however",
        "although",
        "though",
        "except",
        "apart",
        "despite",
        "because",
        "since",
        "reports",
        "reported",
        "reporting",
        "complains",
        "presents",
        "presented",
        "presenting",
        "developed",
        "develops",
        "noticed",
        "notes",
        "admits",
        "describes",
        "now",
        "then",
        "instead",
        "has",
        "is",
        "are",
        "was",
        "were",
        "had",
        "became",
        "started",
        "came",
        "feels",
        "felt",
        "looks",
        "appears",
        "which",
        "when",
        "while",
        "where",
        "after",
        "before",
    ]
)
_AFTER = frozenset(["denied", "absent", "negative", "nil", "none", "excluded", "unremarkable", "normal"])
_FAMILY = frozenset(
    [
        "mother",
        "father",
        "brother",
        "sister",
        "aunt",
        "uncle",
        "grandmother",
        "grandfather",
        "parent",
        "parents",
        "cousin",
        "family",
        "sibling",
    ]
)
_FAMILY_HAS = frozenset({"had", "has", "died", "with", "diagnosed", "history", "suffers", "suffered"})
_MAYBE = frozenset(["if", "should", "worried", "concerned", "fears", "afraid", "risk", "wonders", "query", "possible"])
_PAST = frozenset({"previous", "previously", "past", "prior", "childhood", "former"})


def status_of(mention: Mention, tokens: list[Token]) -> Status:
    """How the record speaks of the finding at `mention`."""
    part = tokens[mention.first].part
    start = mention.first
    while start > 0 and tokens[start - 1].part == part:
        start -= 1
    before = tokens[start : mention.first]
    if _denied_before(before, tokens[mention.first : mention.last + 2]) or _denied_after(mention, tokens):
        return "absent"
    words = [token.word for token in before]
    if _is_family(words):
        return "family"
    if any(word in _MAYBE for word in words[-6:]):
        return "hypothetical"
    if any(word in _PAST for word in words[-4:]) or words[-2:] == ["history", "of"] or _ago(mention, tokens):
        return "past"
    return "present"


def _denied_before(before: list[Token], mention: list[Token]) -> bool:
    # Walk back from the finding: a cue denies it unless a new statement begins in between.
    commas = int(mention[0].comma)
    timed = len(mention) > 1 and mention[-1].word in {"for", "since", "x", "over"}
    for index in range(len(before) - 1, max(0, len(before) - REACH) - 1, -1):
        word = before[index].word
        if _is_cue(word):
            following = before[index + 1].stem if index + 1 < len(before) else ""
            if following in _NOT_A_DENIAL or (word == "free" and following != "of"):
                return False
            return commas == 0 or (not timed and _lists(before, index))
        if _starts_anew(before, index):
            return False
        commas += before[index].comma
    return False


def _is_cue(word: str) -> bool:
    return word in _DENY or word.endswith(("n't", "n’t"))


def _starts_anew(before: list[Token], index: int) -> bool:
    word = before[index].word
    if word in _ENDS_DENIAL:
        return index == 0 or not _is_cue(before[index - 1].word)  # "has not had any fever" goes on
    return word in _ADDS and index < len(before) - 2 and not _or_follows(before, index)


def _lists(before: list[Token], index: int) -> bool:
    """Does a denial reach over commas? "Denies a, b, c" and "no a, b or c" do; "pain, no fever, cough" does not."""
    if before[index].word.startswith("den") or _or_follows(before, index):
        return True
    return before[index].word in {"no", "nil", "negative"} and all(token.word in _OPENING for token in before[:index])


def _or_follows(before: list[Token], index: int) -> bool:
    return any(token.word in {"or", "nor"} for token in before[index + 1 :])


def _denied_after(mention: Mention, tokens: list[Token]) -> bool:
    part = tokens[mention.last].part
    following = [token.word for token in tokens[mention.last + 1 : mention.last + 4] if token.part == part]
    if not following:
        return False
    if following[0] in _AFTER:
        return True
    if following[0] in {"is", "was", "were", "are"} and len(following) > 1:
        return following[1] in _AFTER or (
            following[1] == "not" and len(following) > 2 and following[2] in {"present", "found", "seen"}
        )
    return following[:2] == ["ruled", "out"]


def _is_family(words: list[str]) -> bool:
    relatives = [index for index, word in enumerate(words) if word.removesuffix("'s") in _FAMILY]
    if not relatives:
        return False
    said = words[relatives[-1] + 1 :]
    own = any(word in {"and", "but"} and following in {"he", "she", "patient"} for word, following in pairwise(said))
    return not own and any(word in _FAMILY_HAS for word in said)


def _ago(mention: Mention, tokens: list[Token]) -> bool:
    part = tokens[mention.last].part
    following = [token.word for token in tokens[mention.last + 1 : mention.last + 6] if token.part == part]
    return "ago" in following and bool({"years", "year"} & set(following))
