"""Node's rules: modules, bundlers, TypeScript, package managers, native builds, and Node itself."""

from __future__ import annotations

from activities.diagnosis import (
    node_engines,
    node_esm,
    node_locks,
    node_messages,
    node_modules,
    node_native,
    node_refusals,
    node_registry,
    node_release,
    node_scripts,
    node_types,
)
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Ecosystem, Place
from activities.diagnosis.verdicts import Verdict

_RULES = (
    node_release.of_line,
    node_esm.of_line,
    node_types.of_line,
    node_modules.of_line,
    node_messages.of_line,
    node_scripts.of_line,
    node_native.of_line,
    node_locks.of_line,
    node_registry.of_line,
    node_engines.of_line,
    node_refusals.certain,
)


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line, by the first family of messages that knows it."""
    return next((verdict for rule in _RULES if (verdict := rule(place, project))), None)


ECOSYSTEM = Ecosystem("node", of_line)
LAST = Ecosystem("node, last resort", node_refusals.of_line)
"""Asked after everybody else."""
