"""A Node project as the rules see it: which package.json, which tool installs it, and with what."""

from __future__ import annotations

import json
import os
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path

from activities.diagnosis.project import Project
from activities.diagnosis.source_tree import ignore_rules, is_ignored, read_text
from activities.manifests import dockerfile
from activities.manifests.node_commands import NodeInstall, node_installs, package_name

_MAX_DEPTH = 3
_NEVER = frozenset({"node_modules", ".git", "bower_components", "dist", "build", "vendor"})
_LOCKS = {
    "yarn.lock": "yarn",
    "pnpm-lock.yaml": "pnpm",
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
}
_REGULAR = ("dependencies", "optionalDependencies")


@dataclass(frozen=True)
class PackageJson:
    """One package.json that was read."""

    path: str
    """Relative to the context."""
    dependencies: dict[str, str] = field(default_factory=dict)
    dev: dict[str, str] = field(default_factory=dict)
    peer: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    name: str = ""
    module_type: str = ""
    """`module`, `commonjs` or '' where it does not say."""
    package_manager: str = ""
    workspaces: bool = False

    def declares(self, name: str) -> bool:
        """Whether it asks for `name` at all."""
        return name in self.dependencies or name in self.dev

    def asked(self, name: str) -> str:
        """The range it asks for, '' for none."""
        return self.dependencies.get(name) or self.dev.get(name) or ""


def read_package_json(root: Path, path: str) -> PackageJson | None:
    """The file as far as the rules need it; None where it is missing or not JSON."""
    text = read_text(root / path)
    try:
        data = json.loads(text.removeprefix("\ufeff")) if text is not None else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    regular: dict[str, str] = {}
    for group in _REGULAR:
        regular |= _strings(data.get(group))
    return PackageJson(
        path,
        regular,
        _strings(data.get("devDependencies")),
        _strings(data.get("peerDependencies")),
        _strings(data.get("scripts")),
        str(data.get("name") or ""),
        str(data.get("type") or ""),
        str(data.get("packageManager") or ""),
        workspaces=bool(data.get("workspaces")),
    )


def _strings(value: object) -> dict[str, str]:
    return {str(k): v for k, v in value.items() if isinstance(v, str)} if isinstance(value, dict) else {}


def package_json_paths(root: Path) -> list[str]:
    """Every package.json of the project itself, nearest to the root first."""
    found: list[str] = []
    for here, folders, names in os.walk(root, followlinks=False):
        relative = Path(here).relative_to(root)
        deep = len(relative.parts) >= _MAX_DEPTH
        folders[:] = sorted(f for f in folders if f not in _NEVER and not f.startswith(".") and not deep)
        if "package.json" in names:
            found.append((relative / "package.json").as_posix())
    return sorted(found, key=lambda path: (path.count("/"), path))


def package_json_for(project: Project, file: str = "") -> PackageJson | None:
    """The package.json that the file of a message (a path in the image) belongs to; the topmost otherwise."""
    if project.context is None:
        return None
    paths = package_json_paths(project.context)
    folders = [posixpath.dirname(path) for path in paths]
    inside = f"/{file.replace(chr(92), '/').lstrip('/')}"
    fitting = [f for f in folders if f and f"/{f}/" in inside]
    if fitting:
        chosen = posixpath.join(max(fitting, key=len), "package.json")
    elif "" in folders or len(paths) == 1:
        chosen = "package.json" if "" in folders else paths[0]
    else:
        return None
    return read_package_json(project.context, chosen)


def target_of(project: Project, manifest: PackageJson | None) -> str:
    """The file to edit, relative to the workspace; its usual name where no package.json can be seen."""
    path = manifest.path if manifest else "package.json"
    if project.context is None:
        return path
    return project.relative(project.context / path) or path


def installs(project: Project) -> list[NodeInstall]:
    """Installs of the stages that the built image needs."""
    if project.facts is None:
        return []
    reachable = project.facts.reachable()
    return [install for install in node_installs(project.facts) if install.stage in reachable]


def project_installs(project: Project) -> list[NodeInstall]:
    """Those that install what package.json asks for."""
    return [one for one in installs(project) if not one.packages and not one.is_global]


def lock_file(project: Project) -> str:
    """Name of the lock file in the context, '' where there is none or nothing to look at."""
    root = project.context
    return next((name for name in _LOCKS if root is not None and (root / name).is_file()), "")


def lock_in_image(project: Project) -> bool:
    """Whether the context has a lock file that .dockerignore lets through."""
    name = lock_file(project)
    rules = ignore_rules(project.context / ".dockerignore") if project.context else []
    return bool(name) and not is_ignored(name, rules)


def tool(project: Project) -> str:
    """`npm`, `yarn` or `pnpm`: by the Dockerfile's installs, the lock file, the commands that it runs."""
    used = [one.tool for one in project_installs(project)]
    if used:
        return used[-1]
    lock = lock_file(project)
    if lock:
        return _LOCKS[lock]
    said = " ".join(i.body.chars for i in project.facts.instructions) if project.facts else ""
    named = re.search(r"(?<![\w.-])(yarn|pnpm)(?![\w./-])", said)
    return named[1] if named else "npm"


def manager(project: Project) -> str:
    """`apt`, `apk` or `yum` of the stage that installs; Debian's where nothing at all is known, '' else."""
    facts, used = project.facts, installs(project)
    if facts is not None and used:
        found = dockerfile.package_manager(facts, used[0].stage)
        if found:
            return found
    unknown = facts is None and not project.base_image
    return project.package_manager or ("apt" if unknown else "")


def named_in_dockerfile(project: Project) -> set[str]:
    """Packages that the Dockerfile installs by name, globally or not."""
    return {package_name(word.text) for one in installs(project) for word in one.packages}


def manifest_or_dockerfile(project: Project) -> PackageJson | None:
    """The topmost package.json, or what a Dockerfile without one installs by name; None for neither."""
    if lists_packages_in_dockerfile(project):
        return PackageJson("package.json", dict.fromkeys(sorted(named_in_dockerfile(project)), "*"))
    return package_json_for(project)


def add_target(project: Project, manifest: PackageJson | None) -> str:
    """Where a package is added: package.json, or the Dockerfile that lists packages itself."""
    if lists_packages_in_dockerfile(project):
        return project.dockerfile_target()
    return target_of(project, manifest)


def lists_packages_in_dockerfile(project: Project) -> bool:
    """True for a service without package.json whose Dockerfile installs packages by name into the project."""
    local = [one for one in installs(project) if one.packages and not one.is_global]
    seen = project.context is not None and bool(package_json_paths(project.context))
    return bool(local) and not seen and not project_installs(project)
