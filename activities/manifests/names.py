"""Names, versions and specifiers as the Python packaging standards define them."""

from __future__ import annotations

import re

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from activities.manifests.errors import ManifestError


def wanted(name: str, specifier: str) -> Requirement:
    """The requirement an operator or a rule asks for: `name` may carry extras, `specifier` may be empty.

    Raises ManifestError for anything that is not a plain, valid name with a valid specifier.
    """
    try:
        requirement = Requirement(name + str(SpecifierSet(specifier)))
    except (InvalidRequirement, InvalidSpecifier) as error:
        raise ManifestError(f"{name + specifier!r} is not a valid requirement") from error
    if requirement.url or requirement.marker or not name.isascii():
        raise ManifestError(f"{name!r} is not a plain package name")
    if specifier == "" and requirement.specifier:
        raise ManifestError(f"{name!r} carries a version; give it apart from the name")
    return requirement


def parse_requirement(text: str) -> Requirement:
    """A name with extras and specifier as one text: `uvicorn[standard]>=0.30`.

    Raises ManifestError for URLs, markers and whatever is no requirement.
    """
    found = re.match(r"^\s*([A-Za-z0-9._-]+(?:\[[^\]]*\])?)\s*(.*)$", text)
    return wanted(found[1] if found else text, found[2] if found else "")


def pinned(version: str) -> SpecifierSet:
    """`1.4.2` means `==1.4.2`; a value that starts with an operator (`<4`, `>=1,<2`) is taken as it is.

    Raises ManifestError when it is neither.
    """
    try:
        if version[:1] in "<>=!~" and version:
            return SpecifierSet(version)
        return SpecifierSet(f"=={Version(version)}")
    except (InvalidSpecifier, InvalidVersion) as error:
        raise ManifestError(f"{version!r} is not a valid version") from error


def canonical(name: str) -> str:
    """PEP 503 name, without extras: `Flask_SQLAlchemy[x]` becomes `flask-sqlalchemy`."""
    return canonicalize_name(name.split("[", 1)[0].strip())


def clauses(specifier: SpecifierSet) -> str:
    """The specifier with lower bounds first: `>=1.34,<1.35` reads better than the set's own order."""
    ordered = sorted((str(clause) for clause in specifier), key=lambda clause: clause.startswith(("<", "!")))
    return ",".join(ordered)


def spelled(requirement: Requirement) -> str:
    """Name, extras and version as a person would write them, without marker."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{clauses(requirement.specifier)}"
