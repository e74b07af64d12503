"""package.json as text: dependencies and fields changed where they stand, all else as it was.

The standard library reads the JSON and tells where each value ends; the change is made in the text, so that
indentation, order, line ends and a missing last newline stay. Every function raises ManifestError instead of
guessing. Versions are npm ranges; '' means that none is known, and the `latest` tag is asked for.
"""

from __future__ import annotations

import json
import re

from activities.manifests.errors import ManifestError
from activities.manifests.json_text import Member, Members, object_in, read_object

DEPENDENCIES = "dependencies"
DEVELOPMENT = "devDependencies"
GROUPS = (DEPENDENCIES, DEVELOPMENT, "optionalDependencies")
_NAME = re.compile(r"^(?:@[A-Za-z0-9~][\w.~-]*/)?[A-Za-z0-9~][\w.~-]*$")
_VERSION = re.compile(r"^[\w.^~<>=*|& -]+$")
_TOOLS = (
    "eslint", "babel", "jest", "webpack", "postcss", "karma", "gulp", "grunt", "mocha", "prettier", "vite",
    "rollup",
)  # fmt: skip


def declared(text: str) -> set[str]:
    """Names in any group of dependencies."""
    return {item.key for group in GROUPS for item in _group_items(text, group)}


def range_of(text: str, name: str) -> str | None:
    """What the file asks for under `name`, None where it does not."""
    for group in GROUPS:
        for item in _group_items(text, group):
            if item.key == name:
                return str(item.value)
    return None


def add(text: str, name: str, version: str = "", group: str = "") -> str:
    """The text with `name` in `group` (default: where its like stands), sorted where the group is sorted.

    Unchanged where it is declared already.
    """
    _check(name, version)
    if name in declared(text):
        return text
    group = group or _group_for(text, name)
    wanted = _styled(text, group, version)
    top = _read(text)
    member = top.named(group)
    if member is None:
        return _checked(_insert_group(text, top, group, name, wanted), name)
    return _checked(_insert(text, object_in(text, member), name, json.dumps(wanted)), name)


def remove(text: str, name: str) -> str:
    """The text without `name` in any group."""
    for group in GROUPS:
        members = _members_of(text, group)
        item = members.named(name) if members else None
        if members and item:
            text = _cut(text, members, item)
    _read(text)
    return text


def rename(text: str, old: str, new: str) -> str:
    """The text with the key `old` called `new`, its version kept."""
    _check(new, "")
    for group in GROUPS:
        members = _members_of(text, group)
        item = members.named(old) if members else None
        if item is None:
            continue
        if new in declared(text):
            raise ManifestError(f"{new} is declared beside {old}")
        text = text[: item.start] + json.dumps(new) + text[item.start + len(json.dumps(old)) :]
        return _checked(text, new)
    raise ManifestError(f"package.json does not declare {old}")


def move(text: str, name: str, group: str = DEPENDENCIES) -> str:
    """The text with `name` in `group` instead of where it stands, its version kept."""
    version = range_of(text, name)
    if version is None:
        raise ManifestError(f"package.json does not declare {name}")
    members = _members_of(text, group)
    if members and members.named(name):
        return text
    bare = remove(text, name)
    top = _read(bare)
    member = top.named(group)
    if member is None:
        return _checked(_insert_group(bare, top, group, name, version), name)
    return _checked(_insert(bare, object_in(bare, member), name, json.dumps(version)), name)


def pin(text: str, name: str, version: str) -> str:
    """The text with another version of `name`, in every group that has it."""
    _check(name, version)
    found = False
    for group in GROUPS:
        members = _members_of(text, group)
        item = members.named(name) if members else None
        if item is None:
            continue
        if not isinstance(item.value, str) or re.search(r"[:/]", item.value):
            raise ManifestError(f"{name} comes from {item.value}, where no version can be set")
        text = text[: item.value_start] + json.dumps(version) + text[item.end :]
        found = True
    if not found:
        raise ManifestError(f"package.json does not declare {name}")
    return _checked(text, name)


def set_field(text: str, key: str, value: str) -> str:
    """The text with a top-level text field; a new one stands behind `main`, `version` or `name`."""
    if not re.match(r"^[A-Za-z][\w-]*$", key):
        raise ManifestError(f"{key!r} is not a field that can be set")
    top = _read(text)
    member = top.named(key)
    if member is not None:
        if not isinstance(member.value, str):
            raise ManifestError(f"the field {key} is no text")
        return text[: member.value_start] + json.dumps(value) + text[member.end :]
    behind = next((m for name in ("main", "version", "name") if (m := top.named(name))), None)
    after = top.items.index(behind) if behind else len(top.items) - 1
    return _insert(text, top, key, json.dumps(value), after=after)


