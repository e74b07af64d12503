"""The Node image a project stands on, and the reference of the same image with another Node."""

from __future__ import annotations

import re
from collections.abc import Sequence

from semantic_version import NpmSpec, Version

from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.node.knowledge import release
from activities.diagnosis.project import Project
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_IMAGE = re.compile(
    r"^(?P<path>(?:(?:docker\.io/)?(?:library/)?|[\w.-]+(?::\d+)?/(?:[\w-]+/)*library/)node"
    r"|mhart/alpine-node|(?:docker\.io/)?bitnami/node)(?::(?P<tag>[\w][\w.-]*))?(?:@sha256:[0-9a-f]+)?$"
)
_LONG_TERM = (4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24)
_NAMED = {
    "argon": 4, "boron": 6, "carbon": 8, "dubnium": 10, "erbium": 12, "fermium": 14, "gallium": 16,
    "hydrogen": 18, "iron": 20, "jod": 22, "krypton": 24,
}  # fmt: skip
_SUITES = {
    "stretch": (8, 16),
    "buster": (8, 20),
    "bullseye": (12, 24),
    "bookworm": (16, 24),
    "trixie": (20, 26),
}
"""Node majors that the official image is published for, by Debian release."""
_LAST_MHART = 16
_IN_LOG = re.compile(
    r"^Node\.js v(\d+\.\d+\.\d+)|\bnode -v v(\d+\.\d+\.\d+)|(?:npm (?:ERR!|error) )?node v(\d+\.\d+\.\d+)$"
    r"|current: \{ node: 'v?(\d+\.\d+\.\d+)'|\"node\":\s*\"v?(\d+\.\d+\.\d+)\", *\"npm\""
    r"|Got \"(\d+\.\d+\.\d+)\""
    r"|current version of Node\.js is v(\d+\.\d+\.\d+)|You are using Node(?:\.js)? v?(\d+\.\d+\.\d+)"
)


def node_image(project: Project) -> str:
    """The official Node image of the project, '' where it stands on another one or none is known."""
    images = [stage.image for stage in project.facts.stages] if project.facts else []
    found = [image for image in images if _IMAGE.match(image)]
    if found:
        return found[0]
    return project.base_image if _IMAGE.match(project.base_image) else ""


def node_release(project: Project, lines: Sequence[LogLine] = ()) -> str:
    """`14.5.0` as the log states it, else `14` from the image; '' where neither tells."""
    for line in reversed(lines):
        found = _IN_LOG.search(line.plain)
        if found:
            return next(value for value in found.groups() if value)
    image = _IMAGE.match(node_image(project))
    tag = (image["tag"] or "") if image else ""
    number = re.match(r"v?(\d+(?:\.\d+){0,2})", tag) or re.match(r"setup_(\d+)", _nodesource(project))
    if number:
        return number[1]
    return str(_NAMED.get(tag.split("-")[0], "")) if tag else ""


def suitable(wanted: str, present: str) -> str:
    """The long-term release nearest to `present` that satisfies an `engines` range; '' for none.

    A range inside one release line (`16.13.x`, `14.17.0`) is named as far as it is fixed.
    """
    spec = _spec(wanted)
    if spec is None:
        return ""
    fitting = [major for major in _LONG_TERM if spec.match(Version(f"{major}.999.999"))]
    here = release(present)[0] if present else max(_LONG_TERM)
    newer = [major for major in fitting if major >= here]
    if fitting:
        return str(min(newer) if newer else max(fitting))
    fixed = re.match(r"^[~=v^ ]*(\d+\.\d+(?:\.\d+)?)(?:\.[x*])?$", wanted.strip())
    return fixed[1] if fixed else ""


def long_term_from(since: str) -> str:
    """The first long-term release that has what Node `since` brought."""
    major, minor, _ = release(since)
    found = (m for m in _LONG_TERM if m > major or (m == major and minor < 20))
    return str(next(found, max(_LONG_TERM)))


def other_node(rule: str, wanted: str, project: Project, lines: tuple[LogLine, ...], reason: str) -> Verdict:
    """The need of the same image with Node `wanted` (`18`, `16.13`); a refusal where there is none."""
    image = node_image(project)
    setup = "" if image else _nodesource(project)
    if setup:
        target, new = project.dockerfile_target(), f"setup_{wanted.split('.', maxsplit=1)[0]}.x"
        kind = FindingKind.CHANGE_NODE_VERSION
        return Need(rule, kind, (wanted,), lines, f"{reason}; {new} brings it", new, target, replaces=setup)
    if not image:
        return Refusal(rule, f"{reason}; where this image takes its Node from is not known", lines)
    reference = with_release(image, wanted)
    if reference is None or reference == image:
        return Refusal(rule, f"{reason}; but there is no other {image} with Node {wanted}", lines)
    why = f"{reason}; {reference} has Node {wanted}"
    return Need(rule, FindingKind.CHANGE_BASE_IMAGE, (reference,), lines, why, replaces=image)


def with_release(image: str, wanted: str) -> str | None:
    """`node:16.3-alpine3.11` with Node 18 is `node:18-alpine`; None for an image that has no such tag."""
    found = _IMAGE.match(image)
    major = release(wanted)[0]
    if found is None or (found["path"].startswith("mhart") and major > _LAST_MHART):
        return None
    words = (found["tag"] or "").split("-")
    kept = []
    for word in words:
        if word.startswith("alpine"):
            kept.append("alpine")
        elif word in ("slim", "onbuild"):
            kept.append(word)
        elif word in _SUITES:
            low, high = _SUITES[word]
            kept.append(word if low <= major <= high else "bookworm" if major >= 16 else "buster")
    return f"{found['path']}:{'-'.join([wanted, *dict.fromkeys(kept)])}"


def _nodesource(project: Project) -> str:
    """The `setup_16.x` of a Dockerfile that takes Node from NodeSource's packages, '' for none."""
    facts = project.facts
    runs = [i.body.chars for i in facts.instructions if i.keyword == "RUN"] if facts else []
    found = [name for text in runs for name in re.findall(r"\bsetup_(?:\d+|lts|current)\.x\b", text)]
    return found[-1] if found else ""


def _spec(wanted: str) -> NpmSpec | None:
    """The range, blanks behind operators forgiven."""
    text = re.sub(r"([<>=~^]+)\s+v?(?=[\dx*])", r"\1", wanted.strip().strip("\"'"))
    text = re.sub(r"(?<![\w.])v(?=\d)", "", text)
    text = re.sub(r"([<>]=?)(\d+)((?:\.[x*]){1,2})", r"\1\2", text)
    try:
        return NpmSpec(text)
    except ValueError:
        return None
