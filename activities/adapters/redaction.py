"""No secret leaves (I5): masking of everything the orchestrator writes.

Two nets. Known values, read from the configuration of containers and project and from the worker's own
environment, are masked wherever they stand, in every form of ``secret_forms``. Patterns (``secret_patterns``)
catch what nobody told us. All matching is on bytes and stays inside a line, so a stream cut anywhere is
masked like the whole. Colours and other control codes hide nothing: a line that has a secret without them
loses them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ahocorasick_rs import BytesAhoCorasick

from activities.adapters.secret_forms import forms_of
from activities.adapters.secret_patterns import KEY_BEGIN, KEY_END, MASK, mask_patterns, pattern_spans

_MASK = MASK.encode()
_MAX_HELD_BYTES = 64 * 1024
_MIN_TAIL_BYTES = 8 * 1024
_UNFINISHED_CODE_BYTES = 64
_BLANK = re.compile(rb"\s")
_LINE_END = re.compile(rb"[\r\n]+|\Z")
_ALNUM = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_CONTROLS = bytes(byte for byte in range(0x20) if byte not in b"\t\n\r") + b"\x7f"
_CONTROL = re.compile(b"[" + re.escape(_CONTROLS) + b"]")
_INVISIBLE = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\r\n]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]"
    rb"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
"""Colours and other commands to a terminal, and control characters: they are not seen, but split a value."""


class Redactor:
    """Masks known values and secret-looking text with ``[masked]``; linear in the text."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values = frozenset(values)
        forms: dict[bytes, bool] = {}
        for value in sorted(self.values):
            for form, alone in forms_of(value).items():
                raw, _ = _encoded(form)
                forms[raw] = forms.get(raw, True) and alone
        self._alone = tuple(forms.values())
        self._longest = max(map(len, forms), default=0)
        self._known = BytesAhoCorasick(list(forms)) if forms else None

    def text(self, text: str) -> str:
        """The text with every secret masked; line ends are kept."""
        if not text:
            return text
        raw, errors = _encoded(text)
        masked = self.data(raw)
        return text if masked is raw else masked.decode("utf-8", errors)

    def data(self, data: bytes) -> bytes:
        """The same for bytes, in any encoding that keeps ASCII; the very object where all is well."""
        masked = data
        if len(data.translate(None, _CONTROLS)) != len(data):
            masked = self._seen_through(data)
        return self._masked(masked)

    def stream(self) -> "StreamRedactor":
        """A redactor for output that arrives in pieces."""
        return StreamRedactor(self, max(_MIN_TAIL_BYTES, 2 * self._longest))

    def safe_cut(self, data: bytes, cut: int) -> int:
        """The last place up to ``cut`` where the data may be split without splitting a secret."""
        spans = [*pattern_spans(data.decode("latin-1")), *self._spans(data)]
        for start, end in sorted(spans, reverse=True):
            if start < cut < end:
                cut = start
        return cut

    def _masked(self, data: bytes) -> bytes:
        out, position = [], 0
        for start, end in self._spans(data):
            out += [data[position:start], _MASK]
            position = end
        return mask_patterns(b"".join([*out, data[position:]]) if out else data)

    def _spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where known values stand; those that overlap count as one."""
        found = [] if self._known is None else self._known.find_matches_as_indexes(data, overlapping=True)
        spans = sorted((s, e) for form, s, e in found if not self._alone[form] or _stands_alone(data, s, e))
        begun: tuple[int, int] | None = None
        for start, end in spans:
            if begun is not None and start < begun[1]:
                begun = (begun[0], max(begun[1], end))
                continue
            if begun is not None:
                yield begun
            begun = (start, end)
        if begun is not None:
            yield begun

    def _seen_through(self, data: bytes) -> bytes:
        """Without the control codes of those lines that have a secret; a key has several lines."""
        out, position, key = [], 0, KEY_BEGIN.search(data) is not None
        while (control := _CONTROL.search(data, position)) and not key:
            start = max(
                data.rfind(b"\n", position, control.start()), data.rfind(b"\r", position, control.start())
            )
            start = position if start < 0 else start + 1
            end = _line_end(data, control.end())
            line = self._line_seen_through(data[start:end])
            key = KEY_BEGIN.search(_INVISIBLE.sub(b"", data[start:end])) is not None
            out += [data[position:start], line]
            position = end
        return _INVISIBLE.sub(b"", data) if key else b"".join([*out, data[position:]])

    def _line_seen_through(self, line: bytes) -> bytes:
        seen = _INVISIBLE.sub(b"", line)
        return line if seen == line or self._masked(seen) == seen else seen


@dataclass
class StreamRedactor:
    """Holds back the unfinished line, or of a very long one the end; so no secret slips through a cut."""

    redactor: Redactor
    tail_bytes: int
    _held: bytes = b""
    _in_key: bool = False
    _in_endless: bool = False
    """Inside a secret longer than all that may be held back: dropped up to the next blank."""

    def feed(self, data: bytes) -> bytes:
        """Take a piece; return what may be written by now."""
        self._held += self._rest(data)
        cut = max(self._held.rfind(b"\n"), self._held.rfind(b"\r")) + 1
        if cut == 0 and len(self._held) > _MAX_HELD_BYTES + self.tail_bytes:
            self._held = _shown(self._held)
            cut = self.redactor.safe_cut(self._held, max(0, len(self._held) - self.tail_bytes))
            self._in_endless = cut == 0 and len(self._held) > _MAX_HELD_BYTES
            cut = len(self._held) if self._in_endless else cut
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._masked(ready)

    def finish(self) -> bytes:
        """What was still held back."""
        ready, self._held = self._held, b""
        return self._masked(ready)

    def _rest(self, data: bytes) -> bytes:
        """What follows an endless secret."""
        if not self._in_endless:
            return data
        blank = _BLANK.search(data)
        self._in_endless = blank is None
        return data[blank.start() :] if blank else b""

    def _masked(self, data: bytes) -> bytes:
        """Masks also a private key whose lines arrive one by one."""
        if not data:
            return b""
        if self._in_key:
            end = KEY_END.search(data)
            if end is None:
                return b""
            self._in_key, data = False, data[end.end() :]
        begun = [match.end() for match in KEY_BEGIN.finditer(data)]
        self._in_key = bool(begun) and KEY_END.search(data, begun[-1]) is None
        return self.redactor.data(data) + (b"\n" if self._in_key else b"")


def _line_end(data: bytes, position: int) -> int:
    """The end of the line, its line ends included."""
    end = _LINE_END.search(data, position)
    return len(data) if end is None else end.end()


def _shown(line: bytes) -> bytes:
    """A very long line without control codes, but for one that may not be whole yet."""
    last = line.rfind(b"\x1b", max(0, len(line) - _UNFINISHED_CODE_BYTES))
    end = len(line) if last < 0 else last
    return _INVISIBLE.sub(b"", line[:end]) + line[end:]


def _stands_alone(data: bytes, start: int, end: int) -> bool:
    before, after = data[start - 1 : start] if start else b"", data[end : end + 1]
    return not (before and before[0] in _ALNUM) and not (after and after[0] in _ALNUM)


def _encoded(text: str) -> tuple[bytes, str]:
    """The bytes, and how to read them again: bytes that were no text come back as what they were."""
    try:
        return text.encode("utf-8", "surrogateescape"), "surrogateescape"
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass"), "surrogatepass"
