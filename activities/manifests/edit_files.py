"""Turn findings into edited files: text in, text out, nothing written anywhere."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from activities.manifests import (
    declared_edits,
    dockerfile,
    dockerfile_edits,
    language_edits,
    node_edits,
    python_edits,
)
from activities.manifests.declared_edits import Edit
from activities.manifests.errors import ManifestError
from activities.manifests.node_commands import installing_stage
from workflows.models.finding import Finding, FindingKind

Read = Callable[[str], bytes | None]


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


def _add_system_packages(finding: Finding, text: str, build_target: str | None) -> str:
    """Into the stage that runs, or, for what the build itself lacked, into the stage that installs."""
    stage = finding.stage
    if stage is None and finding.rule.startswith("build.node_"):
        stage = installing_stage(text, build_target)
    elif stage is None and finding.rule.startswith("build."):
        stage = dockerfile.installing_stage(text, build_target)
    return dockerfile.add_system_packages(text, list(finding.names), target=build_target, stage=stage)


def _replace_system_packages(finding: Finding, text: str, build_target: str | None) -> str:
    """`names` are pairs: what the Dockerfile installs, and what it shall install instead."""
    names = finding.names
    pairs = dict(zip(names[::2], names[1::2], strict=True))
    return dockerfile_edits.replace_system_packages(text, pairs, target=build_target)


def _pin_system_packages(finding: Finding, text: str, build_target: str | None) -> str:
    pins = dict.fromkeys(finding.names, finding.version or "")
    return dockerfile_edits.pin_system_packages(text, pins, target=build_target)


def _change_base_image(finding: Finding, text: str, build_target: str | None) -> str:
    return dockerfile_edits.change_base_image(text, finding.names[0], finding.replaces, target=build_target)


def _edit_run_command(finding: Finding, text: str, build_target: str | None) -> str:
    """`names` is the new command and, without `replaces`, the one that it has to come before, if any."""
    command, *ahead_of = finding.names or ("",)
    if finding.rule.startswith("node."):
        return node_edits.edit_run_command(finding, text, build_target)
    if finding.replaces:
        return dockerfile_edits.replace_command(text, finding.replaces, command, target=build_target)
    return dockerfile_edits.insert_command(text, command, next(iter(ahead_of), ""), target=build_target)


_EDITS: dict[FindingKind, Edit] = {
    FindingKind.ADD_PYTHON_PACKAGE: python_edits.add,
    FindingKind.CHANGE_PYTHON_VERSION_PIN: python_edits.pin,
    FindingKind.RENAME_PYTHON_PACKAGE: python_edits.rename,
    FindingKind.REPLACE_PYTHON_PACKAGE: python_edits.replace,
    FindingKind.REMOVE_PYTHON_PACKAGE: python_edits.remove,
    FindingKind.ADD_EXTRA: python_edits.add_extra,
    FindingKind.ADD_SYSTEM_PACKAGE: _add_system_packages,
    FindingKind.ADD_NODE_PACKAGE: node_edits.add_node_package,
    FindingKind.REMOVE_NODE_PACKAGE: node_edits.remove_node_package,
    FindingKind.RENAME_NODE_PACKAGE: node_edits.rename_node_package,
    FindingKind.MOVE_NODE_PACKAGE: node_edits.move_node_package,
    FindingKind.CHANGE_NODE_VERSION_PIN: node_edits.pin_node_package,
    FindingKind.SET_PACKAGE_JSON_FIELD: node_edits.set_package_json_field,
    FindingKind.CHANGE_NODE_VERSION: node_edits.change_node_version,
    FindingKind.REPLACE_SYSTEM_PACKAGE: _replace_system_packages,
    FindingKind.CHANGE_SYSTEM_PACKAGE_PIN: _pin_system_packages,
    FindingKind.CHANGE_BASE_IMAGE: _change_base_image,
    FindingKind.EDIT_RUN_COMMAND: _edit_run_command,
    **language_edits.EDITS,
    **declared_edits.EDITS,
}
