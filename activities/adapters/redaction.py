"""No secret leaves (I5): masking of everything the orchestrator writes.

Two nets. Known values, read from the containers' and the project's own configuration, are masked
wherever they stand, also URL-encoded, JSON-escaped or in base64. Patterns (``secret_patterns``) catch
what nobody told us. All matching stays inside a line, so a stream cut anywhere is masked like the whole.
"""

import base64
import codecs
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus, unquote

from activities.adapters.secret_patterns import (
    KEY_BEGIN,
    KEY_END,
    MASK,
    is_secret_name,
    mask_patterns,
    pattern_spans,
    url_userinfo,
)

_TRIVIAL = frozenset({"true", "false", "none", "null", "masked"})
_MIN_LENGTH = 4
_WHOLE_WORD_LENGTH = 8
"""Shorter values, and plain words, are masked only where they stand alone: ``test`` not in ``pytest``."""
_MAX_HELD_CHARACTERS = 64 * 1024
_MIN_TAIL_CHARACTERS = 8 * 1024
_LINE_END = re.compile(r"[\r\n]")


def secrets_in(variables: Mapping[str, str]) -> frozenset[str]:
    """Values worth masking: those of secret-like names, and credentials inside any URL."""
    found: set[str] = set()
    for name, value in variables.items():
        if is_secret_name(name):
            found.add(value)
        for userinfo in url_userinfo(value):
            user, colon, password = userinfo.partition(":")
            secret = password if colon else user
            found |= {secret, unquote(secret)}
    return frozenset(value for value in found if _worth_masking(value))


class Redactor:
    """Masks known values and secret-looking text with ``[masked]``; masking twice changes nothing."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        forms = {form for value in values for form in _forms(value) if _worth_masking(form)}
        self._longest = max(map(len, forms), default=0)
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(_expression, ordered))) if ordered else None

    def text(self, text: str) -> str:
        """The text with every secret masked; line ends are kept."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return mask_patterns(text)

    def stream(self) -> "StreamRedactor":
        """A redactor for output that arrives in pieces."""
        return StreamRedactor(self, max(_MIN_TAIL_CHARACTERS, 2 * self._longest))

    def safe_cut(self, text: str, cut: int) -> int:
        """The last place up to ``cut`` where the text may be split without splitting a secret."""
        spans = list(pattern_spans(text))
        if self._known is not None:
            spans += [match.span() for match in self._known.finditer(text)]
        for start, end in sorted(spans, reverse=True):
            if start < cut < end:
                cut = start
        return cut


@dataclass
class StreamRedactor:
    """Holds back the unfinished line, or of a very long one the end; so no secret slips through a cut."""

    redactor: Redactor
    tail_characters: int
    _held: str = ""
    _in_key: bool = False
    _in_endless: bool = False
    """Inside a secret longer than all that may be held back: dropped up to the next blank."""
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("surrogateescape")
    )

    def feed(self, data: bytes) -> bytes:
        """Take a piece; return what may be written by now."""
        self._held += self._rest(self._decoder.decode(data))
        cut = max(self._held.rfind("\n"), self._held.rfind("\r")) + 1
        if cut == 0 and len(self._held) > _MAX_HELD_CHARACTERS + self.tail_characters:
            cut = self.redactor.safe_cut(self._held, len(self._held) - self.tail_characters)
            self._in_endless = cut == 0
            cut = cut or len(self._held)
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._masked(ready)

    def finish(self) -> bytes:
        """What was still held back."""
        ready, self._held = self._held + self._decoder.decode(b"", final=True), ""
        return self._masked(ready)

    def _rest(self, text: str) -> str:
        """What follows an endless secret."""
        if not self._in_endless:
            return text
        blank = re.search(r"\s", text)
        self._in_endless = blank is None
        return text[blank.start() :] if blank else ""

    def _masked(self, text: str) -> bytes:
        """Masks also a private key whose lines arrive one by one."""
        if not text:
            return b""
        if self._in_key:
            end = KEY_END.search(text)
            if end is None:
                return b""
            self._in_key, text = False, text[end.end() :]
        begun = [match.end() for match in KEY_BEGIN.finditer(text)]
        self._in_key = bool(begun) and KEY_END.search(text, begun[-1]) is None
        tail = "\n" if self._in_key else ""
        return (self.redactor.text(text) + tail).encode("utf-8", "surrogateescape")


def _forms(value: str) -> Iterable[str]:
    """A value as it may be written: as it is, each of its lines, and in the usual encodings."""
    for line in _LINE_END.split(value):
        part = line.strip()
        if not _worth_masking(part):
            continue
        yield from (part, quote(part, safe=""), quote(part), quote_plus(part), json.dumps(part)[1:-1])
        yield base64.b64encode(part.encode("utf-8", "surrogateescape")).decode()


def _worth_masking(value: str) -> bool:
    return len(value.strip()) >= _MIN_LENGTH and value.strip().lower() not in _TRIVIAL


def _expression(form: str) -> str:
    if len(form) < _WHOLE_WORD_LENGTH or form.isalpha():
        return rf"(?<![A-Za-z0-9]){re.escape(form)}(?![A-Za-z0-9])"
    return re.escape(form)
