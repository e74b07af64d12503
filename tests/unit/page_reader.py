"""Reads a page as a browser's parser would, strictly: what is not nested as it was opened is an error."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "rect", "line", "br"}
INLINE_TEXT = {"style", "script"}


@dataclass
class Element:
    """One element with what is in it."""

    name: str
    attributes: dict[str, str]
    parent: "Element | None" = None
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def all(self, name: str = "") -> list["Element"]:
        """All descendants with this name, or all."""
        found = [child for child in self.children if not name or child.name == name]
        return found + [deeper for child in self.children for deeper in child.all(name)]

    @property
    def whole_text(self) -> str:
        """Its own text and that of everything in it."""
        return self.text + "".join(child.whole_text for child in self.children)


class PageReader(HTMLParser):
    """Builds the tree; raises where a tag ends that was not the one open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("document", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element opens."""
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} is given twice"
        element = Element(tag, {key: value or "" for key, value in attrs}, self.here)
        self.here.children.append(element)
        if tag not in VOID:
            self.here = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A void element of SVG."""
        assert tag in VOID, tag
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """It must be the one that is open."""
        assert self.here.name == tag, f"</{tag}> where <{self.here.name}> is open"
        assert self.here.parent is not None
        self.here = self.here.parent

    def handle_data(self, data: str) -> None:
        """Text belongs to the open element."""
        self.here.text += data

    def handle_comment(self, data: str) -> None:
        """We write none: one would be somebody else's."""
        raise AssertionError(f"a comment: {data[:80]}")


def read_page(page: bytes) -> Element:
    """The document as a tree."""
    reader = PageReader()
    reader.feed(page.decode())
    reader.close()
    assert reader.here is reader.root, f"<{reader.here.name}> never ends"
    return reader.root
