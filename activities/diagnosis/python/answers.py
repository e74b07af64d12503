"""Answers for Python packages: the manifest that the image installs from, and what else the sources lack."""

from __future__ import annotations

import re
from dataclasses import replace

from activities.diagnosis.answers import Decision, Diagnosis, Quotes, declined, edit_refused, finding_of
from activities.diagnosis.evidence import Phase, SourceText
from activities.diagnosis.knowledge import Distribution
from activities.diagnosis.project import Project
from activities.diagnosis.python.package_index import debian_package
from activities.diagnosis.python.scan import missing_distributions
from activities.diagnosis.verdicts import Need
from activities.manifests.dockerfile import is_plain_base
from activities.manifests.names import canonical
from activities.manifests.python_edits import BUILD_FIRST
from workflows.models.finding import Finding, FindingKind, FindingOrigin, Quote

_INSTALLED = re.compile(
    r"Successfully installed (.+)$|Requirement already satisfied: ([\w.-]+)", re.MULTILINE
)

_PYTHON_2 = re.compile(r"ImportError: No module named [\w.]+\s*$")
"""Python 2 names the module without quotes; what Debian has for it is called otherwise, where it is left."""


def python_answer(need: Need, quotes: Quotes, project: Project) -> Diagnosis:
    """Add a distribution where the image takes its packages from; all that the scan finds comes along."""
    manifests = project.manifests
    if need.rule == BUILD_FIRST and project.facts is not None and project.facts.pip_installs():
        return _install_first(need, quotes, project)
    declared = {canonical(name) for name in need.names} & manifests.declared
    if declared:
        return _already_declared(need, sorted(declared)[0], quotes, project)
    if manifests.nothing and project.facts is not None:
        return _without_manifest(need, quotes, project)
    if manifests.refusal:
        return declined(need.rule, f"{need.reason}; but {manifests.refusal}", quotes)
    reason = f"{need.reason}. {manifests.note}" if manifests.note else need.reason
    finding = finding_of(need, quotes, project.manifest_target(), reason)
    refusal = edit_refused(finding, project)
    if refusal:
        return declined(need.rule, f"{need.reason}; but {refusal}", quotes)
    added = frozenset(canonical(name) for name in need.names)
    more = scanned_needs(project, project.evidence.sources, need.files, added)
    return Diagnosis(decision=Decision.FIX, findings=(finding, *more), reason=need.reason)


def _install_first(need: Need, quotes: Quotes, project: Project) -> Diagnosis:
    """What a setup script imports must be there before the install that runs the script begins."""
    reason = f"{need.reason}; the setup script needs it, so it is installed in a step before"
    finding = finding_of(need, quotes, project.dockerfile_target(), reason)
    refusal = edit_refused(finding, project)
    if refusal:
        return declined(need.rule, f"{need.reason}; but {refusal}", quotes)
    return Diagnosis(decision=Decision.FIX, findings=(finding,), reason=reason)


def _without_manifest(need: Need, quotes: Quotes, project: Project) -> Diagnosis:
    """No list of packages at all: the system's own package, or an install of its own in the Dockerfile."""
    system = _system_package(need, project)
    if system:
        why = (
            f"{need.reason}; Python comes from the system's packages here, and {system} is its package of it"
        )
        need = replace(need, kind=FindingKind.ADD_SYSTEM_PACKAGE, names=(system,), version="", reason=why)
    finding = finding_of(need, quotes, project.dockerfile_target(), need.reason)
    refusal = edit_refused(finding, project)
    if refusal:
        return declined(need.rule, f"{need.reason}; but {refusal}", quotes)
    return Diagnosis(decision=Decision.FIX, findings=(finding,), reason=need.reason)


def _system_package(need: Need, project: Project) -> str:
    """`python3-yaml`, `py3-yaml`: for a Python that itself came with apt or apk; '' elsewhere."""
    facts = project.facts
    if facts is None or not project.python_is_system or len(need.names) != 1:
        return ""
    installed = facts.system_packages(facts.target) | facts.system_packages(0)
    if not any(re.match(r"python3?(?:\.\d+)?$|python3-|py3-", name) for name in installed):
        return ""
    name = canonical(need.names[0])
    if project.python_version.startswith("2") or _PYTHON_2.search(need.lines[0].plain):
        return ""
    if project.package_manager == "apk":
        return f"py3-{name}" if debian_package(name) else ""
    return debian_package(name) if project.package_manager == "apt" else ""


def _already_declared(need: Need, name: str, quotes: Quotes, project: Project) -> Diagnosis:
    """Declared but not installed: the image is older than the manifest, or a condition excludes it."""
    marker = dict(project.manifests.markers).get(name)
    if marker:
        reason = f"{need.reason}; it is declared only where {marker}, so adding it again is no answer"
        return declined(need.rule, reason, quotes)
    if any(source.phase is Phase.BUILD for source in project.evidence.sources):
        reason = f"{need.reason}; but {name} is declared already, and the build failed all the same"
        return declined(need.rule, reason, quotes)
    reason = f"{need.reason}; it is declared, so the image is older than its manifest: build it again"
    finding = Finding(
        rule="image.older_than_manifest", kind=FindingKind.REBUILD, quotes=quotes, reason=reason
    )
    return Diagnosis(decision=Decision.FIX, findings=(finding,), reason=reason)


def scanned_needs(
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
