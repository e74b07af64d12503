"""What an index's answer makes of a finding: its version, its trace, or that it cannot be right. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet

from activities.consulting.answers import Answer, PackageAnswer
from activities.consulting.styles import Style, node_range, python_specifier, said
from activities.consulting.subjects import VERSIONED_KINDS, Subject
from workflows.models.finding import Finding, FindingKind, FindingOrigin


@dataclass(frozen=True)
class Manifest:
    """The file that a finding changes."""

    path: str
    style: Style


def withdrawal(
    finding: Finding, subjects: tuple[Subject, ...], answer: Answer, near_of: Callable[[str], str]
) -> str:
    """Why the finding cannot be right, '' where nothing speaks against it."""
    for subject in subjects:
        if (one := answer.packages.get(subject.name)) and one.found is False:
            near = near_of(subject.name)
            meant = f"; {near} may be meant" if near else ""
            return f"the package index of the image has no {subject.name} ({finding.rule}){meant}"
    return ""


def python_refined(
    finding: Finding, subjects: tuple[Subject, ...], answer: Answer, manifest: Manifest, image: str
) -> Finding:
    """The finding with its trace; one about a single distribution gets a version in the file's style."""
    lines: list[str] = []
    for subject in subjects:
        one = answer.packages.get(subject.name)
        if one is not None:
            lines += _trace(subject, one, f"Python {answer.interpreter} of {image}")
    version = finding.version
    alone = answer.packages.get(subjects[0].name) if len(subjects) == 1 else None
    takes = finding.kind in VERSIONED_KINDS and not _operators_own(finding)
    if takes and alone is not None and alone.chosen:
        version = _python_version(finding, subjects[0], alone, manifest) or version
        if version != finding.version:
            lines.append(f"version {version}: {manifest.path} {said(manifest.style)}")
    return finding.model_copy(update={"version": version, "consulted": (*finding.consulted, *lines)})


def node_refined(
    finding: Finding, subjects: tuple[Subject, ...], answer: Answer, manifest: Manifest, image: str
) -> Finding:
    """As for Python; package.json needs a range in any case."""
    alone = answer.packages.get(subjects[0].name) if len(subjects) == 1 else None
    lines: list[str] = []
    for subject in subjects:
        one = answer.packages.get(subject.name)
        lines += _trace(subject, one, f"Node.js {answer.interpreter} of {image}") if one else []
    version = finding.version
    if alone is not None and alone.chosen and (alone.problem or not version) and not _operators_own(finding):
        version = node_range(manifest.style, alone.chosen)
        lines.append(f"version {version}: {manifest.path} {said(manifest.style)}")
    return finding.model_copy(update={"version": version, "consulted": (*finding.consulted, *lines)})


def not_reached(finding: Finding, why: str) -> Finding:
    """The finding as the knowledge has it, with the reason why nothing more is known."""
    return finding.model_copy(update={"consulted": (*finding.consulted, why)})


def unproven(subject: Subject, answer: PackageAnswer) -> tuple[str, ...]:
    """The doubt about a release that does not hold what the code imports."""
    if not answer.wheel or answer.place or answer.hooks:
        return ()
    return (f"unproven: {answer.wheel} does not hold {subject.module!r} itself",)


def _operators_own(finding: Finding) -> bool:
    """A version that the operator named is not second-guessed."""
    return finding.origin is FindingOrigin.OPERATOR and bool(finding.version)


def _python_version(finding: Finding, subject: Subject, one: PackageAnswer, manifest: Manifest) -> str:
    limit = _and(subject.limit, f"<{one.first_without}" if one.first_without else "")
    if finding.kind is FindingKind.CHANGE_PYTHON_VERSION_PIN:
        wanted = limit or finding.origin is FindingOrigin.OPERATOR  # "upgrade x" means the newest that suits
        if wanted and manifest.style is Style.EXACT:
            return f"=={one.chosen}"
        return limit or (f">={one.chosen}" if wanted else "")
    return python_specifier(manifest.style, one.chosen, limit)


def _and(*specifiers: str) -> str:
    joined = SpecifierSet()
    for one in specifiers:
        joined &= SpecifierSet(one)
    clauses = sorted(map(str, joined), key=lambda clause: clause.startswith(("<", "!")))
    return ",".join(clauses)


def _trace(subject: Subject, one: PackageAnswer, who: str) -> list[str]:
    since = f", the first of {one.first_uploaded:%Y-%m-%d}" if one.first_uploaded else ""
    of = f" of {one.uploaded:%Y-%m-%d}" if one.uploaded else ""
    fits = f"; newest for it: {one.newest}" if one.newest else ""
    lines = [f"{who}: {subject.name} has {one.releases} release(s){since}{fits}"]
    if not one.complete:
        return [*lines, f"index not reachable in time for the release of {subject.name} that suits"]
    wanted = ".".join(filter(None, [subject.module, subject.attribute]))
    if one.last_with:
        lines.append(
            f"{subject.name} {one.last_with} is the last release with {wanted}, "
            f"{one.first_without} the first without it ({one.opened} wheels looked into)"
        )
    if one.chosen:
        lines.append(f"chosen: {subject.name} {one.chosen}{of}")
        if one.problem:
            lines.append(
                f"the tool itself takes no such release; {one.chosen} is what the index lists for it"
            )
    else:
        lines.append(f"no release of {subject.name} suits {who} and the manifest")
    if one.wheel and one.place:
        lines.append(f"{one.wheel} holds {one.place}")
    return lines
