"""From findings to edits of the manifests of Go, Ruby, PHP, Java and Rust."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from activities.manifests import cargo_toml, composer_json, gemfile, go_mod, gradle, pom_xml
from activities.manifests.errors import ManifestError
from workflows.models.finding import Finding, FindingKind

Edit = Callable[[Finding, str, str | None], str]


def _each(add: Callable[[str, str, str], str], finding: Finding, text: str, _: str | None = None) -> str:
    """Every name added; of several names `version` holds one version each, in their order."""
    versions = (finding.version or "").split() if len(finding.names) > 1 else [finding.version or ""]
    if versions and len(versions) != len(finding.names):
        raise ManifestError(f"{len(versions)} versions for {len(finding.names)} names")
    for index, name in enumerate(finding.names):
        text = add(text, name, versions[index] if versions else "")
    return text


def _add_java_dependencies(finding: Finding, text: str, _: str | None) -> str:
    target = finding.target or ""
    if target.endswith((".gradle", ".kts")):
        return _each(partial(gradle.add, kotlin=target.endswith(".kts")), finding, text)
    return _each(pom_xml.add, finding, text)


EDITS: dict[FindingKind, Edit] = {
    FindingKind.ADD_GO_MODULE: partial(_each, go_mod.add),
    FindingKind.ADD_RUBY_GEM: partial(_each, gemfile.add),
    FindingKind.ADD_PHP_PACKAGE: partial(_each, composer_json.add),
    FindingKind.ADD_RUST_CRATE: partial(_each, cargo_toml.add),
    FindingKind.ADD_JAVA_DEPENDENCY: _add_java_dependencies,
}
"""Part of `edit_files`, which is the way to use it."""
