"""Names and versions of packages outside Python, as each ecosystem writes them: pure syntax.

As with ``package_names``: whatever passes is one plain token (or two, for a name and its version), so that
nothing said can smuggle a line, an option, an address or a quote into a manifest (I1).
"""

import re
from dataclasses import dataclass

from workflows.models.request import Ecosystem
from workflows.package_names import PackageSpec, python_package, python_version, system_package

_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_LOWER = r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?"
_NUMBER = r"\d+(?:\.\d+){0,3}(?:[.-][0-9A-Za-z]+)*(?:\+[0-9A-Za-z.-]+)?"
_RANGE = rf"(?:[~^]|[<>]=?|=)?{_NUMBER}"
_COMPOSER_PHP = r"(?:ext-[a-z0-9_]+|lib-[a-z0-9_]+)"


@dataclass(frozen=True, slots=True)
class _Grammar:
    name: re.Pattern[str]
    version: re.Pattern[str]
    joints: str
    """Characters that may stand between name and version."""

    def read(self, text: str) -> PackageSpec | None:
        """The name, or name and version, joined by this ecosystem's own sign or by a blank."""
        if len(text) > _LONGEST:
            return None
        if self.name.fullmatch(text):
            return PackageSpec(text)
        for joint in (" version ", *self.joints, " "):
            name, found, version = text.rpartition(joint)
            if joint == " " and name:
                name, _, version = text.partition(" ")
            if found and self.name.fullmatch(name) and self.version.fullmatch(version.strip()):
                return PackageSpec(name, version.strip())
        return None


_LONGEST = 214


def _grammar(name: str, version: str, joints: str = "") -> _Grammar:
    return _Grammar(re.compile(name, re.ASCII), re.compile(version, re.ASCII), joints)


_GRAMMARS = {
    Ecosystem.NODE: _grammar(
        rf"(?:@{_LOWER}/)?{_LOWER}", rf"{_RANGE}|[<>]=?{_NUMBER} [<>]=?{_NUMBER}|\d+\.x|\d+\.\d+\.x", "@"
    ),
    Ecosystem.RUBY: _grammar(
        r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", rf"(?:~> ?|[<>]=? ?|= ?)?{_NUMBER}", ":"
    ),
    Ecosystem.GO: _grammar(rf"{_LOWER}\.[a-z]{{2,}}(?:/{_WORD})+", rf"v?{_NUMBER}", "@"),
    Ecosystem.PHP: _grammar(rf"{_LOWER}/{_LOWER}|{_COMPOSER_PHP}", rf"v?{_RANGE}|\d+\.\*|\d+\.\d+\.\*", ":"),
    Ecosystem.JAVA: _grammar(rf"{_WORD}:[A-Za-z](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", _NUMBER, ":"),
    Ecosystem.RUST: _grammar(r"[A-Za-z](?:[A-Za-z0-9_-]*[A-Za-z0-9])?", _RANGE, "@"),
}
_SYSTEM = frozenset({Ecosystem.APT, Ecosystem.APK, Ecosystem.YUM})
_SHAPED = (Ecosystem.JAVA, Ecosystem.GO, Ecosystem.PHP)
"""Names of these cannot be mistaken for another's; ``@scope/name`` and ``name@1`` are looked at apart."""


def package_of(text: str, ecosystem: Ecosystem) -> PackageSpec | None:
    """A package of this ecosystem, optionally with its version; None where it is not exactly that."""
    if ecosystem is Ecosystem.PYTHON:
        return python_package(text)
    if ecosystem in _SYSTEM:
        return system_package(text)
    return _GRAMMARS[ecosystem].read(text.strip())


def version_of(text: str, ecosystem: Ecosystem) -> str | None:
    """A version or range as this ecosystem writes it; None where it is not exactly that."""
    if ecosystem is Ecosystem.PYTHON:
        return python_version(text)
    if ecosystem in _SYSTEM:
        spec = system_package(f"name={text.strip()}")
        return spec.version if spec else None
    found = text.strip()
    return found if _GRAMMARS[ecosystem].version.fullmatch(found) else None


def ecosystem_by_shape(text: str) -> Ecosystem | None:
    """The ecosystem that alone writes names like this: ``g:a``, ``example.org/m``, ``vendor/p``, ``@s/p``."""
    name = text.strip().split(" ", 1)[0]
    if name.startswith("@") or (name.count("@") == 1 and "/" not in name):
        return Ecosystem.NODE if package_of(text, Ecosystem.NODE) else None
    found = next((one for one in _SHAPED if package_of(text, one)), None)
    # "redis:alpine" is rather an image
    return None if found is Ecosystem.JAVA and "." not in name.split(":", 1)[0] else found


def may_be(name: str, ecosystem: Ecosystem) -> bool:
    """Whether a bare name could be a package of this ecosystem."""
    return package_of(name, ecosystem) is not None
