"""Node's rules: modules, bundlers, TypeScript, package managers, native builds, and Node itself."""

from __future__ import annotations

from activities.diagnosis.node import engines as node_engines
from activities.diagnosis.node import esm as node_esm
from activities.diagnosis.node import locks as node_locks
from activities.diagnosis.node import messages as node_messages
from activities.diagnosis.node import modules as node_modules
from activities.diagnosis.node import native as node_native
from activities.diagnosis.node import refusals as node_refusals
from activities.diagnosis.node import registry as node_registry
from activities.diagnosis.node import release as node_release
from activities.diagnosis.node import scripts as node_scripts
from activities.diagnosis.node import types as node_types
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


_WORDS = (
    "node", "npm", "yarn", "module", "package", "resolve", "depend", "install", "found", "find", "plugin",
    "preset", "target", "export", "syntaxerror", "is not defined", "is not a", "envelope", "ossl", "import",
    "token", "definition", "declaration", "ts2", "ts7", "$path", "env:", "determine", "python", "gyp", "make",
    "git", "distutils", "configure", "vips", "lock", "integrity", "yn00", "registry", "version", "engine",
    "peer", "keyid", "initialize", "heap", "script", "elf", "json", "subpath", "environment", "secret",
    "validation", "openuri", "sigkill", "err_", "ts1", "ts5",
)  # fmt: skip
"""In lower case; a line with none of these is none of Node's. Far cheaper than the patterns."""


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line, by the first family of messages that knows it."""
    lower = place.line.plain.lower()
    if not any(word in lower for word in _WORDS):
        return None
    return next((verdict for rule in _RULES if (verdict := rule(place, project))), None)


ECOSYSTEM = Ecosystem("node", of_line)
LAST = Ecosystem("node, last resort", node_refusals.of_line)
"""Asked after everybody else."""
