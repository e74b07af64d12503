"""The operator's own words as findings: what is asked for plainly needs no proof, only a file to go to.

Which ecosystem a bare package name belongs to is decided here, by the service's manifests; where two fit,
the operator is asked, never guessed for.
"""

from __future__ import annotations

import re

from activities.diagnosis.knowledge import known_distribution, knows_system_package
from activities.diagnosis.operator.images import base_image_change
from activities.diagnosis.operator.manifests import LANGUAGES, declares, manifest_of
from activities.diagnosis.project import Project
from activities.manifests.edit_files import makes
from activities.manifests.names import canonical
from workflows.ecosystem_names import may_be, version_of
from workflows.errors import OrchestratorError
from workflows.models.finding import Finding, FindingKind, FindingOrigin
from workflows.models.request import Ecosystem, Intent, IntentKind

_SHARED_OBJECT = re.compile(r"\.so(?:\.\d+)*$")
_TOOLS = frozenset(
    {
        "bash", "cron", "curl", "ffmpeg", "gcc", "git", "make", "nano", "nginx", "nodejs", "openssl", "ssh",
        "sudo", "tini", "unzip", "vim", "wget", "zip",
    }
)  # fmt: skip
"""What everybody means by these is the program, although language indexes hold something of that name."""
_E, _K = Ecosystem, FindingKind
_PLAIN = {
    IntentKind.REBUILD: _K.REBUILD,
    IntentKind.RESTART: _K.RESTART,
    IntentKind.OPERATOR_PATCH: _K.OPERATOR_PATCH,
}
_ADDED = {
    _E.PYTHON: _K.ADD_PYTHON_PACKAGE,
    _E.NODE: _K.ADD_NODE_PACKAGE,
    _E.RUBY: _K.ADD_RUBY_GEM,
    _E.GO: _K.ADD_GO_MODULE,
    _E.PHP: _K.ADD_PHP_PACKAGE,
    _E.JAVA: _K.ADD_JAVA_DEPENDENCY,
    _E.RUST: _K.ADD_RUST_CRATE,
}
_REMOVED = {
    _E.PYTHON: _K.REMOVE_PYTHON_PACKAGE,
    _E.NODE: _K.REMOVE_NODE_PACKAGE,
    _E.RUBY: _K.REMOVE_RUBY_GEM,
    _E.GO: _K.REMOVE_GO_MODULE,
    _E.PHP: _K.REMOVE_PHP_PACKAGE,
    _E.JAVA: _K.REMOVE_JAVA_DEPENDENCY,
    _E.RUST: _K.REMOVE_RUST_CRATE,
}
_PINNED = {
    _E.PYTHON: _K.CHANGE_PYTHON_VERSION_PIN,
    _E.NODE: _K.CHANGE_NODE_VERSION_PIN,
    _E.RUBY: _K.CHANGE_RUBY_VERSION_PIN,
    _E.GO: _K.CHANGE_GO_VERSION_PIN,
    _E.PHP: _K.CHANGE_PHP_VERSION_PIN,
    _E.JAVA: _K.CHANGE_JAVA_VERSION_PIN,
    _E.RUST: _K.CHANGE_RUST_VERSION_PIN,
}
_BY_INTENT = {
    IntentKind.ADD_PACKAGE: _ADDED,
    IntentKind.REMOVE_PACKAGE: _REMOVED,
    IntentKind.PIN_PACKAGE: _PINNED,
    IntentKind.UPGRADE_PACKAGE: _PINNED,
}
_SYSTEM = {
    IntentKind.ADD_SYSTEM_PACKAGE: _K.ADD_SYSTEM_PACKAGE,
    IntentKind.REMOVE_SYSTEM_PACKAGE: _K.REMOVE_SYSTEM_PACKAGE,
}
_SPOKEN = {
    _E.PYTHON: "python package",
    _E.NODE: "npm package",
    _E.RUBY: "gem",
    _E.GO: "go module",
    _E.PHP: "composer package",
    _E.JAVA: "maven artifact",
    _E.RUST: "crate",
}


def operator_finding(intent: Intent, project: Project) -> Finding:
    """The finding behind a plain instruction.

    Raises:
        OrchestratorError: ``no_safe_fix`` where the service has no file that such a change could go to;
            ``ambiguous_instruction`` where more than one would fit.
    """
    if plain := _PLAIN.get(intent.kind):
        return _finding(intent, plain, (), None)
    if intent.kind in _SYSTEM:
        return _system_package(intent, project)
    if intent.kind is IntentKind.CHANGE_BASE_IMAGE:
        new, old = base_image_change(intent, project)
        finding = _finding(intent, _K.CHANGE_BASE_IMAGE, (new,), project.dockerfile_target())
        return finding.model_copy(update={"replaces": old})
    return _package(intent, project)


