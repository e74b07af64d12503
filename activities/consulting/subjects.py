"""Which packages a finding is about, and what the code wants of them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from activities.manifests.names import canonical
from workflows.models.finding import Finding, FindingKind, FindingOrigin

VERSIONED_KINDS = frozenset({FindingKind.ADD_PYTHON_PACKAGE, FindingKind.CHANGE_PYTHON_VERSION_PIN})
_RENAMING_KINDS = frozenset({FindingKind.RENAME_PYTHON_PACKAGE, FindingKind.REPLACE_PYTHON_PACKAGE})
"""Their first name goes, their second one comes."""
PYTHON_KINDS = VERSIONED_KINDS | _RENAMING_KINDS | {FindingKind.ADD_EXTRA}
NODE_KINDS = frozenset({FindingKind.ADD_NODE_PACKAGE})
_NO_MODULE = re.compile(r"No module named '?([A-Za-z_][\w.]*)")
_NO_NAME = re.compile(r"cannot import name '?(\w+)'? from '?([A-Za-z_][\w.]*)'?")
_NO_ATTRIBUTE = re.compile(r"module '([A-Za-z_][\w.]*)' has no attribute '(\w+)'")
_NODE_NAME = re.compile(r"((?:@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*)(?:@([^@\s]+))?")
_IMPORT = re.compile(r"^\s*(?:from\s+([A-Za-z_][\w.]*)\s+import|import\s+([A-Za-z_][\w.]*))")


@dataclass(frozen=True)
class Subject:
    """One package of one finding."""

    name: str
    """Canonical."""
    limit: str = ""
    """Specifier that every fitting release meets."""
    module: str = ""
    attribute: str = ""


def python_subjects(finding: Finding) -> tuple[Subject, ...]:
    """The distributions a finding installs or changes; none where a name is not a plain one."""
    if finding.kind not in PYTHON_KINDS:
        return ()
    names = finding.names[1:] if finding.kind in _RENAMING_KINDS else finding.names
    found = [_subject(name, finding.version or "") for name in names]
    plain = [one for one in found if one is not None]
    if len(plain) != len(found):
        return ()
    if len(plain) != 1:
        return tuple(plain)
    module, attribute = wanted_of(finding)
    return (Subject(plain[0].name, plain[0].limit, module, attribute),)


def wanted_of(finding: Finding) -> tuple[str, str]:
    """(module, name in it) that the quoted lines show to be missing; empty where they do not."""
    for quote in finding.quotes:
        text = quote.text.replace('"', "'")
        if found := _NO_NAME.search(text):
            return found[2], found[1]
        if found := _NO_ATTRIBUTE.search(text):
            return found[1], found[2]
        if found := _NO_MODULE.search(text):
            return found[1], ""
    first = finding.quotes[0].text if finding.quotes else ""
    imported = _IMPORT.match(first) if finding.origin is FindingOrigin.SCAN else None
    return (imported[1] or imported[2], "") if imported else ("", "")


def _subject(name: str, version: str) -> Subject | None:
    try:
        requirement = Requirement(name)
        limit = SpecifierSet(version if version[:1] in "<>=!~" or not version else f"=={version}")
    except (InvalidRequirement, InvalidSpecifier):
        return None
    if requirement.url or requirement.marker:
        return None
    return Subject(canonical(requirement.name), str(limit & requirement.specifier))


def node_subjects(finding: Finding) -> tuple[Subject, ...]:
    """The npm packages a finding adds; a name may carry its range (`express@4`)."""
    if finding.kind not in NODE_KINDS:
        return ()
    found = [_NODE_NAME.fullmatch(name) for name in finding.names]
    return tuple(Subject(one[1], finding.version or one[2] or "") for one in found if one)
