"""Quarrels that no better guess settles, and those whose text says which release would settle them."""

from __future__ import annotations

import re

from packaging.requirements import InvalidRequirement, Requirement

from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_NEAR = 60


def private_repository(_: re.Match[str], place: Place, __: Project) -> Verdict | None:
    """git asks for a password that a build does not have."""
    before = place.before(_NEAR)
    if not any(re.search(r"\bCollecting |Cloning |pip", line.plain) for line in before):
        return None
    reason = "a requirement comes from a repository that is private or gone; the build has no access to it"
    return Refusal("python.private_repository", reason, (place.line,))


def duplicate(found: re.Match[str], place: Place, _: Project) -> Verdict:
    """One name, two versions, both from the manifest."""
    reason = f"{found['name']} is required twice with different versions; nothing says which is meant"
    return Refusal("python.required_twice", reason, (place.line,))


def invalid_operator(found: re.Match[str], place: Place, _: Project) -> Verdict:
    """A line that is no requirement: `flask=1.0` as conda writes it."""
    reason = (
        f"{found['what']!r} in the requirements is no valid requirement (an export of conda looks like this)"
    )
    return Refusal("python.invalid_requirement", reason, (place.line,))


def absent_build_file(found: re.Match[str], place: Place, _: Project) -> Verdict:
    """A frozen list that names files of the machine it was made on."""
    reason = f"the requirements name the file {found['path']}, which exists only where they were frozen"
    return Refusal("python.foreign_path", reason, (place.line,))


def hashes(_: re.Match[str], place: Place, __: Project) -> Verdict:
    """What the index delivers is not what was locked."""
    reason = (
        "the hashes in the requirements do not match what the index delivers, so they must be compiled again"
    )
    return Refusal("python.hash_mismatch", reason, (place.line,))


def version_conflict(found: re.Match[str], place: Place, _: Project) -> Verdict:
    """`ContextualVersionConflict`: a package found another release beside it than it allows."""
    wanted = Requirement(found["wanted"])
    why = (
        f"{found['name']} {found['has']} is installed, but {found['by'] or 'another package'} needs {wanted}"
    )
    kind = FindingKind.CHANGE_PYTHON_VERSION_PIN
    return Need("python.version_conflict", kind, (found["name"],), _proof(place), why, str(wanted.specifier))


def pip_check(found: re.Match[str], place: Place, _: Project) -> Verdict | None:
    """`a 1.0 has requirement b>=2, but you have b 1.0`, as pip check says it."""
    try:
        wanted = Requirement(found["wanted"].rstrip(",."))
    except InvalidRequirement:
        return None
    why = f"{found['by']} needs {wanted}, and {found['has']} is installed"
    kind = FindingKind.CHANGE_PYTHON_VERSION_PIN
    return Need("python.version_conflict", kind, (wanted.name,), _proof(place), why, str(wanted.specifier))


def _proof(place: Place) -> tuple[LogLine, ...]:
    return (place.line,)
