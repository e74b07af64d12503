"""Which paths a run may write (SPEC FR-003, invariant I1): pure matching of relative POSIX paths.

    name      every character stands for itself; case counts, always, on every file system
    *         any characters of one path segment, also none; never a ``/``
    ?         one character of a segment, never a ``/``
    [a-c_]    one of these; ``[!a-c]`` one character that is none of these, never a ``/``
    **        as a whole segment: any number of segments, also none; last: at least one
    \\         is a character like any other; there is no escape but ``[*]``, ``[?]``, ``[[]``

A pattern is relative to the workspace and matches whole paths: ``*.txt`` is not ``api/a.txt``,
``api`` is not ``api/x``. A pattern of more than 1024 characters, 16 stars or 128 segments matches
nothing. The time of a match grows with the product of the two lengths, whatever the pattern.

No pattern reaches what a run never writes (``forbidden``): git's own directory, compose files and
environment files. Resolving links and comparing with what is really on disk is the workspace
adapter's part.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

DEFAULT_MANIFESTS: tuple[str, ...] = (
    "Dockerfile*", "requirements*.txt", "constraints*.txt", "pyproject.toml", "setup.cfg",
    "poetry.lock", "uv.lock", "Pipfile*", "package.json", "package-lock.json", "yarn.lock",
    "pnpm-lock.yaml", "go.mod", "go.sum", "Gemfile*", "composer.*", "Cargo.*", "pom.xml",
    "build.gradle*",
)  # fmt: skip
MAX_PATTERN_LENGTH = 1024
MAX_PATTERN_STARS = 16
MAX_PATTERN_SEGMENTS = 128
MAX_PATH_LENGTH = 4096
"""Bytes, as the kernel counts them."""
MAX_NAME_LENGTH = 200
"""Bytes of one segment; the kernel takes 255, and a temporary name grows from it."""
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_COMPOSE_FILE = re.compile(r"(docker-)?compose([.-].*)?\.ya?ml")


def default_allow_list(context: str, dockerfile: str) -> tuple[str, ...]:
    """The zero-configuration allow list: the service's own Dockerfile and manifests.

    Args:
        context: build context relative to the workspace, ``""`` or ``"."`` for the workspace itself.
        dockerfile: the Dockerfile relative to the workspace.
    """
    prefix = "" if context in {"", "."} else f"{_escape(context)}/"
    return (_escape(dockerfile), *(f"{prefix}**/{name}" for name in DEFAULT_MANIFESTS))


def allowed(path: str, patterns: Iterable[str]) -> bool:
    """Whether a relative path matches a pattern and nothing forbids it."""
    if not plain(path) or forbidden(path):
        return False
    names = path.split("/")
    usable = (pattern for pattern in patterns if pattern_problem(pattern) is None)
    return any(_matches(_compiled(pattern), names) for pattern in usable)


def plain(path: str) -> bool:
    """Whether a path is relative, normal and means the same to everybody who reads or stores it.

    Control, direction and other invisible characters deceive whoever approves the diff; a segment that
    ends in a space or a dot is another file on some file systems; backslashes separate on some.
    """
    segments = path.split("/")
    if "\\" in path or any(unicodedata.category(char) in _UNSEEN for char in path):
        return False
    if len(path.encode()) >= MAX_PATH_LENGTH:
        return False
    return not any(s[-1:] in {"", ".", " "} or len(s.encode()) > MAX_NAME_LENGTH for s in segments)


def forbidden(path: str) -> bool:
    """Whether no policy can allow this path: git's directory, compose files, environment files.

    Compared as the most forgiving file system would: without case, width, invisible characters and
    trailing dots and spaces, and with the short names of ``.git``.
    """
    names = [_folded(name) for name in path.split("/")]
    if any(name == ".git" or name.startswith((".env", "git~", ".git:")) for name in names):
        return True
    return bool(_COMPOSE_FILE.fullmatch(names[-1]))


def pattern_problem(pattern: str) -> str | None:
    """Why a pattern can never match, or None; for whoever checks a policy."""
    if not pattern or len(pattern) > MAX_PATTERN_LENGTH:
        return f"a pattern has 1 to {MAX_PATTERN_LENGTH} characters"
    if pattern.count("*") > MAX_PATTERN_STARS:
        return f"a pattern has at most {MAX_PATTERN_STARS} stars"
    segments = pattern.split("/")
    if len(segments) > MAX_PATTERN_SEGMENTS:
        return f"a pattern has at most {MAX_PATTERN_SEGMENTS} segments"
    if any(segment in {"", ".", ".."} for segment in segments):
        return "a pattern is relative to the workspace, without empty, '.' and '..' segments"
    return None


def _folded(name: str) -> str:
    seen = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) not in _UNSEEN)
    return unicodedata.normalize("NFKC", seen.casefold()).rstrip(". ")


def _escape(path: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", path)


@dataclass(frozen=True)
class _OneOf:
    """One character of a class; a range that runs backwards makes the whole class match nothing."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool

    def takes(self, char: str) -> bool:
        if any(low > high for low, high in self.ranges):
            return False
        return any(low <= char <= high for low, high in self.ranges) is not self.negated


_STAR, _ANY = "star", "any"
_Token = str | _OneOf
_Segment = tuple[_Token, ...] | None
"""A literal character, ``_STAR``, ``_ANY`` or a class, one after the other; None for ``**``."""


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> tuple[_Segment, ...]:
    return tuple(None if segment == "**" else tuple(_tokens(segment)) for segment in pattern.split("/"))


def _tokens(segment: str) -> Iterable[_Token]:
    index = 0
    while index < len(segment):
        char = segment[index]
        if char == "[" and (end := segment.find("]", index + 2 + segment.startswith("!", index + 1))) != -1:
            yield _character_class(segment[index + 1 : end])
            index = end
        else:
            yield {"*": _STAR, "?": _ANY}.get(char, char)
        index += 1


def _character_class(body: str) -> _OneOf:
    negated = body.startswith("!")
    members = body[1:] if negated else body
    ranges, index = [], 0
    while index < len(members):
        last = index + 2 if members[index + 1 : index + 2] == "-" and index + 2 < len(members) else index
        ranges.append((members[index], members[last]))
        index = last + 1
    return _OneOf(tuple(ranges), negated)


def _matches(pattern: Sequence[_Segment], names: Sequence[str]) -> bool:
    """Which numbers of names the pattern so far can have taken, segment by segment."""
    taken = {0}
    for index, segment in enumerate(pattern):
        if segment is None:
            least = 1 if index == len(pattern) - 1 else 0
            taken = set(range(min(taken) + least, len(names) + 1)) if taken else taken
        else:
            taken = {n + 1 for n in taken if n < len(names) and _segment_matches(segment, names[n])}
    return len(names) in taken


def _segment_matches(tokens: Sequence[_Token], name: str) -> bool:
    """The same for the characters of one name."""
    taken = {0}
    for token in tokens:
        if token == _STAR:
            taken = set(range(min(taken), len(name) + 1)) if taken else taken
        else:
            taken = {n + 1 for n in taken if n < len(name) and _takes(token, name[n])}
    return len(name) in taken


def _takes(token: _Token, char: str) -> bool:
    if isinstance(token, _OneOf):
        return token.takes(char)
    return token in {_ANY, char}
