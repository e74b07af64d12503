"""Turn findings into edited files: text in, text out, nothing written anywhere."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from activities.manifests import declared_lines as lines
from activities.manifests import declared_trees as trees
from activities.manifests import dockerfile, system_removal
from activities.manifests.editors import editor_for
from activities.manifests.errors import ManifestError
from workflows.models.finding import Finding, FindingKind

Read = Callable[[str], bytes | None]
Edit = Callable[[Finding, str, str | None], str]
"""Finding, text of its target, and the Dockerfile stage that is built -> the text as it should be."""


@dataclass
class EditedFiles:
    """Files as the findings want them; ``base`` is what the run found, None for a new file."""

    read: Read
    build_target: str | None = None
    """The Dockerfile stage that Compose builds; the last one for None."""
    base: dict[str, bytes | None] = field(default_factory=dict)
    now: dict[str, bytes | None] = field(default_factory=dict)
    idle: list[Finding] = field(default_factory=list)
    """Findings whose change is in the file already."""

    def apply(self, findings: Iterable[Finding]) -> None:
        """Edit for every finding that names a file.

        Raises:
            ManifestError: a file cannot be edited safely.
        """
        for finding in findings:
            edit = _EDITS.get(finding.kind)
            if edit is None or finding.target is None:
                continue
            before = self.text(finding.target)
            after = edit(finding, before, self.build_target)
            if after == before:
                self.idle.append(finding)
            self.now[finding.target] = after.encode("utf-8", "surrogateescape")

    def bytes_of(self, path: str) -> bytes | None:
        """The file as edited so far; read once."""
        if path not in self.now:
            self.base[path] = self.now[path] = self.read(path)
        return self.now[path]

    def text(self, path: str) -> str:
        """The file's text as edited so far.

        Raises:
            ManifestError: there is no such file.
        """
        data = self.bytes_of(path)
        if data is None:
            raise ManifestError(f"{path} does not exist")
        return data.decode("utf-8", "surrogateescape")

    def changed(self) -> dict[str, tuple[bytes | None, bytes]]:
        """Path -> content before and after, for files that really change, in path order."""
        return {
            path: (self.base[path], after)
            for path, after in sorted(self.now.items())
            if after is not None and after != self.base[path]
        }


def makes(kind: FindingKind) -> bool:
    """Whether an editor makes this kind of change."""
    return kind in _EDITS


def _add_package(finding: Finding, text: str, build_target: str | None) -> str:
    editor = editor_for(finding.target or "")
    specifier = finding.version or ""
    for name in finding.names:
        if editor is None:
            text = dockerfile.add_pip_packages(text, [name + specifier], target=build_target)
        elif editor.requirement_of(text, name) is None:
            text = editor.add(text, name, specifier)
    return text


def _pin_package(finding: Finding, text: str, _: str | None) -> str:
    editor = editor_for(finding.target or "")
    if editor is None or finding.version is None:
        raise ManifestError(f"{finding.target} is not a manifest in which a version can be pinned")
    for name in finding.names:
        text = editor.pin(text, name, finding.version)
    return text


def _add_system_packages(finding: Finding, text: str, build_target: str | None) -> str:
    """Into the stage that runs, or, for what the build itself lacked, into the stage that installs."""
    stage = dockerfile.installing_stage(text, build_target) if finding.rule.startswith("build.") else None
    return dockerfile.add_system_packages(text, list(finding.names), target=build_target, stage=stage)


def _remove_system_packages(finding: Finding, text: str, build_target: str | None) -> str:
    for name in finding.names:
        text = system_removal.remove_system_package(text, name, target=build_target)
    return text


def _without(remove: Callable[[str, str], str]) -> Edit:
    """An editor that takes every name out."""

    def edit(finding: Finding, text: str, _: str | None) -> str:
        for name in finding.names:
            text = remove(text, name)
        return text

    return edit


def _with_version(pin: Callable[[str, str, str], str]) -> Edit:
    """An editor that gives every name the finding's version."""

    def edit(finding: Finding, text: str, _: str | None) -> str:
        if not finding.version:
            raise ManifestError(f"no version is said for {', '.join(finding.names)}")
        for name in finding.names:
            text = pin(text, name, finding.version)
        return text

    return edit


def _remove_java(finding: Finding, text: str, build_target: str | None) -> str:
    gradle = (finding.target or "").endswith((".gradle", ".kts"))
    remove = lines.remove_gradle_dependency if gradle else trees.remove_maven_dependency
    return _without(remove)(finding, text, build_target)


def _pin_java(finding: Finding, text: str, build_target: str | None) -> str:
    gradle = (finding.target or "").endswith((".gradle", ".kts"))
    pin = lines.pin_gradle_dependency if gradle else trees.pin_maven_dependency
    return _with_version(pin)(finding, text, build_target)


_EDITS: dict[FindingKind, Edit] = {
    FindingKind.ADD_PYTHON_PACKAGE: _add_package,
    FindingKind.CHANGE_PYTHON_VERSION_PIN: _pin_package,
    FindingKind.ADD_SYSTEM_PACKAGE: _add_system_packages,
    FindingKind.REMOVE_SYSTEM_PACKAGE: _remove_system_packages,
    FindingKind.REMOVE_RUBY_GEM: _without(lines.remove_gem),
    FindingKind.CHANGE_RUBY_VERSION_PIN: _with_version(lines.pin_gem),
    FindingKind.REMOVE_GO_MODULE: _without(lines.remove_go_module),
    FindingKind.CHANGE_GO_VERSION_PIN: _with_version(lines.pin_go_module),
    FindingKind.REMOVE_PHP_PACKAGE: _without(trees.remove_php_package),
    FindingKind.CHANGE_PHP_VERSION_PIN: _with_version(trees.pin_php_package),
    FindingKind.REMOVE_JAVA_DEPENDENCY: _remove_java,
    FindingKind.CHANGE_JAVA_VERSION_PIN: _pin_java,
    FindingKind.REMOVE_RUST_CRATE: _without(trees.remove_crate),
    FindingKind.CHANGE_RUST_VERSION_PIN: _with_version(trees.pin_crate),
}
