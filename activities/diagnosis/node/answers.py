"""Answers for Node packages: the proven one, and what else the sources import that no manifest asks for."""

from __future__ import annotations

from activities.diagnosis.answers import Decision, Diagnosis, Quotes, edit_answer
from activities.diagnosis.node.images import node_release
from activities.diagnosis.node.knowledge import newest
from activities.diagnosis.node.project import add_target, package_json_for
from activities.diagnosis.node.scan import Imported, missing_packages
from activities.diagnosis.node.versions import version_for
from activities.diagnosis.project import Project
from activities.diagnosis.verdicts import Need
from workflows.models.finding import Finding, FindingKind, FindingOrigin, Quote


def node_answer(need: Need, quotes: Quotes, project: Project) -> Diagnosis:
    """One edit, tried in memory; all that the scan finds comes along."""
    answer = edit_answer(need, quotes, project)
    if answer.decision is Decision.DECLINE:
        return answer
    more = scanned_node_needs(project, frozenset(need.names))
    return answer.model_copy(update={"findings": (*answer.findings, *more)})


def scanned_node_needs(project: Project, added: frozenset[str]) -> list[Finding]:
    """Findings of the static scan; never proof, so of origin `scan`."""
    return [_finding(one, project) for one in missing_packages(project, added)]


def _finding(one: Imported, project: Project) -> Finding:
    manifest = package_json_for(project)
    version, why = version_for(one.name, manifest, node_release(project))
    path = project.relative(project.context / one.path) if project.context else None
    quote = Quote(source=path or one.path, line=one.line, text=one.text[:400])
    return Finding(
        rule="node.scan",
        kind=FindingKind.ADD_NODE_PACKAGE,
        names=(one.name,),
        target=add_target(project, manifest),
        version=version or None,
        origin=FindingOrigin.SCAN,
        quotes=(quote,),
        reason=f"{quote.source} imports {one.name!r}, and no manifest of the image asks for it",
        consulted=(f"node packages: {one.name} {newest(one.name)}".rstrip(), why),
    )
