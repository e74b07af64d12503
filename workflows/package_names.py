"""Which package names and versions may be written into a manifest or a Dockerfile: pure syntax.

Whatever passes here is one plain token of the packaging standards (PEP 508 names and extras,
PEP 440 specifiers) or of Debian policy (section 5.6.1). Newlines, ``;`` markers, options, URLs and
shell characters never pass, so no instruction can smuggle a line into a file (I1).
"""

import re
from dataclasses import dataclass

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_RELEASE = r"\d+(?:\.\d+)*"
_VERSION = rf"(?:\d+!)?{_RELEASE}(?:(?:a|b|rc)\d+)?(?:\.post\d+)?(?:\.dev\d+)?"
_COMPATIBLE = r"(?:\d+!)?\d+(?:\.\d+)+(?:(?:a|b|rc)\d+)?(?:\.post\d+)?(?:\.dev\d+)?"
_LOCAL = r"(?:\+[a-z0-9]+(?:\.[a-z0-9]+)*)?"
_CLAUSE = (
    rf"(?:(?:==|!=)(?:(?:\d+!)?{_RELEASE}\.\*|{_VERSION}{_LOCAL})"
    rf"|~={_COMPATIBLE}|(?:<=|>=|<|>){_VERSION})"
)
_PYTHON = re.compile(
    rf"(?P<name>{_NAME}(?:\[{_NAME}(?:,{_NAME})*\])?)(?P<specifier>{_CLAUSE}(?:,{_CLAUSE})*)?", re.ASCII
)
_BARE_VERSION = re.compile(rf"v?(?P<version>{_VERSION}{_LOCAL})", re.ASCII)
_SPECIFIER = re.compile(rf"{_CLAUSE}(?:,{_CLAUSE})*", re.ASCII)
_DEBIAN_NAME = r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.]"
_DEBIAN = re.compile(rf"(?P<name>{_DEBIAN_NAME})(?:=(?P<version>\d[A-Za-z0-9.+:~-]*))?", re.ASCII)
_AROUND_OPERATORS = re.compile(r"\s*(===|==|~=|!=|<=|>=|<|>|,|\[|\])\s*")


@dataclass(frozen=True, slots=True)
class PackageSpec:
    """A package as asked for: ``name`` with extras, ``version`` as written or None."""

    name: str
    version: str | None = None


def python_package(text: str) -> PackageSpec | None:
    """``uvicorn[standard]>=0.30`` -> name and specifier; ``flask 3.0`` means ``==3.0``; else None."""
    tight = _tight(text)
    if match := _PYTHON.fullmatch(tight):
        return PackageSpec(match["name"], match["specifier"])
    name, _, rest = tight.rpartition(" ")
    version = _BARE_VERSION.fullmatch(rest)
    match = _PYTHON.fullmatch(name.removesuffix(" version"))
    if match and version and not match["specifier"]:
        return PackageSpec(match["name"], f"=={version['version']}")
    return None


def python_version(text: str) -> str | None:
    """A bare version (``2.0.1``, also ``v2.0.1``) or a specifier (``<3``, ``>=1,<2``); else None."""
    tight = _tight(text)
    if match := _BARE_VERSION.fullmatch(tight):
        return match["version"]
    return tight if _SPECIFIER.fullmatch(tight) else None


def system_package(text: str) -> PackageSpec | None:
    """A Debian package, optionally ``name=version``; else None.

    A trailing ``-`` never passes: apt would *remove* that package.
    """
    match = _DEBIAN.fullmatch(text.strip())
    return PackageSpec(match["name"], match["version"]) if match else None


def _tight(text: str) -> str:
    return _AROUND_OPERATORS.sub(r"\1", text.strip())
