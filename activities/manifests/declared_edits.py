"""What an operator asks for by name: declared packages of other languages taken out or given a version."""

from collections.abc import Callable

from activities.manifests import declared_lines as lines
from activities.manifests import declared_trees as trees
from activities.manifests import system_removal
from activities.manifests.errors import ManifestError
from workflows.models.finding import Finding, FindingKind

Edit = Callable[[Finding, str, str | None], str]
"""Finding, text of its target, and the Dockerfile stage that is built -> the text as it should be."""


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


EDITS: dict[FindingKind, Edit] = {
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
