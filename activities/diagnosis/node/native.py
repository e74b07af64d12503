"""Packages that are compiled while they are installed: python, make, compiler, headers; git to fetch them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from activities.diagnosis.evidence import Phase
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.node.images import node_release
from activities.diagnosis.node.knowledge import release
from activities.diagnosis.node.project import manager
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_ERR = r"(?:ERR!|error)"
_SHELL = r"(?:/bin/sh|^sh): (?:\d+: )?"
_PYTHON = re.compile(
    r"Can't find Python executable|gyp \S+ .*Could not find any Python installation|gyp: .*python.*not found"
    rf"|gyp {_ERR} find Python .*You need to install the latest version of Python"
    rf"|gyp {_ERR}.*Python executable \"\S+\" is v3\.\d+\S*, which is not supported by gyp"
)
_DISTUTILS = re.compile(r"ModuleNotFoundError: No module named 'distutils'")
_GYP_FAILED = re.compile(rf"gyp {_ERR} stack Error: `gyp` failed with exit code")
_OLD_SYNTAX = re.compile(r"SyntaxError: (?:Missing parentheses in call to 'print'|invalid syntax)")
_COMPILER = re.compile(
    rf"not found: make$|{_SHELL}(?:make|g\+\+|c\+\+|cc): not found"
    r"|make: (?:g\+\+|c\+\+|cc|gcc|clang\+\+): (?:Command not found|No such file or directory)"
)
_GIT = re.compile(
    r"(?:npm ERR!|error).*(?:spawn git(?: ENOENT)?$|No git binary found in \$PATH|not found: git)"
    rf"|npm {_ERR} path git$|Couldn't find the binary git|ERR_PNPM.*\bspawn git ENOENT"
    rf"|npm {_ERR} (?:enoent )?undefined ls-remote|npm {_ERR} git clone .*: undefined$"
)
_GYP_VERSION = re.compile(r"node-gyp -v v(\d+)")
_NODE_TOOLS = re.compile(rf"\bgyp\b|npm (?:{_ERR}|WARN|warn)|node_modules|node-pre-gyp|yarn run v|ERR_PNPM")
_LAST_PYTHON_2_GYP = 5
"""node-gyp reads Python 3 since release 6."""
_AUTOTOOLS = ("autoconf", "automake", "libtool")
_LIBRARIES: tuple[tuple[re.Pattern[str], tuple[str, ...], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern), apt, apk)
    for pattern, apt, apk in (
        (
            r"[Pp]ackage '?(?:cairo|pixman-1|pangocairo)'?,? .*(?:not found|required)"
            r"|No package '(?:cairo|pixman-1|pangocairo)' found"
            r"|Call to 'pkg-config (?:cairo|pixman-1|pangocairo)",
            (
                "build-essential", "libcairo2-dev", "libpango1.0-dev", "libjpeg-dev", "libgif-dev",
                "librsvg2-dev",
            ),
            ("build-base", "g++", "cairo-dev", "pango-dev", "jpeg-dev", "giflib-dev"),
        ),
        (r"vips/vips8: No such file|vips-cpp was not found", ("libvips-dev",), ("vips-dev",)),
        (
            r"[Pp]ackage '?libpng'?,? .*(?:not found|required)|No package 'libpng' found"
            r"|configure: error: libpng required",
            ("libpng-dev",),
            ("libpng-dev",),
        ),
        (rf"{_SHELL}autoreconf: not found", _AUTOTOOLS, _AUTOTOOLS),
        (r"configure: error: no nasm|nasm: not found", ("nasm",), ("nasm",)),
        (rf"gyp: Call to 'pkg-config|{_SHELL}pkg-config: not found", ("pkg-config",), ("pkgconfig",)),
    )
)  # fmt: skip


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line of a build; None outside builds and for other messages."""
    text = place.line.plain
    if place.phase is not Phase.BUILD:
        return None
    if _GIT.search(text):
        why = "a dependency is fetched with git, which the image lacks"
        return _system(("git",), ("git",), "git", why, place, project)
    if _PYTHON.search(text):
        return _python(place, project)
    if _GYP_FAILED.search(text):
        return _gyp_failed(place, project)
    return _compiling(text, place, project) if _near_node(place) else None


def _gyp_failed(place: Place, project: Project) -> Verdict | None:
    """node-gyp's own Python stopped: its traceback above says why, and is none of the project's."""
    above = "\n".join(line.plain for line in place.before(60))
    if _DISTUTILS.search(above):
        return _distutils(place, project)
    return _python(place, project, old=True) if _OLD_SYNTAX.search(above) else None


def _compiling(text: str, place: Place, project: Project) -> Verdict | None:
    if _DISTUTILS.search(text):
        return _distutils(place, project)
    if _COMPILER.search(text):
        why = "a package is compiled while it is installed, and the image has no compiler or no make"
        return _system(("make", "g++"), ("make", "g++"), "compiler", why, place, project)
    for pattern, apt, apk in _LIBRARIES:
        if pattern.search(text):
            why = "a package is compiled while it is installed, and lacks a library or a tool"
            return _system(apt, apk, "library", why, place, project)
    return None


def _distutils(place: Place, project: Project) -> Verdict:
    why = "node-gyp needs distutils, which left Python 3.12; setuptools brings it"
    return _system(("python3-setuptools",), ("py3-setuptools",), "distutils", why, place, project)


def _near_node(place: Place) -> bool:
    """Whether the lines around are of Node's tools: the same words come from other builds too."""
    around = [*place.before(80), place.line, *place.after(80)]
    return any(_NODE_TOOLS.search(line.plain) for line in around)


def _python(place: Place, project: Project, *, old: bool = False) -> Verdict:
    """Python 2 for an old node-gyp, else Python 3; make and a compiler come along."""
    around = [*place.before(200), *place.after(200)]
    said = next((found for line in reversed(around) if (found := _GYP_VERSION.search(line.plain))), None)
    asks_for_2 = '"python"' in place.line.plain or "not supported by gyp" in place.line.plain
    old = old or (int(said[1]) <= _LAST_PYTHON_2_GYP if said else asks_for_2)
    gyp = f"node-gyp {said[1]}" if said else "node-gyp"
    why = f"{gyp} compiles a package and finds no Python {'2' if old else '3'} in the image"
    if not old:
        return _system(("python3", "make", "g++"), ("python3", "make", "g++"), "python", why, place, project)
    if project.release in ("bookworm", "trixie", "noble") and manager(project) == "apt":
        reason = f"{why}; {project.release} has none: a newer release of the package, or an older image"
        return Refusal("build.node_python", reason, (place.line,))
    apt = (_python_2(project, around), "make", "g++")
    return _system(apt, ("python2", "make", "g++"), "python", why, place, project)


def _python_2(project: Project, around: Sequence[LogLine]) -> str:
    """`python` up to Debian 10, `python2` in Debian 11; the image's Node tells where its release does not."""
    if project.release in ("bullseye", "focal", "jammy"):
        return "python2"
    here = node_release(project, around)
    return "python2" if not project.release and here and release(here)[0] >= 14 else "python"


def _system(
    apt: tuple[str, ...], apk: tuple[str, ...], what: str, why: str, place: Place, project: Project
) -> Verdict:
    used = manager(project)
    names = {"apt": apt, "apk": apk}.get(used)
    if names is None:
        reason = f"{why}; which package of this image brings it is not known"
        return Refusal(f"build.node_{what}", reason, (place.line,))
    reason = f"{why}; {', '.join(names)} of {used} bring it"
    return Need(f"build.node_{what}", FindingKind.ADD_SYSTEM_PACKAGE, names, (place.line,), reason)
