"""The operator's text as one plain line, and what can hide in a text (FR-002, I1)."""

import re
import unicodedata

from workflows.package_phrases import unsupported

_COURTESY = re.compile(
    r"^(?:(?:please|pls|kindly|now|just|hi|hello|hey|(?:can|could|would|will) you|i (?:want|need|would "
    r"like) (?:you )?to"
    r"|id like (?:you )?to|lets|go ahead and)\b[\s,]*)+"
    r"|(?:[\s,]*\b(?:please|now|thanks|thank you|for me|asap))+$",
    re.IGNORECASE,
)
_SECOND_JOB = re.compile(r"[;|&]|\{\{|<!--|\\[nrtux]|\$[({]|<\(|\.\./")
_TYPOGRAPHIC = frozenset("\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u00a0\u00b7\u00ab\u00bb")


def one_sentence(text: str) -> str:
    """The plain sentence; what could hide a second job, or something else than it shows, is refused.

    A repair does not read every word, so ``repair api; restart store`` must not end as half of what it says.
    """
    if hidden := next((c for c in text if not (c.isprintable() or c.isspace())), None):
        raise unsupported(f"it holds the invisible character U+{ord(hidden):04X}")
    if strange := next((c for c in text if _looks_like_another(c)), None):
        raise unsupported(
            f"it holds U+{ord(strange):04X}, which looks like something else; type plain letters"
        )
    if len([line for line in text.splitlines() if line.strip()]) > 1:
        raise unsupported("it has more than one line; one run takes one plain sentence")
    sentence = plain(text)
    if second := _SECOND_JOB.search(text):
        raise unsupported(f"{second[0]!r} is not understood; one run takes one plain sentence")
    return sentence


def _looks_like_another(character: str) -> bool:
    """Letters of other alphabets, wide and combined forms: a name in them is not the name it shows."""
    if character.isascii() or character in _TYPOGRAPHIC or character.isspace():
        return False
    foreign = character.isalnum() and not unicodedata.name(character, "").startswith("LATIN ")
    return (
        foreign
        or unicodedata.combining(character) > 0
        or unicodedata.normalize("NFKC", character) != character
    )


def plain(text: str) -> str:
    """One line, without quotes, possessives, courtesies and end marks."""
    unquoted = re.sub(r"['\u2019]s\b", "", text)
    unquoted = re.sub(r"[`\"'\u2018\u2019\u201c\u201d\u00ab\u00bb]", "", unquoted)
    line = " ".join(unquoted.split()).rstrip(" .!?;,\u2026")
    return _COURTESY.sub("", _COURTESY.sub("", line)).strip(" ,")
