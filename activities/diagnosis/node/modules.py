"""Modules that Node, a bundler or a test runner did not find."""

from __future__ import annotations

import re

from activities.diagnosis.node.packages import missing_request
from activities.diagnosis.node.present import platform_package
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Verdict

_Q = r"[\"'`\u2018]([^\"'`\u2019]+)[\"'`\u2019]"
_FROM = r"[\"'`\u2018](?P<by>[^\"'`\u2019]+)[\"'`\u2019]"
_NOT_FOUND = tuple(
    re.compile(pattern)
    for pattern in (
        # Node itself, in both module systems; jest
        rf"(?:^|[\s:)])(?:Error: )?(?:\[ERR_MODULE_NOT_FOUND\]: )?Cannot find (?:module|package) {_Q}"
        r"(?: imported from (?P<by>\S+))?(?: from [\"']?(?P<jest>[^\"'\s]+))?",
        # webpack, next, create-react-app, vue-cli
        rf"Module not found: (?:Error: )?(?:Can't|Cannot) resolve (?:module )?{_Q}"
        r"(?: in [\"']?(?P<by>[^\"'\s]+))?",
        rf"^\s*Cannot find module: {_Q}\. Make sure this package is installed",
        # rollup, vite, esbuild, parcel, metro
        rf"(?:Rollup failed|Failed) to resolve import {_Q} from {_FROM}",
        rf"(?:Failed to resolve|Unable to resolve module) {_Q} from {_FROM}",
        rf"\[ERROR\] Could not resolve {_Q}",
        rf"Could not resolve (?:import )?{_Q} from (?P<by>\S+)",
        rf"Cannot resolve dependency {_Q}",
        rf"following dependencies are imported but could not be resolved:\s+{_Q}",
        # tools that load a plugin by its name
        rf"Preprocessor dependency {_Q} not found",
        rf"Cannot find (?:plugin|preset|loader) {_Q}",
    )
)
_LIST = re.compile(r"dependenc(?:y was|ies were) not found:?$")
_LISTED = re.compile(r"^\s*\* ([@\w.][\w./@-]*) in (\S+)")
_OTHER_PLATFORM = re.compile(
    r"Cannot find module (@[\w/.-]+?)\. npm has a bug related to optional dependencies"
    r"|Could not load the \"(sharp)\" module using the \S+ runtime"
    r"|[Cc]annot find module ['\"](?:\.{1,2}/)?([\w.@/-]*linux(?:musl)?[-_.](?:x64|arm64)[\w.-]*)['\"]"
    r"|The package \"(@esbuild/linux-\w+)\" could not be found"
)
_STACKED = re.compile(r"^\s*- (\S+)$")
_FRAME = re.compile(r"^\s+at (?:.*[( ])?((?:file://)?/[^():]+):\d+:\d+\)?$")
_NOISE = re.compile(r"^(?:\s*at |npm (?:ERR!|error) +at )|webpackMissingModule|\(ignored\)|^\s*\d+ \|")


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line, None where it speaks of no missing module."""
    text = place.line.plain
    if _NOISE.search(text):
        return None
    foreign = _OTHER_PLATFORM.search(text)
    if foreign:
        return platform_package(next(name for name in foreign.groups() if name), place, project)
    if _LIST.search(text):
        listed = (match for line in place.after(8) if (match := _LISTED.match(line.plain)))
        return next((missing_request(one[1], one[2], place, project) for one in listed), None)
    found = next((match for pattern in _NOT_FOUND if (match := pattern.search(text))), None)
    if found is None:
        return None
    named = found.groupdict()
    importer = named.get("by") or named.get("jest") or _importer(place)
    return missing_request(found[1], importer.removeprefix("file://"), place, project)


def _importer(place: Place) -> str:
    """The file that asked: first of the require stack, else the first frame outside Node itself."""
    after = place.after(14)
    stacked = next((found[1] for line in after[:3] if (found := _STACKED.match(line.plain))), "")
    frames = (found[1] for line in after if (found := _FRAME.match(line.plain)))
    return stacked or next((file for file in frames if "/v8-compile-cache/" not in file), "")
