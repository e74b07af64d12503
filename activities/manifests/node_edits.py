"""Findings about Node as edits: package.json by its file name, otherwise the commands of the Dockerfile."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from activities.manifests import node_commands, package_json
from activities.manifests.errors import ManifestError
from activities.manifests.node_commands import package_name
from workflows.models.finding import Finding


def add_node_package(finding: Finding, text: str, build_target: str | None) -> str:
    """Into package.json, or for a service without one into the install command of its Dockerfile."""
    if not _is_package_json(finding):
        return node_commands.add_packages(text, list(finding.names), build_target)
    for name in finding.names:
        text = package_json.add(text, package_name(name), finding.version or "")
    return text


def remove_node_package(finding: Finding, text: str, _: str | None) -> str:
    """Out of every group."""
    _require_package_json(finding)
    for name in finding.names:
        text = package_json.remove(text, package_name(name))
    return text


def rename_node_package(finding: Finding, text: str, _: str | None) -> str:
    """`names` is (old, new); the version stays."""
    _require_package_json(finding)
    old, new = _pair(finding)
    return package_json.rename(text, old, new)


def move_node_package(finding: Finding, text: str, _: str | None) -> str:
    """From the development dependencies to the regular ones."""
    _require_package_json(finding)
    for name in finding.names:
        text = package_json.move(text, package_name(name))
    return text


def pin_node_package(finding: Finding, text: str, _: str | None) -> str:
    """Another version in package.json."""
    _require_package_json(finding)
    for name in finding.names:
        text = package_json.pin(
            text, package_name(name), finding.version or name[len(package_name(name)) + 1 :]
        )
    return text


def set_package_json_field(finding: Finding, text: str, _: str | None) -> str:
    """`names` is (field=value,)."""
    _require_package_json(finding)
    for name in finding.names:
        field, _equals, value = name.partition("=")
        text = package_json.set_field(text, field, value or finding.version or "")
    return text


def edit_run_command(finding: Finding, text: str, build_target: str | None) -> str:
    """`replaces` becomes the command named; without it a RUN with the command is put before what needs it."""
    command = finding.names[0] if finding.names else ""
    if not command:
        raise ManifestError("no command is named")
    if finding.replaces:
        return node_commands.replace_command(text, finding.replaces, command)
    return node_commands.insert_command(text, command, build_target)


def change_node_version(finding: Finding, text: str, _: str | None) -> str:
    """`replaces` (NodeSource's `setup_16.x`) becomes `version` wherever the Dockerfile says it."""
    old, new = finding.replaces or "", finding.version or ""
    if not re.match(r"^setup_\w+\.x$", old) or not re.match(r"^setup_\d+\.x$", new):
        raise ManifestError("where this Dockerfile takes its Node from cannot be changed")
    if old not in text:
        raise ManifestError(f"the Dockerfile does not say {old}")
    return re.sub(rf"\b{re.escape(old)}(?!\w)", new, text)


def _is_package_json(finding: Finding) -> bool:
    return PurePosixPath(finding.target or "").name == "package.json"


def _require_package_json(finding: Finding) -> None:
    if not _is_package_json(finding):
        raise ManifestError(f"{finding.target} is not a package.json")


def _pair(finding: Finding) -> tuple[str, str]:
    if len(finding.names) != 2:
        raise ManifestError("a change of name needs the old and the new one")
    return finding.names[0], finding.names[1]
