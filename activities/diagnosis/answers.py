"""From a verdict to findings: which file takes the change, and whether its editor can make it.

A kind that needs more than one edit in one file has a function of its own, listed in ``diagnose``.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from activities.diagnosis.project import Project
from activities.diagnosis.source_tree import read_text
from activities.diagnosis.verdicts import Need
from activities.manifests.edit_files import EditedFiles
from activities.manifests.errors import ManifestError
from workflows.models.base import Model
from workflows.models.finding import Finding, FindingKind, Quote


class Decision(StrEnum):
    """What the evidence allows."""

    FIX = "fix"
    DECLINE = "decline"


class Diagnosis(Model):
    """The answer, findings best first; a decline has one finding of kind `decline` that quotes the cause."""

    decision: Decision
    findings: tuple[Finding, ...] = ()
    reason: str = ""


Quotes = tuple[Quote, ...]
Answer = Callable[[Need, Quotes, Project], Diagnosis]


def edit_answer(need: Need, quotes: Quotes, project: Project) -> Diagnosis:
    """One edit in one file, tried in memory before it is promised."""
    target = need.target or default_target(need.kind, project)
    finding = finding_of(need, quotes, target, need.reason)
    refusal = edit_refused(finding, project)
    if refusal:
        return declined(need.rule, f"{need.reason}; but {refusal}", quotes)
    return Diagnosis(decision=Decision.FIX, findings=(finding,), reason=need.reason)


def default_target(kind: FindingKind, project: Project) -> str:
    """The file that a kind of change usually goes to, relative to the workspace."""
    name = _USUAL_FILES.get(kind)
    if name is None:
        return project.dockerfile_target()
    if project.context is None:
        return name
    return project.relative(project.context / name) or name


def edit_refused(finding: Finding, project: Project) -> str:
    """Why the plan could not make this edit, tried in memory; '' where it can, or where there is no file."""
    root = project.evidence.workspace or project.context
    target = finding.target or ""
    text = read_text(root / target) if root else None
    if text is None:
        return ""
    edited = EditedFiles(lambda _: text.encode(), project.evidence.build_target or None)
    try:
        edited.apply([finding])
    except ManifestError as error:
        return error.reason
    return f"{target} has it already" if edited.idle else ""


def finding_of(need: Need, quotes: Quotes, target: str, reason: str) -> Finding:
    """The finding behind a need, for this file."""
    return Finding(
        rule=need.rule,
        kind=need.kind,
        names=need.names,
        target=target,
        version=need.version or None,
        replaces=need.replaces or None,
        quotes=quotes,
        reason=reason,
        consulted=need.consulted,
        stage=need.stage or None,
    )


def declined(rule: str, reason: str, quotes: Quotes) -> Diagnosis:
    """No change, and why."""
    finding = Finding(rule=rule, kind=FindingKind.DECLINE, quotes=quotes, reason=reason)
    return Diagnosis(decision=Decision.DECLINE, findings=(finding,), reason=reason)


_USUAL_FILES: dict[FindingKind, str] = {
    FindingKind.ADD_NODE_PACKAGE: "package.json",
    FindingKind.REMOVE_NODE_PACKAGE: "package.json",
    FindingKind.RENAME_NODE_PACKAGE: "package.json",
    FindingKind.MOVE_NODE_PACKAGE: "package.json",
    FindingKind.CHANGE_NODE_VERSION_PIN: "package.json",
    FindingKind.SET_PACKAGE_JSON_FIELD: "package.json",
    FindingKind.ADD_GO_MODULE: "go.mod",
    FindingKind.ADD_RUBY_GEM: "Gemfile",
    FindingKind.ADD_PHP_PACKAGE: "composer.json",
    FindingKind.ADD_JAVA_DEPENDENCY: "pom.xml",
    FindingKind.ADD_RUST_CRATE: "Cargo.toml",
}
"""Every other kind changes the Dockerfile; Python has ``Project.manifest_target``."""
