"""A package that asks for what does not exist (any more): its own release must be another one."""

from __future__ import annotations

import re

from packaging.requirements import InvalidRequirement, Requirement

from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind


def parents(lines: tuple[LogLine, ...]) -> list[str]:
    """Who asks for it, nearest first, as `sslyze==2.0.3`; nobody where a manifest itself does."""
    for line in lines:
        found = re.search(r"\(from ((?!versions)[^()]*(?:\([^()]*\))?[^()]*)\)", line.text)
        if found and not found[1].startswith("-r "):
            return [
                part.split(" ")[0] for part in found[1].split("->") if not part.startswith(("-r ", "-c "))
            ]
    return []


def of_parent(requirement: Requirement, parent: str, lines: tuple[LogLine, ...]) -> Verdict:
    """A package asks for what does not exist (any more): its own release must be another one."""
    try:
        asking = Requirement(parent)
    except InvalidRequirement:
        return Refusal("python.no_release", f"{parent} asks for {requirement}, which does not exist", lines)
    exact = next((c.version for c in asking.specifier if c.operator == "=="), "")
    why = f"{asking.name} {exact} asks for {requirement}, which does not exist for this Python"
    if not exact:
        return Refusal("python.no_release", f"{why}; which release of it does not is not known", lines)
    kind = FindingKind.CHANGE_PYTHON_VERSION_PIN
    reason = f"{why}; a newer release of {asking.name} is let in"
    return Need("python.no_release", kind, (asking.name,), lines, reason, f">{exact}")
