"""A unified diff, line by line; added and removed say so in signs as well as in colours."""

from typing import Final

from activities.report_page.markup import Html, tag, text

MOST_LINES: Final = 1000
_LONGEST_LINE: Final = 1000


def diff_view(diff: str) -> Html:
    """The diff; of a very long one the beginning, and a note where the rest is."""
    lines = diff.removesuffix("\n").split("\n")  # a form feed ends no line of a diff
    shown = [_line(line) for line in lines[:MOST_LINES]]
    box = tag(
        "pre", tag("code", shown), class_="diff", tabindex="0", role="region", aria_label="unified diff"
    )
    left = len(lines) - MOST_LINES
    if left <= 0:
        return box
    note = tag("p", f"{left} more lines are in patch.diff.", class_="note")
    return Html(box + note)


def _line(line: str) -> Html:
    return tag("span", text(line, _LONGEST_LINE), Html("\n"), class_=_kind(line))


def _kind(line: str) -> str | None:
    if line.startswith(("--- ", "+++ ", "diff ", "index ", "new file", "deleted file")):
        return "file"
    return {"+": "add", "-": "del", "@": "hunk"}.get(line[:1])