def _read(text: str) -> Members:
    return read_object(text, "package.json")


def _members_of(text: str, group: str) -> Members | None:
    member = _read(text).named(group)
    return object_in(text, member) if member else None


def _group_items(text: str, group: str) -> tuple[Member, ...]:
    members = _members_of(text, group)
    return members.items if members else ()


def _check(name: str, version: str) -> None:
    if not _NAME.match(name):
        raise ManifestError(f"{name!r} is not a valid package name")
    if version and not _VERSION.match(version):
        raise ManifestError(f"{version!r} is not a version range")


def _checked(text: str, name: str) -> str:
    if name not in declared(text):
        raise ManifestError(f"the place for {name} is not clear in this package.json")
    return text


def _group_for(text: str, name: str) -> str:
    """Types stand beside the compiler, plugins beside their tool, all else is needed at run time."""
    tool = "typescript" if name.startswith("@types/") else next((t for t in _TOOLS if _belongs(name, t)), "")
    for group in GROUPS:
        names = {item.key for item in _group_items(text, group)}
        if tool and (tool in names or f"@{tool}/core" in names):
            return group
    return DEPENDENCIES if not name.startswith("@types/") else DEVELOPMENT


def _belongs(name: str, tool: str) -> bool:
    return name.startswith((f"{tool}-", f"@{tool}/"))


def _styled(text: str, group: str, version: str) -> str:
    """The version as the file writes versions: exact, with a tilde, or with a caret."""
    if not version:
        return "latest"
    found = re.match(r"^\^(\d+\.\d+\.\d+\S*)$", version)
    if found is None:
        return version
    values = [str(item.value) for g in (group, *GROUPS) for item in _group_items(text, g)]
    plain = [value for value in values if re.match(r"^[~^]?\d", value)]
    if len(plain) < 2:
        return version
    marks = [value[0] if value[0] in "~^" else "" for value in plain]
    return max(("^", "~", ""), key=marks.count) + found[1]


def _insert(text: str, members: Members, key: str, value: str, after: int | None = None) -> str:
    """A member put in: behind number `after`, at its place in a sorted object, or at the end."""
    keys = [item.key for item in members.items]
    if after is None:
        smaller = [number for number, other in enumerate(keys) if other < key]
        after = (max(smaller) if smaller else -1) if keys == sorted(keys) else len(keys) - 1
    new = f"{json.dumps(key)}{_colon(text, members)}{value}"
    if not members.items:
        return _fill(text, members, new)
    gap = text[members.open + 1 : members.items[0].start]
    if after < 0:
        at = members.items[0].start
        return text[:at] + new + "," + gap + text[at:]
    at = members.items[after].end
    return text[:at] + "," + (gap or " ") + new + text[at:]


def _colon(text: str, members: Members) -> str:
    """What stands between keys and values here."""
    if not members.items:
        return ": "
    item = members.items[-1]
    return text[item.key_end : item.value_start]


def _fill(text: str, members: Members, new: str) -> str:
    """The first member of an empty object, one step further in than the line of its brace."""
    line = text.rfind("\n", 0, members.open) + 1
    outer = re.match(r"[ \t]*", text[line:])
    indent = outer.group() if outer else ""
    end = _line_end(text)
    if not end:
        return text[: members.open + 1] + new + text[members.close :]
    inner = f"{end}{indent}{_step(text)}"
    return text[: members.open + 1] + inner + new + end + indent + text[members.close :]


def _insert_group(text: str, top: Members, group: str, name: str, version: str) -> str:
    """A new group behind the other groups, in the file's indentation."""
    end, step = _line_end(text), _step(text)
    entry = f"{json.dumps(name)}: {json.dumps(version)}"
    body = f"{{{end}{step * 2}{entry}{end}{step}}}" if end else f"{{{entry}}}"
    before = [n for n, item in enumerate(top.items) if item.key in (*GROUPS, "scripts")]
    return _insert(text, top, group, body, after=before[-1] if before else len(top.items) - 1)


def _cut(text: str, members: Members, item: Member) -> str:
    """Without one member and the comma that set it apart."""
    number = members.items.index(item)
    if len(members.items) == 1:
        return text[: members.open + 1] + text[members.close :]
    if number == len(members.items) - 1:
        return text[: members.items[number - 1].end] + text[item.end :]
    return text[: item.start] + text[members.items[number + 1].start :]


def _line_end(text: str) -> str:
    found = re.search(r"\r?\n", text)
    return found.group() if found else ""


def _step(text: str) -> str:
    """The indentation of the first member."""
    found = re.search(r"\n([ \t]+)\"", text)
    return found[1] if found else "  "
