"""From evidence to a decision: what to change and why, or why nothing (SPEC FR-002).

Reads the build context, so call it off the event loop. It writes nothing and runs nothing.
"""

from __future__ import annotations

from activities.diagnosis.answers import Answer, Decision, Diagnosis, declined, edit_answer
from activities.diagnosis.ecosystems import ECOSYSTEMS
from activities.diagnosis.evidence import Evidence, SourceText
from activities.diagnosis.node.answers import node_answer, scanned_node_needs
from activities.diagnosis.project import Project
from activities.diagnosis.python.answers import python_answer, scanned_needs
from activities.diagnosis.python.changes import change_answer
from activities.diagnosis.reading import decisive
from activities.diagnosis.verdicts import Refusal, Verdict
from workflows.models.finding import Finding, FindingKind

__all__ = ["Decision", "Diagnosis", "diagnose", "scan"]

_MAX_QUOTES = 6


def diagnose(evidence: Evidence) -> Diagnosis:
    """The decision on what `evidence` shows; the first source that shows a cause decides."""
    project = Project(evidence)
    if evidence.container.oom_killed:
        return declined("decline.out_of_memory", "the container was killed because it ran out of memory", ())
    for source in _sources(evidence):
        verdict = decisive(source, project, ECOSYSTEMS)
        if verdict is not None:
            return _answer(verdict, source, project)
    return declined("decline.no_evidence", "the evidence shows no cause that a rule knows", ())


def scan(evidence: Evidence) -> tuple[Finding, ...]:
    """What the static scan alone finds missing in the project's sources; never proof, so origin `scan`."""
    project = Project(evidence)
    of_python = scanned_needs(project, evidence.sources, (), frozenset())
    return (*of_python, *scanned_node_needs(project, frozenset()))


def _sources(evidence: Evidence) -> list[SourceText]:
    start = evidence.container.error.strip()
    reported = [SourceText("container state", start)] if start else []
    return [*evidence.sources, *reported]


def _answer(verdict: Verdict, source: SourceText, project: Project) -> Diagnosis:
    quotes = tuple(line.quote(source.name) for line in verdict.lines[:_MAX_QUOTES])
    if isinstance(verdict, Refusal):
        return declined(verdict.rule, verdict.reason, quotes)
    return _ANSWERS.get(verdict.kind, edit_answer)(verdict, quotes, project)


_ANSWERS: dict[FindingKind, Answer] = {
    FindingKind.ADD_PYTHON_PACKAGE: python_answer,
    FindingKind.ADD_NODE_PACKAGE: node_answer,
    FindingKind.CHANGE_PYTHON_VERSION_PIN: change_answer,
    FindingKind.RENAME_PYTHON_PACKAGE: change_answer,
    FindingKind.REPLACE_PYTHON_PACKAGE: change_answer,
    FindingKind.REMOVE_PYTHON_PACKAGE: change_answer,
    FindingKind.ADD_EXTRA: change_answer,
}
"""Kinds that take more than one edit in one file."""
