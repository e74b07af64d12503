"""An error as an operator meets it: code and cause, then what to type."""

from rich.text import Text

from starter.rendering.style import plain
from starter.rendering.text import clean, one_line
from workflows.errors import CATALOGUE


def error_text(code: str, message: str, remedy: str) -> Text:
    """``code: message`` and, below it, the remedy behind an arrow."""
    text = plain(f"{one_line(code)}: {clean(message).strip()}")
    text.stylize("bold red", 0, len(one_line(code)) + 1)
    if remedy:
        text.append(f"\n→ {clean(remedy).strip()}")
    return text


def remedy_of(code: str | None) -> str:
    """The catalogue's remedy where it needs no facts of the case."""
    entry = CATALOGUE.get(code or "")
    return entry.remedy if entry is not None and "{" not in entry.remedy else ""
