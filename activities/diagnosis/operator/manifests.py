"""The manifest of each ecosystem in a service's build context, and whether it names a package."""

from __future__ import annotations

import os
import re
from pathlib import Path

from activities.diagnosis.project import Project
from activities.diagnosis.source_tree import read_text
from activities.manifests.names import canonical
from workflows.errors import OrchestratorError
from workflows.models.request import Ecosystem

LANGUAGES = (
    Ecosystem.PYTHON,
    Ecosystem.NODE,
    Ecosystem.RUBY,
    Ecosystem.GO,
    Ecosystem.PHP,
    Ecosystem.JAVA,
    Ecosystem.RUST,
)
_FILES = {
    Ecosystem.NODE: ("package.json",),
    Ecosystem.RUBY: ("Gemfile",),
    Ecosystem.GO: ("go.mod",),
    Ecosystem.PHP: ("composer.json",),
    Ecosystem.JAVA: ("pom.xml", "build.gradle", "build.gradle.kts"),
    Ecosystem.RUST: ("Cargo.toml",),
}
_PYTHON_FILES = re.compile(
    r"^(?:.*requirements.*\.txt|pyproject\.toml|setup\.(?:py|cfg)|Pipfile)$", re.IGNORECASE
)
_NEVER = frozenset({".git", "node_modules", "vendor", "target", "dist", ".venv", "venv", "__pycache__"})
_DEPTH = 2
_MAX_FOLDERS = 500


def manifest_of(ecosystem: Ecosystem, project: Project, *, quiet: bool = False) -> str | None:
    """The manifest that takes packages of this ecosystem, relative to the workspace; None for none.

    Args:
        ecosystem: a language's.
        project: the service's project.
        quiet: a Python manifest that cannot be edited counts as none instead of raising.

    Raises:
        OrchestratorError: ``no_safe_fix`` where it cannot be edited, or two could be meant.
    """
    if ecosystem is Ecosystem.PYTHON:
        return _python(project, quiet=quiet)
    found = _found(project.context, _FILES[ecosystem])
    if len(found) > 1 and not quiet:
        listed = ", ".join(path.name if path.parent == project.context else str(path) for path in found)
        raise OrchestratorError("no_safe_fix", detail=f"more than one manifest could be meant: {listed}")
    return project.relative(found[0]) if found else None


def declares(ecosystem: Ecosystem, name: str, project: Project) -> bool | None:
    """Whether the manifest names the package; None where that cannot be told."""
    if ecosystem is Ecosystem.PYTHON:
        manifests = project.manifests
        named = canonical(name) in manifests.declared
        return named if named or manifests.complete else None
    texts = [read_text(path) for path in _found(project.context, _FILES[ecosystem])]
    word = name.rsplit(":", 1)[-1] if ecosystem is Ecosystem.JAVA else name
    pattern = re.compile(rf"(?<![\w./@-]){re.escape(word)}(?![\w/-])")
    return any(pattern.search(text) for text in texts if text)


def _python(project: Project, *, quiet: bool) -> str | None:
    manifests = project.manifests
    if quiet:
        return project.manifest_target() if _has_python(project) else None
    if manifests.refusal:
        raise OrchestratorError("no_safe_fix", detail=manifests.refusal)
    return project.manifest_target()


def _has_python(project: Project) -> bool:
    if project.manifests.declared or (project.facts and project.facts.pip_installs()):
        return True
    return bool(project.context and any(_PYTHON_FILES.match(p.name) for p in _listed(project.context)))


def _found(context: Path | None, names: tuple[str, ...]) -> list[Path]:
    """At the top, else in the folders just below it; never through links."""
    if context is None:
        return []
    top = [context / name for name in names if read_text(context / name) is not None]
    if top:
        return top[:1]
    below: list[Path] = []
    for number, (folder, folders, files) in enumerate(os.walk(context, followlinks=False)):
        deep = len(Path(folder).relative_to(context).parts) >= _DEPTH or number >= _MAX_FOLDERS
        folders[:] = [] if deep else sorted(one for one in folders if one not in _NEVER)
        below += [
            Path(folder) / name for name in names if name in files and not (Path(folder) / name).is_symlink()
        ]
    return below


def _listed(context: Path) -> list[Path]:
    try:
        return [path for path in context.iterdir() if path.is_file() and not path.is_symlink()]
    except OSError:
        return []
