"""Shell text cut into simple commands whose words know where they stand in the file.

Just enough shell to find `apt-get install a b` and to extend it; nothing is ever executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_OPERATOR = re.compile(r"&>>?|\d*(?:>>|>&|<&|>\||<>|<<<|<<-?|>|<)|&&|\|\||;;|[;&|()\n]")
_PLAIN = re.compile(r"(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|\\.|[^\s])+")
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")
_COMPOUND = frozenset({"if", "for", "while", "until", "case", "select", "function"})
_KEYWORDS = frozenset({"then", "else", "elif", "do", "fi", "done", "esac", "!", "{", "}", "time"})
_WRAPPERS = frozenset({"sudo", "exec", "command", "env", "nice", "eatmydata"})


@dataclass(frozen=True)
class Word:
    """One word: its value without quotes, and the offsets of its raw text in the file."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Command:
    """One simple command of a script; `conditional` where the script has branches or loops."""

    words: tuple[Word, ...]
    conditional: bool = False

    @property
    def texts(self) -> list[str]:
        """The words without positions."""
        return [word.text for word in self.words]


@dataclass(frozen=True)
class Script:
    """Shell text and, per character, its offset in the file."""

    chars: str
    offsets: Sequence[int]

    def word(self, start: int, end: int) -> Word:
        """The word at `start..end` of `chars`."""
        return Word(_unquote(self.chars[start:end]), self.offsets[start], self.offsets[end - 1] + 1)


def commands(script: Script) -> list[Command]:
    """The simple commands of `script` in order, without assignments, wrappers and redirections."""
    groups: list[list[Word]] = [[]]
    redirected = False
    for token in _tokens(script):
        if isinstance(token, Word):
            if not redirected:
                groups[-1].append(token)
            redirected = False
        elif token.strip("0123456789")[:1] in ("<", ">") or token.startswith("&>"):
            redirected = True
        else:
            groups.append([])
            redirected = False
    conditional = any(group and group[0].text in _COMPOUND for group in groups)
    stripped = (_strip(group) for group in groups)
    return [Command(tuple(group), conditional) for group in stripped if group]


def plain_words(text: str) -> list[str]:
    """Words as Docker itself cuts them: at blanks, quotes kept together and taken off."""
    return [_unquote(raw) for raw in _PLAIN.findall(text)]


def _tokens(script: Script) -> Iterator[Word | str]:
    chars, position, size = script.chars, 0, len(script.chars)
    while position < size:
        char = chars[position]
        if char in " \t\r" or chars.startswith(("\\\n", "\\\r\n"), position):
            position += 1 if char != "\\" else chars.index("\n", position) - position + 1
        elif char == "#":
            position = _find(chars, "\n", position)
        elif operator := _OPERATOR.match(chars, position):
            yield operator.group()
            position = operator.end()
        else:
            end = _word_end(chars, position)
            yield script.word(position, end)
            position = end


def _word_end(chars: str, position: int) -> int:
    size = len(chars)
    while position < size:
        char = chars[position]
        if char in " \t\r\n;&|<>()" or chars.startswith(("\\\n", "\\\r\n"), position):
            break
        position = _skip(chars, position)
    return min(position, size)


def _skip(chars: str, position: int) -> int:
    """The position behind one unit of a word: a character, an escape, a quote, a substitution."""
    char = chars[position]
    if char == "\\":
        return position + 2
    if char in "'`":
        return _find(chars, char, position + 1) + 1
    if char == '"':
        return _closing(chars, position + 1, '"')
    if chars.startswith("$(", position):
        return _closing(chars, position + 2, ")")
    if chars.startswith("${", position):
        return _find(chars, "}", position + 2) + 1
    return position + 1


def _closing(chars: str, position: int, closer: str) -> int:
    """Behind the `closer` of a quote or substitution; nested ones are stepped over."""
    while position < len(chars) and chars[position] != closer:
        if closer == '"' and chars[position] == "'":
            position += 1
        elif closer == ")" and chars[position] == "(":
            position = _closing(chars, position + 1, ")")
        else:
            position = _skip(chars, position)
    return position + 1


def _find(chars: str, wanted: str, position: int) -> int:
    found = chars.find(wanted, position)
    return len(chars) if found < 0 else found


def _unquote(raw: str) -> str:
    """The value of a word whose quotes are plain; substitutions stay as written."""
    if "$(" in raw or "`" in raw:
        return raw
    raw = re.sub(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"", lambda m: m[1] if m[1] is not None else m[2], raw)
    return re.sub(r"\\(.)", r"\1", raw)


def _strip(group: list[Word]) -> list[Word]:
    """Without leading keywords, wrappers and assignments."""
    start = 0
    while start < len(group):
        text = group[start].text
        wrapped = start > 0 and group[start - 1].text in _WRAPPERS and text.startswith("-")
        if not (
            text in _KEYWORDS or text in _COMPOUND or text in _WRAPPERS or _ASSIGNMENT.match(text) or wrapped
        ):
            break
        start += 1
    return group[start:]
