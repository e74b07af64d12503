"""Code and Node release that do not suit each other: too new syntax and functions, old packages."""

from __future__ import annotations

import re

from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.node.images import (
    long_term_from,
    node_image,
    node_release,
    other_node,
    suitable,
)
from activities.diagnosis.node.knowledge import (
    api_since,
    export_since,
    newest_node_for_sass,
    release,
    releases_with,
    syntax_since,
)
from activities.diagnosis.node.packages import missing_request
from activities.diagnosis.node.project import package_json_for
from activities.diagnosis.node.sources import code_above
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Refusal, Verdict

_TOKEN = re.compile(r"SyntaxError: Unexpected (?:token )?'?(identifier|reserved word|[^'\s]+)'?")
_NOT_DEFINED = re.compile(r"ReferenceError: (\w+) is not defined")
_NOT_FUNCTION = re.compile(r"(?:TypeError: |\] )(.+?) is not a (?:function|constructor)")
_NO_EXPORT = re.compile(r"The requested module '(?:node:)?[\w/]+' does not provide an export named '(\w+)'")
_SASS = re.compile(r"Node Sass does not yet support your current environment: .*Unsupported runtime \(\d+\)")
_SASS_VERSION = re.compile(
    r"node-sass@(\d+\.\d+\.\d+)|node-sass/releases/(?:tag|download)/v(\d+\.\d+\.\d+)"
    r"|\"node-sass\": \"[~^]?(\d+\.\d+\.\d+)"
)
_OPENSSL = re.compile(r"ERR_OSSL_EVP_UNSUPPORTED|0308010C:digital envelope routines:+unsupported")
_NOT_EXPORTED = re.compile(
    r"Package subpath '\./([^']+)' is not defined by \"exports\" in \S*/node_modules/(\S+)/package\.json"
)
_PRIMORDIALS = re.compile(r"ReferenceError: primordials is not defined")
_RANGE = r"(?P<range>[v^~>=\d][\d.x |^~>=<v]*)"
_ASKS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:requires?|required|needs?) (?:at least |a minimum (?:of )?)?[Nn]ode(?:\.js)?(?: version)?"
        rf"\W{{0,3}}(?:of )?(?:at least )?(?:either )?{_RANGE}",
        r"[Yy]ou are (?:using|running) Node(?:\.js)? v?[\d.]+.*?\b(?:requires?|required|need)\b"
        rf"[^\d>=^]*{_RANGE}",
        rf"Node\.js version {_RANGE}(?: or \S+)? is required",
        rf"minimum Node\.js version of (?:either )?{_RANGE}",
    )
)
_AROUND = 60


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line, None where it speaks of none of these."""
    text = place.line.plain
    return (
        _old_package(text, place, project)
        or _syntax(text, place, project)
        or _function(text, place, project)
        or _asks(text, place, project)
    )


def _around(place: Place) -> list[LogLine]:
    return [*place.before(_AROUND), place.line, *place.after(_AROUND)]


def _old_package(text: str, place: Place, project: Project) -> Verdict | None:
    """Packages that no Node after theirs can run."""
    if _OPENSSL.search(text):
        why = "the build uses a hash that OpenSSL 3, and so every Node since 17, refuses"
        return _older("node.openssl", "16", place, project, why)
    hidden = _NOT_EXPORTED.search(text)
    if hidden and (hidden[2], hidden[1]) == ("postcss", "lib/tokenize"):
        why = "postcss 8.2 hides a path that its plugins use from every Node since 17"
        return _older("node.hidden_path", "16", place, project, why)
    if hidden and releases_with(f"{hidden[2]}/{hidden[1]}"):
        return missing_request(f"{hidden[2]}/{hidden[1]}", "", place, project)
    if _PRIMORDIALS.search(text):
        why = "graceful-fs 3 (gulp 3) uses insides of Node that are gone since 12"
        return _older("node.primordials", "10", place, project, why)
    return _old_sass(place, project) if _SASS.search(text) else None


def _old_sass(place: Place, project: Project) -> Verdict:
    version = _sass_version(place, project)
    limit = newest_node_for_sass(version) if version else None
    if limit is None:
        reason = "node-sass has no binding for this Node, and its release is not known"
        return Refusal("node.sass_too_old", reason, (place.line,))
    why = f"node-sass {version} has no binding for a Node newer than {limit}"
    # The ranges of `engines` name the long-term release below the limit.
    wanted = suitable(f"<={limit}.999.999", str(limit))
    return _older("node.sass_too_old", wanted, place, project, why)


def _sass_version(place: Place, project: Project) -> str:
    lines = [*place.before(400), *place.after(_AROUND)]
    said = [found for line in lines if (found := _SASS_VERSION.search(line.plain))]
    if said:
        return next(value for value in said[-1].groups() if value)
    manifest = package_json_for(project)
    asked = re.search(r"\d+\.\d+(?:\.\d+)?", manifest.asked("node-sass")) if manifest else None
    return asked[0] if asked else ""


def _older(rule: str, wanted: str, place: Place, project: Project, why: str) -> Verdict:
    here = node_release(project, _around(place))
    if here and release(here)[0] <= release(wanted)[0]:
        return Refusal(rule, f"{why}; but the image has Node {here}", (place.line,))
    return other_node(rule, wanted, project, (place.line,), why)


def _newer(rule: str, since: str, place: Place, project: Project, what: str) -> Verdict | None:
    """Another Node, where the present one is known to be older; None where it has what is asked for."""
    here = node_release(project, _around(place))
    if not here or release(here) >= release(since):
        return None
    why = f"{what} came with Node {since}; the image has {here}"
    return other_node(rule, long_term_from(since), project, (place.line,), why)


def _syntax(text: str, place: Place, project: Project) -> Verdict | None:
    found = _TOKEN.search(text)
    file, code = code_above(place) if found else ("", "")
    known = syntax_since(found[1], code) if found and code else None
    if known is None:
        return None
    return _newer("node.too_old_syntax", known[1], place, project, f"{known[0]} (in {file})")


def _function(text: str, place: Place, project: Project) -> Verdict | None:
    """A global, a method or an export of Node that older ones do not have."""
    missing = _NOT_DEFINED.search(text) or _NOT_FUNCTION.search(text)
    exported = _NO_EXPORT.search(text)
    since = api_since(missing[1]) if missing else export_since(exported[1]) if exported else None
    what = missing[1] if missing else exported[1] if exported else ""
    return _newer("node.too_old_function", since, place, project, what) if since else None


def _asks(text: str, place: Place, project: Project) -> Verdict | None:
    """A tool that says which Node it needs."""
    found = next((match for pattern in _ASKS if (match := pattern.search(text))), None)
    if found is None or not node_image(project):
        return None
    wanted = found["range"].strip(" .|")
    here = node_release(project, _around(place))
    if not here or not re.search(r"\d", wanted):
        return None
    spec = wanted if re.search(r"[<>^~=]", wanted) else f">={wanted.lstrip('v')}"
    fitting = suitable(spec, here)
    if not fitting or release(fitting)[0] <= release(here)[0]:
        return None
    why = f"the tool asks for Node {wanted}; the image has {here}"
    return other_node("node.too_old", fitting, project, (place.line,), why)
