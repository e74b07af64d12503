"""Answers that change what a manifest already says of a Python package, wherever it says it."""

from __future__ import annotations

import re

from activities.diagnosis.answers import Decision, Diagnosis, Quotes, declined, edit_refused, finding_of
from activities.diagnosis.project import Project
from activities.diagnosis.source_tree import read_text
from activities.diagnosis.verdicts import Need
from activities.manifests import dockerfile, requirements
from activities.manifests.editors import editor_for
from activities.manifests.errors import ManifestError
from activities.manifests.names import canonical
from workflows.models.finding import FindingKind

_FROM_FILE = re.compile(r"\(from (?:[^()]*->)?-[rc] ([^\s()]+) \(line \d+\)")
_TOOLS = frozenset({"pip", "setuptools", "wheel"})
"""What installs the rest: a manifest is read too late for these."""
_CHANGES_ONLY = frozenset(
    {
        FindingKind.RENAME_PYTHON_PACKAGE,
        FindingKind.REPLACE_PYTHON_PACKAGE,
        FindingKind.REMOVE_PYTHON_PACKAGE,
    }
)
"""Kinds that need the name in a manifest; a pin or an extra may come as a new line."""


def change_answer(need: Need, quotes: Quotes, project: Project) -> Diagnosis:
    """One change of one requirement, in the file that declares it."""
    name = re.split(r"[\[<>=!~ ]", need.replaces or need.names[0], maxsplit=1)[0]
    declaring = holder(name, project)
    tool = project.dockerfile_target() if name in _TOOLS and project.facts is not None else ""
    target = need.target or declaring or tool or _said_by_log(need, project) or _usual(project)
    if not target:
        return declined(need.rule, f"{need.reason}; but {project.manifests.refusal}", quotes)
    seen = project.manifests.complete and bool(project.manifests.files)
    if need.kind in _CHANGES_ONLY and not declaring and seen:
        return declined(need.rule, f"{need.reason}; but no manifest of the image asks for {name}", quotes)
    finding = finding_of(need, quotes, target, need.reason)
    refusal = edit_refused(finding, project)
    if refusal:
        return declined(need.rule, f"{need.reason}; but {refusal}", quotes)
    return Diagnosis(decision=Decision.FIX, findings=(finding,), reason=need.reason)


def holder(name: str, project: Project) -> str:
    """The file that asks for `name`, relative to the workspace; '' where none that can be read does."""
    context = project.context
    for path in project.manifests.files if context else ():
        text = read_text(context / path) if context else None
        editor = editor_for(path) or requirements
        try:
            if text is not None and canonical(name) in editor.declared(text):
                return project.relative(context / path if context else None) or path
        except ManifestError:
            continue
    facts = project.facts
    if facts is not None and facts.stages and canonical(name) in dockerfile.pip_packages(facts):
        return project.dockerfile_target()
    return ""


def _said_by_log(need: Need, project: Project) -> str:
    """`(from -r requirements/dev.txt (line 3))`: where pip read the name; the path as the log has it."""
    for line in need.lines:
        found = _FROM_FILE.search(line.text)
        if found and project.context is not None and not project.manifests.files:
            return re.sub(r"^(?:/\w+)?/(?=[^/]*$)|^\./", "", found[1])
    return ""


def _usual(project: Project) -> str:
    """Where a new line goes; the Dockerfile where it is the only list there is."""
    manifests = project.manifests
    if manifests.nothing or (manifests.refusal and not manifests.files):
        return project.dockerfile_target()
    return "" if manifests.refusal else project.manifest_target()
