"""Findings about Python packages carried into whichever manifest they name: text in, text out."""

from __future__ import annotations

import re
from types import ModuleType

from packaging.requirements import Requirement
from packaging.version import Version

from activities.manifests import (
    dockerfile,
    dockerfile_pip,
    pipfile,
    pyproject_changes,
    requirements_changes,
    setup_cfg,
)
from activities.manifests.editors import ManifestEditor, editor_for, is_dockerfile
from activities.manifests.errors import ManifestError
from activities.manifests.names import canonical, clauses
from workflows.models.finding import Finding

BUILD_FIRST = "python.build_requirement"
"""Rule of findings whose package must be there before anything else is installed."""


def add(finding: Finding, text: str, build_target: str | None) -> str:
    """The distributions of the finding added."""
    editor = editor_for(finding.target or "")
    specifier = finding.version or ""
    for name in finding.names:
        if editor is None and (
            finding.rule == BUILD_FIRST or not dockerfile.pip_packages(dockerfile.parse(text, build_target))
        ):
            text = dockerfile_pip.install_first(text, name + specifier, target=build_target)
        elif editor is None:
            text = dockerfile.add_pip_packages(text, [name + specifier], target=build_target)
        elif editor.requirement_of(text, name) is None:
            text = editor.add(text, name, specifier)
    return text


def pin(finding: Finding, text: str, build_target: str | None) -> str:
    """The version of the finding's distribution; what the manifest does not name is added with it."""
    editor, version = editor_for(finding.target or ""), finding.version
    if version is None:
        raise ManifestError("the finding says no version")
    for name in finding.names:
        if editor is None:
            _only_dockerfiles(finding)
            text = dockerfile_pip.pin(text, name, version, target=build_target)
        elif canonical(name) in editor.declared(text):
            text = editor.pin(text, name, _in_style(editor.requirement_of(text, name), version))
        else:
            specifier = version if version[:1] in "<>=!~" else f"=={version}"
            text = editor.add(text, name, specifier)
    return text


def _in_style(before: Requirement | None, version: str) -> str:
    """The version as the manifest would write it: a range keeps its lower bound, a pin stays one.

    `<4` on `>=3.1` is `>=3.1,<4`; `>=6.0.1` on `==5.4` is `==6.0.1`.
    """
    clauses_before = list(before.specifier) if before else []
    first = re.match(r"^(<|>=)([\w.!+]+)$", version)
    if first is None or not clauses_before:
        return version
    if first[1] == ">=":
        pinned_before = len(clauses_before) == 1 and clauses_before[0].operator == "=="
        return f"=={first[2]}" if pinned_before else version
    lower = [c for c in clauses_before if c.operator in (">=", ">")]
    fits = lower and all(Version(c.version) < Version(first[2]) for c in lower)
    return ",".join([*map(str, lower), version]) if fits else version


def rename(finding: Finding, text: str, build_target: str | None) -> str:
    """`names` is (old, new): the requirement keeps its version, unless the finding says another one."""
    old, new = finding.names
    plain = re.split(r"[\[<>=!~]", new, maxsplit=1)[0]
    changes, editor = _changes(finding)
    if changes is None:
        return dockerfile_pip.rename(text, old, plain, target=build_target)
    result: str = changes.rename(text, old, plain)
    return editor.pin(result, plain, finding.version) if editor and finding.version else result


def replace(finding: Finding, text: str, build_target: str | None) -> str:
    """`names` is (old, new), another distribution: the old one's version means nothing to it."""
    old, new = finding.names
    wanted = Requirement(new)
    changes, editor = _changes(finding)
    if changes is None:
        specifier = clauses(wanted.specifier)
        return dockerfile_pip.replace(text, old, wanted.name, specifier, target=build_target)
    if editor is None:
        raise ManifestError(f"{finding.target} is no manifest this tool can edit")
    removed: str = changes.remove(text, old)
    return editor.add(removed, wanted.name, clauses(wanted.specifier))


def remove(finding: Finding, text: str, build_target: str | None) -> str:
    """The distributions of the finding taken out."""
    changes, _ = _changes(finding)
    for name in finding.names:
        text = (
            dockerfile_pip.remove(text, name, target=build_target)
            if changes is None
            else changes.remove(text, name)
        )
    return text


def add_extra(finding: Finding, text: str, build_target: str | None) -> str:
    """`uvicorn[standard]`: the extra on the requirement that is there, or a requirement with it."""
    changes, editor = _changes(finding)
    for name in finding.names:
        wanted = Requirement(name)
        extras = frozenset(wanted.extras)
        if changes is None:
            declared = canonical(wanted.name) in dockerfile.pip_packages(dockerfile.parse(text, build_target))
            text = (
                dockerfile_pip.add_extras(text, wanted.name, extras, target=build_target)
                if declared
                else dockerfile_pip.install_first(text, name, target=build_target)
            )
        elif editor is not None and canonical(wanted.name) not in editor.declared(text):
            text = editor.add(text, f"{wanted.name}[{','.join(sorted(extras))}]", str(wanted.specifier))
        else:
            text = changes.add_extras(text, wanted.name, extras)
    return text


def _changes(finding: Finding) -> tuple[ModuleType | None, ManifestEditor | None]:
    """The changes that fit the finding's file; None for a Dockerfile."""
    target = finding.target or ""
    editor = editor_for(target)
    if editor is None:
        _only_dockerfiles(finding)
        return None, None
    if target.endswith("setup.cfg"):
        return setup_cfg, editor
    if editor is pipfile:
        return pipfile, editor
    return (pyproject_changes if target.endswith(".toml") else requirements_changes), editor


def _only_dockerfiles(finding: Finding) -> None:
    target = finding.target or ""
    if not is_dockerfile(target) and re.search(r"\.(?:txt|in|py|cfg|toml|lock)$|Pipfile", target):
        raise ManifestError(f"{target} is not a manifest this tool can edit")
