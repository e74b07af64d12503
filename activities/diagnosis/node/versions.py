"""Which release of a package to ask for, as far as the project and the knowledge tell without a registry."""

from __future__ import annotations

import re

from activities.diagnosis.node.knowledge import companions_of, is_lockstep, newest, release
from activities.diagnosis.node.project import PackageJson

_RANGE = re.compile(r"^[~^]?(\d+)(?:\.\d+){0,2}(?:-[\w.]+)?$")
_NEWEST_SUITS = 20
"""From this Node on, the newest release of a package is taken to run."""


def version_for(name: str, manifest: PackageJson | None, node: str) -> tuple[str, str]:
    """(npm range, why); '' as range where only the registry can tell which release suits.

    `node` is the release in the image, '' where it is not known.
    """
    if manifest is not None:
        found = _beside_sibling(name, manifest) or _types_of(name, manifest)
        if found:
            return found
    known = newest(name)
    if known and node and release(node)[0] >= _NEWEST_SUITS:
        return f"^{known}", f"newest release on record: {known}"
    return "", "which release suits this Node is for the registry to tell"


def _beside_sibling(name: str, manifest: PackageJson) -> tuple[str, str] | None:
    """Packages that are published together are asked for together."""
    for companion in companions_of(name):
        asked = manifest.asked(companion)
        if _RANGE.match(asked):
            return asked, f"published together with {companion}, which is asked for as {asked}"
    scope = name.split("/", 1)[0]
    if not name.startswith("@") or not is_lockstep(scope):
        return None
    asked_for = {**manifest.dev, **manifest.dependencies}
    siblings = [
        r for other, r in sorted(asked_for.items()) if other.startswith(scope + "/") and _RANGE.match(r)
    ]
    if not siblings:
        return None
    major = max(int(found[1]) for r in siblings if (found := _RANGE.match(r)))
    known = newest(name)
    if known and release(known)[0] < major:
        return f"^{known}", f"the newest release on record, older than the others of {scope}"
    return f"^{major}.0.0", f"the other packages of {scope} are of release line {major}"


def _types_of(name: str, manifest: PackageJson) -> tuple[str, str] | None:
    """Type declarations carry the major release of what they describe."""
    if not name.startswith("@types/"):
        return None
    plain = name.removeprefix("@types/")
    described = f"@{plain.replace('__', '/')}" if "__" in plain else plain
    found = _RANGE.match(manifest.asked(described))
    known = newest(name)
    if found is None or not known:
        return None
    major = int(found[1])
    if major >= release(known)[0]:
        return f"^{known}", f"newest release on record: {known}"
    return (f"^{major}.0.0" if major else f"^{known}"), f"{described} is asked for in release line {major}"
