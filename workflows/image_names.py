"""Image references and what images are made of: pure syntax (I1)."""

import re
from dataclasses import dataclass

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})+|localhost)(?::\d{{1,5}})?"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_REFERENCE = re.compile(
    rf"(?P<path>(?:{_HOST}/)?{_PART}(?:/{_PART})*)(?::(?P<tag>{_TAG}))?(?P<digest>@sha256:[0-9a-f]{{64}})?",
    re.ASCII,
)
_LONGEST = 400
_VERSION = re.compile(r"\d+(?:\.\d+){0,2}", re.ASCII)
_LEADING_VERSION = re.compile(r"^\d+(?:\.\d+)*(?:(?:a|b|rc)\d+)?(?=$|[-_])")
_MOVING = frozenset({"", "latest", "lts", "stable", "current"})
_MOVING_BEFORE_VARIANT = re.compile(r"^(?:lts|latest|stable|current)-")

RUNTIMES = {
    "python": "python", "node": "node", "nodejs": "node", "node.js": "node", "ruby": "ruby", "go": "golang",
    "golang": "golang", "php": "php", "java": "java", "jdk": "java", "openjdk": "java", "rust": "rust",
    "debian": "debian", "ubuntu": "ubuntu", "alpine": "alpine",
}  # fmt: skip
"""What an image may be made of, as people say it."""
_REPOSITORIES = {"java": ("eclipse-temurin", "openjdk", "amazoncorretto")}


@dataclass(frozen=True, slots=True)
class Image:
    """A reference in parts; ``tag`` '' where none is written."""

    path: str
    tag: str = ""
    digest: str = ""

    @property
    def repository(self) -> str:
        """The last part of the path: ``python`` of ``registry.example.org/library/python``."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def exact(self) -> bool:
        """Whether it names one image, not whatever is newest."""
        return bool(self.tag or self.digest)

    def tagged(self, tag: str) -> str:
        """The same image under another tag."""
        return f"{self.path}:{tag}"


def image(text: str) -> Image | None:
    """An image reference; None for anything else."""
    match = _REFERENCE.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    return Image(match["path"], match["tag"] or "", match["digest"] or "") if match else None


def image_tag(text: str) -> str | None:
    """A bare tag; None for anything else."""
    found = text.strip()
    return found if re.fullmatch(_TAG, found, re.ASCII) else None


def runtime_version(text: str) -> str | None:
    """``20``, ``3.12``, ``v20`` -> the number; None for anything else."""
    found = text.strip().removeprefix("v")
    return found if _VERSION.fullmatch(found) else None


def is_made_of(one: Image, runtime: str) -> bool:
    """Whether this image carries the runtime that its users would call it by."""
    return one.repository in _REPOSITORIES.get(runtime, (runtime,))


def tag_for(tag: str, version: str) -> str | None:
    """The tag with another version and the same variant: ``18-slim`` -> ``20-slim``; None where unclear."""
    if tag in _MOVING:
        return version
    if _LEADING_VERSION.match(tag):
        return _LEADING_VERSION.sub(version, tag)
    if _MOVING_BEFORE_VARIANT.match(tag):
        return _MOVING_BEFORE_VARIANT.sub(f"{version}-", tag)
    return f"{version}-{tag}" if tag in {"slim", "alpine", "bookworm", "bullseye", "trixie"} else None
