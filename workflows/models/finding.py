"""What the rules made of the evidence."""

from enum import StrEnum

from workflows.models.base import Model


class FindingKind(StrEnum):
    """The vocabulary of causes and cures."""

    ADD_SYSTEM_PACKAGE = "add_system_package"
    REPLACE_SYSTEM_PACKAGE = "replace_system_package"
    REMOVE_SYSTEM_PACKAGE = "remove_system_package"
    CHANGE_SYSTEM_PACKAGE_PIN = "change_system_package_pin"
    ADD_PYTHON_PACKAGE = "add_python_package"
    CHANGE_PYTHON_VERSION_PIN = "change_python_version_pin"
    RENAME_PYTHON_PACKAGE = "rename_python_package"
    REPLACE_PYTHON_PACKAGE = "replace_python_package"
    REMOVE_PYTHON_PACKAGE = "remove_python_package"
    ADD_EXTRA = "add_extra"
    ADD_NODE_PACKAGE = "add_node_package"
    REMOVE_NODE_PACKAGE = "remove_node_package"
    RENAME_NODE_PACKAGE = "rename_node_package"
    MOVE_NODE_PACKAGE = "move_node_package"
    CHANGE_NODE_VERSION_PIN = "change_node_version_pin"
    CHANGE_NODE_VERSION = "change_node_version"
    SET_PACKAGE_JSON_FIELD = "set_package_json_field"
    ADD_GO_MODULE = "add_go_module"
    REMOVE_GO_MODULE = "remove_go_module"
    CHANGE_GO_VERSION_PIN = "change_go_version_pin"
    ADD_RUBY_GEM = "add_ruby_gem"
    REMOVE_RUBY_GEM = "remove_ruby_gem"
    CHANGE_RUBY_VERSION_PIN = "change_ruby_version_pin"
    ADD_PHP_PACKAGE = "add_php_package"
    REMOVE_PHP_PACKAGE = "remove_php_package"
    CHANGE_PHP_VERSION_PIN = "change_php_version_pin"
    ADD_JAVA_DEPENDENCY = "add_java_dependency"
    REMOVE_JAVA_DEPENDENCY = "remove_java_dependency"
    CHANGE_JAVA_VERSION_PIN = "change_java_version_pin"
    ADD_RUST_CRATE = "add_rust_crate"
    REMOVE_RUST_CRATE = "remove_rust_crate"
    CHANGE_RUST_VERSION_PIN = "change_rust_version_pin"
    ADD_MANIFEST = "add_manifest"
    CHANGE_LOCKFILE = "change_lockfile"
    CHANGE_BASE_IMAGE = "change_base_image"
    EDIT_RUN_COMMAND = "edit_run_command"
    DECLINE = "decline"
    RESTART = "restart"
    REBUILD = "rebuild"
    OPERATOR_PATCH = "operator_patch"


class FindingOrigin(StrEnum):
    """How strongly a finding is proven."""

    EVIDENCE = "evidence"
    SCAN = "scan"
    OPERATOR = "operator"
    LLM = "llm"


class Quote(Model):
    """One line of evidence, word for word (secrets masked)."""

    source: str
    """Which text, for instance ``container log`` or a path in the build context."""
    line: int
    """1-based line number in that text."""
    text: str


class Finding(Model):
    """One proven cause with its cure, or the reason why there is none."""

    rule: str
    kind: FindingKind
    names: tuple[str, ...] = ()
    target: str | None = None
    """Path of the file to change, relative to the workspace."""
    version: str | None = None
    """Specifier for a package; for a pin, the version or specifier it gets."""
    replaces: str | None = None
    """What ``names`` takes the place of in the target: a package, an image, the text of a command."""
    stage: str | None = None
    """Number of the Dockerfile stage to change, where the evidence names one."""
    origin: FindingOrigin = FindingOrigin.EVIDENCE
    quotes: tuple[Quote, ...] = ()
    reason: str = ""
    consulted: tuple[str, ...] = ()
    """What was asked beside the evidence, and its answer: knowledge, package index, image; a line each."""
    doubts: tuple[str, ...] = ()
    """Why a person should look before this package is installed (supply chain); empty: no reason."""

    def without_prose(self) -> "Finding":
        """What was done about it, small in the history; whoever asks has seen the rest."""
        return self.model_copy(update={"quotes": (), "reason": "", "consulted": (), "doubts": ()})
