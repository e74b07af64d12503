"""Which paths a run may write (SPEC FR-003, invariant I1): pure matching of relative POSIX paths.

Resolving links and checking what is really on disk is the workspace adapter's part.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

DEFAULT_MANIFESTS: tuple[str, ...] = (
    "Dockerfile*", "requirements*.txt", "constraints*.txt", "pyproject.toml", "setup.cfg",
    "poetry.lock", "uv.lock", "Pipfile*", "package.json", "package-lock.json", "yarn.lock",
    "pnpm-lock.yaml", "go.mod", "go.sum", "Gemfile*", "composer.*", "Cargo.*", "pom.xml",
    "build.gradle*",
)  # fmt: skip


def default_allow_list(context: str, dockerfile: str) -> tuple[str, ...]:
    """The zero-configuration allow list: the service's own Dockerfile and manifests.

    Args:
        context: build context relative to the workspace, ``""`` or ``"."`` for the workspace itself.
        dockerfile: the Dockerfile relative to the workspace.
    """
    prefix = "" if context in {"", "."} else f"{_escape(context)}/"
    return (_escape(dockerfile), *(f"{prefix}**/{name}" for name in DEFAULT_MANIFESTS))


def allowed(path: str, patterns: Iterable[str]) -> bool:
    """Whether a relative path matches a pattern; anything absolute, empty or with ``..`` never does."""
    segments = path.split("/")
    if path.startswith("/") or "\\" in path or "\0" in path or any(s in {"", ".", ".."} for s in segments):
        return False
    return any(_compiled(pattern).fullmatch(path) for pattern in patterns)


def _escape(path: str) -> str:
    return re.sub(r"([*?\[\\])", r"[\1]", path)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = [_segment(segment) for segment in pattern.split("/")]
    regex = ""
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part is None:  # ** crosses any number of segments, also none
            regex += ".+" if last else "(?:[^/]+/)*"
        else:
            regex += part + ("" if last else "/")
    return re.compile(regex, re.DOTALL)


def _segment(segment: str) -> str | None:
    if segment == "**":
        return None
    out, index = "", 0
    while index < len(segment):
        char = segment[index]
        if char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif char == "[" and (end := segment.find("]", index + 2 + segment.startswith("!", index + 1))) != -1:
            out += _character_class(segment[index + 1 : end])
            index = end
        else:
            out += re.escape(char)
        index += 1
    return out


def _character_class(body: str) -> str:
    negated = body.startswith("!")
    members = re.sub(r"([\\\[\]^&~|])", r"\\\1", body[1:] if negated else body)
    regex = f"(?!/)[{'^' if negated else ''}{members}]"  # like *, a class stays inside its segment
    try:
        re.compile(regex)
    except re.error:  # a range that runs backwards matches nothing
        return "(?!)"
    return regex
