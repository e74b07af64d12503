"""What a changed package.json asks for that the knowledge base does not have. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from activities.diagnosis.node.knowledge import is_known
from activities.manifests.package_json import GROUPS

_RANGE = re.compile(r"^(?:latest|\*|[\w.^~<>=| -]*)$")
_HARMLESS = frozenset({*GROUPS, "type"})


def unknown_in_package_json(path: str, old: str, new: str) -> Iterator[str]:
    """Names without a record; `path` itself where it asks for addresses or changes other fields."""
    before, after = _read(old), _read(new)
    if before is None or after is None:
        yield f"the packages of {path}"
        return
    was, now = _dependencies(before), _dependencies(after)
    yield from (name for name in sorted(now) if name not in was and not is_known(name))
    addressed = any(not _RANGE.match(version) for name, version in now.items() if was.get(name) != version)
    if addressed or _rest(before) != _rest(after):
        yield f"an option or address in {path}"


def _read(text: str) -> dict[str, object] | None:
    try:
        data = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _dependencies(data: dict[str, object]) -> dict[str, str]:
    groups = (data.get(group) for group in GROUPS)
    return {str(n): str(v) for group in groups if isinstance(group, dict) for n, v in group.items()}


def _rest(data: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in data.items() if key not in _HARMLESS}
