r"""How a known value may be written by the programs that print it: pure.

Covered: as it is and line by line; percent-encoded; JSON, also JSON in JSON; Python's and Go's quoting;
shell quoting; ``$$`` of Compose; HTML; hexadecimal; base64 of the value at any place of a longer text,
URL-safe and wrapped too. Not covered: what no longer is the value (a hash, reversed, in other case, packed or
encrypted), UTF-16, a value folded over lines at any column, and values of fewer than four characters.
"""

import base64
import html
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

MIN_LENGTH = 4
WHOLE_WORD_LENGTH = 8
"""Shorter values, and plain words below ``_LONG_WORD``, are masked only where they stand alone."""
_LONG_WORD = 16
_MIN_CORE = 10
"""Characters of base64 that are enough to tell a value: seven bytes."""
_MIN_HEX_BYTES = 6
_WRAPS = (64, 76)
_TRIVIAL = frozenset({"true", "false", "none", "null", "masked", "[masked]"})
_LINE_END = re.compile(r"[\r\n]")
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_SHELL_SPECIAL = re.compile(r"([^A-Za-z0-9_./,:@%+=-])")
_IN_DOUBLE_QUOTES = re.compile(r'([\\"$`])')


def worth_masking(value: str) -> bool:
    """Whether a value is long enough, and not a word such as ``true``."""
    return len(value.strip()) >= MIN_LENGTH and value.strip().lower() not in _TRIVIAL


def forms_of(value: str) -> dict[str, bool]:
    """Every form of a value -> whether it counts only where it stands alone."""
    found: dict[str, bool] = {}
    for part in dict.fromkeys((value.strip(), *map(str.strip, _LINE_END.split(value)))):
        if not worth_masking(part):
            continue
        word = len(part) < WHOLE_WORD_LENGTH or (part.isalpha() and len(part) < _LONG_WORD)
        found.setdefault(part, word)
        for form in (*_escaped(part), *_based(part)):
            if worth_masking(form):
                found.setdefault(form, len(form) < WHOLE_WORD_LENGTH)
    return found


def _escaped(part: str) -> Iterator[str]:
    """As text of some language."""
    for percent in (quote(part, safe=""), quote(part), quote_plus(part)):
        yield from (percent, _PERCENT.sub(lambda code: code.group().lower(), percent))
    for once in (json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1]):
        yield from (once, json.dumps(once)[1:-1], once.replace("'", "\\'"))
    yield from (repr(part)[1:-1], ascii(part)[1:-1], repr(_bytes(part))[2:-1])
    single = part.replace("'", "'\\''")
    yield from (single, part.replace("'", "'\"'\"'"), _IN_DOUBLE_QUOTES.sub(r"\\\1", part))
    yield from (_SHELL_SPECIAL.sub(r"\\\1", part), part.replace("$", "$$"))
    by_name = html.escape(part)
    yield from (by_name, by_name.replace("&#x27;", "&#39;").replace("&quot;", "&#34;"))
    yield html.escape(part, quote=False)


def _based(part: str) -> Iterator[str]:
    """In base64 and in hexadecimal."""
    raw = _bytes(part)
    for ended in (raw, raw + b"\n"):
        yield from _both(base64.b64encode(ended).decode())
    for before, first in ((0, 0), (1, 2), (2, 3)):  # where it begins within three bytes of a longer text
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        core = encoded[first : (before + len(raw)) * 8 // 6]
        if len(core) >= _MIN_CORE:
            yield from _both(core)
    whole = base64.b64encode(raw).decode().rstrip("=")
    for width in _WRAPS if len(whole) > min(_WRAPS) else ():
        lines = (whole[at : at + width] for at in range(0, len(whole), width))
        yield from (form for line in lines if len(line) >= _MIN_CORE for form in _both(line))
    if len(raw) >= _MIN_HEX_BYTES:
        yield from (raw.hex(), raw.hex().upper())


def _both(encoded: str) -> tuple[str, str]:
    return encoded, encoded.replace("+", "-").replace("/", "_")


def _bytes(part: str) -> bytes:
    return part.encode("utf-8", "surrogatepass")
