"""From evidence to a decision: what to change and why, or why nothing (SPEC FR-002).

Reads the build context, so call it off the event loop. It writes nothing and runs nothing.
"""

from __future__ import annotations

import re
from enum import StrEnum

from activities.diagnosis import python
from activities.diagnosis.evidence import Evidence, Phase, SourceText
from activities.diagnosis.knowledge import Distribution
from activities.diagnosis.project import Project
from activities.diagnosis.scan import missing_distributions
from activities.diagnosis.source_tree import read_text
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.manifests.dockerfile import is_plain_base
from activities.manifests.edit_files import EditedFiles
from activities.manifests.errors import ManifestError
from activities.manifests.names import canonical
from workflows.models.base import Model
from workflows.models.finding import Finding, FindingKind, FindingOrigin, Quote

_INSTALLED = re.compile(
    r"Successfully installed (.+)$|Requirement already satisfied: ([\w.-]+)", re.MULTILINE
)
_MAX_QUOTES = 6


class Decision(StrEnum):
    """What the evidence allows."""

    FIX = "fix"
    DECLINE = "decline"


class Diagnosis(Model):
    """The answer, findings best first; a decline has one finding of kind `decline` that quotes the cause."""

    decision: Decision
    findings: tuple[Finding, ...] = ()
    reason: str = ""


def diagnose(evidence: Evidence) -> Diagnosis:
    """The decision on what `evidence` shows; the first source that shows a cause decides."""
    project = Project(evidence)
    if evidence.container.oom_killed:
        return _declined("decline.out_of_memory", "the container was killed because it ran out of memory", ())
    for source in _sources(evidence):
        verdict = python.decisive(source, project)
        if verdict is not None:
            return _answer(verdict, source, project)
    return _declined("decline.no_evidence", "the evidence shows no cause that a rule knows", ())


def scan(evidence: Evidence) -> tuple[Finding, ...]:
    """What the static scan alone finds missing in the project's sources; never proof, so origin `scan`."""
    return tuple(_scan(Project(evidence), evidence.sources, (), frozenset()))


def _sources(evidence: Evidence) -> list[SourceText]:
    start = evidence.container.error.strip()
    reported = [SourceText("container state", start)] if start else []
    return [*evidence.sources, *reported]


def _answer(verdict: Verdict, source: SourceText, project: Project) -> Diagnosis:
    quotes = tuple(line.quote(source.name) for line in verdict.lines[:_MAX_QUOTES])
    if isinstance(verdict, Refusal):
        return _declined(verdict.rule, verdict.reason, quotes)
    if verdict.kind is FindingKind.ADD_PYTHON_PACKAGE:
        return _python_answer(verdict, quotes, project)
    return _system_answer(verdict, quotes, project)


def _python_answer(need: Need, quotes: tuple[Quote, ...], project: Project) -> Diagnosis:
    manifests = project.manifests
    declared = {canonical(name) for name in need.names} & manifests.declared
    if declared:
        return _already_declared(need, sorted(declared)[0], quotes, project)
    if manifests.refusal:
        return _declined(need.rule, f"{need.reason}; but {manifests.refusal}", quotes)
    finding = _finding(need, quotes, project.manifest_target(), _noted(need.reason, manifests.note))
    refusal = _edit_refused(finding, project)
    if refusal:
        return _declined(need.rule, f"{need.reason}; but {refusal}", quotes)
    added = frozenset(canonical(name) for name in need.names)
    more = _scan(project, project.evidence.sources, need.files, added)
    return Diagnosis(decision=Decision.FIX, findings=(finding, *more), reason=need.reason)


def _already_declared(need: Need, name: str, quotes: tuple[Quote, ...], project: Project) -> Diagnosis:
    """Declared but not installed: the image is older than the manifest, or a condition excludes it."""
    marker = dict(project.manifests.markers).get(name)
    if marker:
        reason = f"{need.reason}; it is declared only where {marker}, so adding it again is no answer"
        return _declined(need.rule, reason, quotes)
    if any(source.phase is Phase.BUILD for source in project.evidence.sources):
        reason = f"{need.reason}; but {name} is declared already, and the build failed all the same"
        return _declined(need.rule, reason, quotes)
    reason = f"{need.reason}; it is declared, so the image is older than its manifest: build it again"
    finding = Finding(
        rule="image.older_than_manifest", kind=FindingKind.REBUILD, quotes=quotes, reason=reason
    )
    return Diagnosis(decision=Decision.FIX, findings=(finding,), reason=reason)


def _system_answer(need: Need, quotes: tuple[Quote, ...], project: Project) -> Diagnosis:
    finding = _finding(need, quotes, project.dockerfile_target(), need.reason)
    refusal = _edit_refused(finding, project)
    if refusal:
        return _declined(need.rule, f"{need.reason}; but {refusal}", quotes)
    return Diagnosis(decision=Decision.FIX, findings=(finding,), reason=need.reason)


def _edit_refused(finding: Finding, project: Project) -> str:
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


def _finding(need: Need, quotes: tuple[Quote, ...], target: str, reason: str) -> Finding:
    return Finding(
        rule=need.rule,
        kind=need.kind,
        names=need.names,
        target=target,
        version=need.version or None,
        quotes=quotes,
        reason=reason,
    )


def _scan(
    project: Project, sources: tuple[SourceText, ...], entries: tuple[str, ...], added: frozenset[str]
) -> list[Finding]:
    """Findings of the static scan; none where what is installed cannot be known from the manifests."""
    tree, manifests = project.tree, project.manifests
    if tree is None or manifests.refusal or not manifests.complete or not is_plain_base(project.base_image):
        return []
    declared = set(manifests.declared) | added | _installed(sources) | _from_system(project)
    missing = missing_distributions(tree, entries, declared, project.python_version)
    findings = []
    for one in missing:
        path = project.relative(tree.root / one.imported.path) or one.imported.path
        quote = Quote(source=path, line=one.imported.line, text=one.imported.text)
        reason = f"{path} imports {one.imported.module!r}, and no manifest of the image asks for it"
        findings.append(_scanned(one.distribution, quote, project.manifest_target(), reason))
    return findings


def _scanned(distribution: Distribution, quote: Quote, target: str, reason: str) -> Finding:
    return Finding(
        rule="python.scan",
        kind=FindingKind.ADD_PYTHON_PACKAGE,
        names=(distribution.name,),
        target=target,
        version=distribution.specifier or None,
        origin=FindingOrigin.SCAN,
        quotes=(quote,),
        reason=reason,
    )


def _installed(sources: tuple[SourceText, ...]) -> set[str]:
    """Distributions that pip itself says it installed."""
    names: set[str] = set()
    for source in sources:
        for found in _INSTALLED.finditer(source.text):
            words = found[1].split() if found[1] else [found[2]]
            names |= {canonical(re.sub(r"-\d[^-]*$", "", word)) for word in words}
    return names


def _from_system(project: Project) -> set[str]:
    """`python3-numpy` and `py3-numpy` install numpy."""
    facts = project.facts
    packages = facts.system_packages(facts.target) if facts and facts.stages else set()
    return {canonical(name.split("-", 1)[1]) for name in packages if name.startswith(("python3-", "py3-"))}


def _noted(reason: str, note: str) -> str:
    return f"{reason}. {note}" if note else reason


def _declined(rule: str, reason: str, quotes: tuple[Quote, ...]) -> Diagnosis:
    finding = Finding(rule=rule, kind=FindingKind.DECLINE, quotes=quotes, reason=reason)
    return Diagnosis(decision=Decision.DECLINE, findings=(finding,), reason=reason)
