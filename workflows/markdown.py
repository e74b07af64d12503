"""Text from elsewhere, made fit for markdown: shown word for word, never obeyed.

Instructions, log lines, names and messages are written by others. A renderer makes links even of bare
addresses, also of escaped ones; only code keeps them plain. So whatever is more than plain words is code.
"""

import re
from typing import Final

_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""Control characters, and those that reorder, hide or join text."""

_PLAIN: Final = re.compile(r"(?!\d+[.)])[^\W_](?:[^\W_]|(?<=[^\W_])_(?=[^\W_])|[ ,;.()'\"/%=+#…-]|:(?!/))*")
"""Words that no markdown renderer reads as anything else; an address needs a colon, an at sign or ``www``."""

_TICKS: Final = re.compile("`+")
_MOST_TICKS: Final = 3
_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9\[][^\s<>\"'`\\()|\x00-\x20\x7f-\U0010ffff]{1,2000}")


def clean(text: str) -> str:
    """Newlines and tabs stay; every other control or hidden character becomes visible."""
    return _UNSAFE.sub(_visible, text.replace("\r\n", "\n"))


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def cut(text: str, limit: int) -> str:
    """At most ``limit`` bytes of UTF-8, with an ellipsis where something is missing."""
    raw = text.encode()
    if len(raw) <= limit:
        return text
    return raw[: limit - 3].decode(errors="ignore").rstrip() + "…"


def one_line(text: str, limit: int) -> str:
    """The text as one clean line of at most ``limit`` bytes."""
    return cut(" ".join(clean(text[: 4 * limit]).split()), limit)


def words(text: str, limit: int = 200) -> str:
    """The text inside a sentence or a table cell: plain words as they are, anything else as code."""
    line = one_line(text, limit)
    if _PLAIN.fullmatch(line) and "www." not in line.lower():
        return line
    return code(line, limit)


def code(text: str, limit: int = 200) -> str:
    """The text as code in a line, at most ``limit`` bytes; a bar would end a table's cell and is broken."""
    line = one_line(text, limit).replace("|", "¦")
    line = cut(_TICKS.sub(lambda run: run[0] if len(run[0]) <= _MOST_TICKS else "```…", line), limit - 10)
    if not line:
        return ""
    ticks = "`" * (max(map(len, _TICKS.findall(line)), default=0) + 1)
    space = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def command(line: str) -> str:
    """Something to type, whole, as code in a line of its own: a renderer wraps it and it can be copied."""
    shown = clean(line).replace("\n", " ").replace("\t", " ")
    ticks = "`" * (max(map(len, _TICKS.findall(shown)), default=0) + 1)
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{ticks}{space}{shown}{space}{ticks}"


def fence(text: str, language: str, limit: int) -> list[str]:
    """Lines of a fenced block that nothing in the text can end; whole lines, at most ``limit`` bytes."""
    kept, size = [], 0
    lines = clean(text[: 4 * limit]).rstrip("\n").split("\n")
    for line in lines:
        size += len(line.encode()) + 1
        if size > limit:
            break
        kept.append(line)
    if not kept:
        kept = [cut(lines[0], limit)]
    ticks = "`" * max(3, max(map(len, _TICKS.findall("\n".join(kept))), default=0) + 1)
    note = [] if kept == lines and len(text) <= 4 * limit else ["", "*cut here; it goes on*"]
    return [f"{ticks}{language}", *kept, ticks, *note]


def link(name: str, address: str) -> str:
    """A link to an http address of ours; where it could be anything else, name and address as code."""
    label = words(name, 80)
    if _ADDRESS.fullmatch(address):
        return f"[{label}](<{address}>)"
    return f"{label} at {code(address, 300)}" if address else label
