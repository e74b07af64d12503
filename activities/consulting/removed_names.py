"""A name that an installed package lacks, though the project's own code asks for it: the index knows more.

No table says in which release it went. So this is only a finding to ask about; it counts once the index
has shown a release that had the name and a later one that has not.
"""

from __future__ import annotations

import ast
import re

from activities.diagnosis.knowledge import distribution_of
from activities.diagnosis.project import Project
from activities.diagnosis.source_tree import read_text
from activities.manifests.names import canonical
from workflows.models.finding import Finding, FindingKind

_LACKS = re.compile(
    r"ImportError: cannot import name '(?P<name>\w+)' from '(?P<module>[A-Za-z_][\w.]*)' "
    r"\((?P<path>[^)]*/(?:site|dist)-packages/[^)]*)\)(?P<rest>.*)$"
)
_MAX_FILES = 2000


def removed_name(declined: Finding, project: Project) -> Finding | None:
    """The pin to ask about; None where the code, the package or its manifest is not known for certain."""
    found = next((match for q in declined.quotes if (match := _LACKS.search(q.text.strip()))), None)
    if declined.kind is not FindingKind.DECLINE or found is None or "circular" in found["rest"]:
        return None
    distribution = distribution_of(found["module"])
    if distribution is None or project.manifests.refusal:
        return None
    if canonical(distribution.name) not in project.manifests.declared:
        return None
    importer = _importer(project, found["module"], found["name"])
    if not importer:
        return None
    what = f"{found['module']}.{found['name']}"
    return Finding(
        rule="python.removed_name",
        kind=FindingKind.CHANGE_PYTHON_VERSION_PIN,
        names=(distribution.name,),
        target=project.manifest_target(),
        quotes=declined.quotes,
        reason=f"{importer} uses {what}, which the installed release of {distribution.name} lacks",
    )


def _importer(project: Project, module: str, name: str) -> str:
    """The project's own file that imports the name, '' for none: not another package's."""
    tree = project.tree
    for path in tree.scannable()[:_MAX_FILES] if tree else ():
        text = read_text(tree.root / path) if tree else None
        if text and module in text and name in text and _imports(text, module, name):
            return path
    return ""


def _imports(text: str, module: str, name: str) -> bool:
    try:
        parsed = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return any(
        isinstance(node, ast.ImportFrom)
        and node.level == 0
        and node.module == module
        and name in {alias.name for alias in node.names}
        for node in ast.walk(parsed)
    )
