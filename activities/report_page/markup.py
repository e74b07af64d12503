"""HTML from typed pieces: a string is text and is escaped, only ``Html`` is markup."""

import html
from collections.abc import Iterable
from typing import Final

from workflows.markdown import clean

LONGEST_TEXT: Final = 4000
"""Characters of one piece of text; a page with a string of a megabyte helps nobody."""
_VOID: Final = frozenset({"meta", "rect", "line", "br"})


class Html(str):
    """Markup that this package made."""

    __slots__ = ()


Child = str | Html | None | Iterable["Child"]


def text(value: str, limit: int = LONGEST_TEXT) -> Html:
    """Text word for word: nothing in it is markup, reorders or hides anything, or goes on without end."""
    left = len(value) - limit
    shown = clean(value[:limit]) + (f"… ({left} characters more)" if left > 0 else "")
    return Html(html.escape(shown, quote=True))


def tag(element: str, *children: Child, **attributes: str | float | None) -> Html:
    """One element; ``class_`` and ``aria_label`` become ``class`` and ``aria-label``, None leaves one out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if element in _VOID:
        return Html(f"<{element}{given}>" if element in {"meta", "br"} else f"<{element}{given}/>")
    return Html(f"<{element}{given}>{join(children)}</{element}>")


def join(children: Child) -> Html:
    """Pieces one after the other; None is nothing."""
    if children is None:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, str):
        return text(children)
    return Html("".join(join(child) for child in children))


def _attribute(value: str | float) -> Html:
    return text(value) if isinstance(value, str) else Html(f"{value:g}")


def section(identifier: str, title: str, *children: Child) -> Html:
    """A landmark with its heading."""
    heading = tag("h2", title, id=f"{identifier}-title")
    return tag("section", heading, *children, id=identifier, aria_labelledby=f"{identifier}-title")


def table(caption: str, headers: Iterable[str], rows: Iterable[Iterable[Child]]) -> Html:
    """A table whose first cell of a row names the row; on a phone each row is a block of its own."""
    names = list(headers)
    head = tag("tr", [tag("th", name, scope="col") for name in names])
    body = [tag("tr", _cells(names, row)) for row in rows]
    return tag("table", tag("caption", caption), tag("thead", head), tag("tbody", body))


def _cells(names: list[str], row: Iterable[Child]) -> list[Html]:
    cells = list(row)
    first = tag("th", cells[0], scope="row")
    return [first, *(tag("td", c, data_label=n) for n, c in zip(names[1:], cells[1:], strict=True))]


def bullets(items: Iterable[Child]) -> Html:
    """A list."""
    return tag("ul", [tag("li", item) for item in items])


def facts(pairs: Iterable[tuple[str, Child]]) -> Html:
    """Names and values; a pair without a value is left out."""
    shown = [(name, value) for name, value in pairs if value]
    return tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in shown])