def require_doable(finding: Finding) -> None:
    """What is asked for must be whole before it becomes a plan: an editor makes it, and a version is there.

    Raises:
        OrchestratorError: ``no_safe_fix``, ``ambiguous_instruction``.
    """
    what = ", ".join(finding.names)
    if finding.target is not None and not makes(finding.kind):
        detail = (
            f"{finding.target} is not edited in this way ({finding.kind} {what}); bring the change as a patch"
        )
        raise OrchestratorError("no_safe_fix", detail=detail)
    if finding.kind in _PINNED.values() and not finding.version:
        raise _question(f'to which version of {what}? Say "pin {what} to <version>"')


def _package(intent: Intent, project: Project) -> Finding:
    name = intent.package or ""
    ecosystem = intent.ecosystem or _ecosystem(intent, name, project)
    adds_bare_name = intent.ecosystem is None and intent.kind is IntentKind.ADD_PACKAGE
    if adds_bare_name and _of_the_system(name, ecosystem):
        choices = f'"system package {name}" or "{_SPOKEN[ecosystem]} {name}"'
        raise _question(f"{name} is rather a package of the system; say {choices}")
    target = manifest_of(ecosystem, project)
    if target is None:
        detail = f"the service has no manifest that a {_SPOKEN[ecosystem]} could stand in"
        raise OrchestratorError("no_safe_fix", detail=detail)
    if intent.kind is not IntentKind.ADD_PACKAGE and declares(ecosystem, name, project) is False:
        raise OrchestratorError("no_safe_fix", detail=f"{target} does not name {name}")
    version = _version(intent.version, ecosystem)
    kind = _BY_INTENT[intent.kind][ecosystem]
    return _finding(intent, kind, (name,), target).model_copy(update={"version": version})


def _of_the_system(name: str, ecosystem: Ecosystem) -> bool:
    """Whether a bare name is rather the system's: a library, a tool, or no Python package on record."""
    if _SHARED_OBJECT.search(name) or name in _TOOLS:
        return True
    known = known_distribution(name)
    in_python = known is not None and canonical(known.name) == canonical(name)
    return ecosystem is _E.PYTHON and knows_system_package(name) and not in_python


def _ecosystem(intent: Intent, name: str, project: Project) -> Ecosystem:
    """Whose a bare name is: the only ecosystem of the service, or the only one that names it already."""
    present = [one for one in LANGUAGES if may_be(name, one) and manifest_of(one, project, quiet=True)]
    if intent.kind is not IntentKind.ADD_PACKAGE:
        naming = [one for one in present if declares(one, name, project)]
        present = naming or present
    if len(present) > 1:
        choices = " or ".join(f'"{_SPOKEN[one]} {name}"' for one in present)
        raise _question(f"the service has manifests of {', '.join(present)}; say {choices}")
    return present[0] if present else _E.PYTHON


def _version(said: str | None, ecosystem: Ecosystem) -> str | None:
    """The version in the words of its ecosystem; a bare ``flask 3`` was read as Python's ``==3``."""
    if said is None or ecosystem is _E.PYTHON:
        return said
    found = version_of(said.removeprefix("=="), ecosystem)
    if found is None:
        raise _question(f"{said} is no version that a {_SPOKEN[ecosystem]} can have")
    return f"v{found}" if ecosystem is _E.GO and not found.startswith("v") else found


def _system_package(intent: Intent, project: Project) -> Finding:
    name, manager = intent.package or "", project.package_manager
    if intent.ecosystem and manager and intent.ecosystem.value != manager:
        raise _question(
            f'the image installs with {manager}, not {intent.ecosystem}; say "{manager} package <name>"'
        )
    if intent.kind is IntentKind.REMOVE_SYSTEM_PACKAGE and project.facts is not None:
        installed = {
            word for stage in project.facts.reachable() for word in project.facts.system_packages(stage)
        }
        if name not in installed:
            raise OrchestratorError(
                "no_safe_fix", detail=f"{project.dockerfile_target()} does not install {name}"
            )
    exact = f"{name}={intent.version}" if intent.version else name
    return _finding(intent, _SYSTEM[intent.kind], (exact,), project.dockerfile_target())


def _finding(intent: Intent, kind: FindingKind, names: tuple[str, ...], target: str | None) -> Finding:
    return Finding(
        rule=f"operator.{intent.kind}",
        kind=kind,
        names=names,
        target=target,
        origin=FindingOrigin.OPERATOR,
        reason="asked for by the operator",
    )


def _question(detail: str) -> OrchestratorError:
    return OrchestratorError("ambiguous_instruction", detail=detail)
