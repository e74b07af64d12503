"""How a manifest writes its versions, so that an added line looks like its neighbours. Pure."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from activities.manifests import dockerfile
from activities.manifests.editors import editor_for, is_dockerfile
from activities.manifests.errors import ManifestError
from activities.manifests.installers import PipInstall


class Style(StrEnum):
    """What most lines of a manifest do."""

    EXACT = "exact"
    AT_LEAST = "at_least"
    COMPATIBLE = "compatible"
    CARET = "caret"
    TILDE = "tilde"
    BARE = "bare"


_SAID = {
    Style.EXACT: "pins its packages",
    Style.AT_LEAST: "gives lower bounds",
    Style.COMPATIBLE: "gives compatible releases (~=)",
    Style.CARET: "gives caret ranges",
    Style.TILDE: "gives tilde ranges",
    Style.BARE: "names packages without versions",
}


def said(style: Style) -> str:
    """The style as the reason of a version."""
    return _SAID[style]


def requirements_in(path: str, text: str, build_target: str | None) -> list[Requirement]:
    """What a Python manifest or a Dockerfile asks for by name; none where it cannot be read."""
    if is_dockerfile(path):
        return list(_in_dockerfile(text, build_target))
    editor = editor_for(path)
    if editor is None:
        return []
    try:
        found = (editor.requirement_of(text, name) for name in sorted(editor.declared(text)))
        return [one for one in found if one is not None and one.url is None]
    except ManifestError:
        return []


def python_style(path: str, text: str, build_target: str | None) -> Style:
    """The style of most of its lines; bare for an empty file."""
    kinds = [_kind(one.specifier) for one in requirements_in(path, text, build_target)]
    if path.endswith("pyproject.toml"):
        kinds += _poetry_kinds(text)
    return _most(kinds)


def python_specifier(style: Style, version: str, limit: str) -> str:
    """What stands behind the name; `limit` is a specifier that any release must meet, '' for none."""
    release = Version(version)
    major, minor = release.major, release.minor
    forms = {
        Style.EXACT: f"=={version}",
        Style.AT_LEAST: f">={version}",
        Style.COMPATIBLE: f"~={major}.{minor}",
        Style.TILDE: f">={version},<{major}.{minor + 1}",
        Style.CARET: f">={version},<{major + 1}" if major else f">={version},<0.{minor + 1}",
        Style.BARE: "",
    }
    own = forms[style]
    if style is Style.EXACT or not limit:
        return own
    upper = [str(clause) for clause in SpecifierSet(limit) if clause.operator in {"<", "<=", "!="}]
    return ",".join(filter(None, [own, *sorted(upper)])) if own else limit


def node_style(text: str) -> Style:
    """Of a package.json; caret, which npm itself writes, where it says nothing."""
    try:
        manifest = json.loads(text.removeprefix("\ufeff"))
        tables = [manifest.get(key) or {} for key in ("dependencies", "devDependencies")]
        ranges = [str(value) for table in tables for value in table.values()]
    except (ValueError, AttributeError):
        ranges = []
    kinds = [kind for kind in map(_node_kind, ranges) if kind]
    return _most(kinds) if kinds else Style.CARET


def node_range(style: Style, version: str) -> str:
    """What npm would write in this style."""
    return {Style.CARET: "^", Style.TILDE: "~", Style.AT_LEAST: ">="}.get(style, "") + version


def _most(kinds: Iterable[Style]) -> Style:
    counted = Counter(kinds)
    if not counted:
        return Style.BARE
    best, times = counted.most_common(1)[0]
    return best if times * 2 > counted.total() else Style.BARE


def _kind(specifier: SpecifierSet) -> Style:
    operators = {clause.operator for clause in specifier}
    if not operators:
        return Style.BARE
    if operators <= {"==", "==="}:
        return Style.EXACT if "*" not in str(specifier) else Style.COMPATIBLE
    if "~=" in operators:
        return Style.COMPATIBLE
    return Style.CARET if operators & {"<", "<="} and ">=" in operators else Style.AT_LEAST


def _node_kind(text: str) -> Style | None:
    if re.fullmatch(r"\d+\.\d+\.\d+\S*", text):
        return Style.EXACT
    found = re.match(r"(\^|~|>=)\d", text)
    return {"^": Style.CARET, "~": Style.TILDE, ">=": Style.AT_LEAST}[found[1]] if found else None


def _poetry_kinds(text: str) -> list[Style]:
    try:
        table = tomllib.loads(text.removeprefix("\ufeff"))["tool"]["poetry"]["dependencies"]
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        return []
    values = [
        value.get("version", "*") if isinstance(value, dict) else value
        for key, value in table.items()
        if key != "python"
    ]
    return [_poetry_kind(str(value).strip()) for value in values]


def _poetry_kind(text: str) -> Style:
    if text in {"", "*"}:
        return Style.BARE
    if text[0] in "^~" and not text.startswith("~="):
        return Style.CARET if text[0] == "^" else Style.TILDE
    if text[0].isdigit():
        return Style.EXACT
    try:
        return _kind(SpecifierSet(text))
    except ValueError:
        return Style.BARE


def _in_dockerfile(text: str, build_target: str | None) -> Iterable[Requirement]:
    for installed in dockerfile.parse(text, build_target).pip_installs():
        words = installed.what.packages if isinstance(installed.what, PipInstall) else ()
        for word in words:
            try:
                yield Requirement(word.text)
            except InvalidRequirement:
                continue
