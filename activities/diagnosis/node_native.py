"""Packages that are compiled while they are installed: python, make, compiler, headers, git."""

from __future__ import annotations

import re

from activities.diagnosis.evidence import Phase
from activities.diagnosis.node_images import node_release
from activities.diagnosis.node_knowledge import release
from activities.diagnosis.node_project import manager
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_PYTHON = re.compile(
    r"gyp (?:ERR!|verb|info).*(?:Can't find Python executable|Could not find any Python installation|find Python[^\n]*not found"
    r"|is \"?not\"? (?:set|found).*python|You need to install the latest version of Python)"
    r"|Can't find Python executable|gyp: .*python.*not found"
)
_OLD_PYTHON = re.compile(
    r"gyp (?:ERR!|error).*Python executable \"\S+\" is v(3\.\d+)\S*, which is not supported by gyp"
)
_DISTUTILS = re.compile(r"(?:gyp (?:ERR!|error)|^)\s*.*ModuleNotFoundError: No module named 'distutils'")
_MAKE = re.compile(
    r"gyp (?:ERR!|error).*not found: make|/bin/sh: (?:\d+: )?make: not found|Error: not found: make"
)
_COMPILER = re.compile(
    r"make: (?:g\+\+|c\+\+|cc|gcc|clang\+\+): (?:Command not found|No such file or directory)"
    r"|/bin/sh: (?:\d+: )?(?:g\+\+|c\+\+|cc): not found"
)
_GIT = re.compile(
    r"(?:npm (?:ERR!|error)|error).*(?:spawn git(?: ENOENT)?$|No git binary found in \$PATH|not found: git)"
    r"|npm (?:ERR!|error) (?:path|syscall spawn) git\b|Couldn't find the binary git|ERR_PNPM.*\bspawn git ENOENT"
    r"|npm (?:ERR!|error) (?:enoent )?undefined ls-remote|npm (?:ERR!|error) git clone .*: undefined$"
)
_GYP_VERSION = re.compile(r"node-gyp -v v(\d+)")
_LIBRARIES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        r"(?:Package|package) '?(?:cairo|pixman-1|pangocairo)'?,? .*(?:not found|required)|No package '(?:cairo|pixman-1|pangocairo)' found",
        ("build-essential", "libcairo2-dev", "libpango1.0-dev", "libjpeg-dev", "libgif-dev", "librsvg2-dev"),
        ("build-base", "g++", "cairo-dev", "pango-dev", "jpeg-dev", "giflib-dev"),
    ),
    (
        r"vips/vips8: No such file|Package vips-cpp was not found|vips-cpp\.pc",
        ("libvips-dev",),
        ("vips-dev",),
    ),
    (
        r"[Pp]ackage '?libpng'?,? .*(?:not found|required)|No package 'libpng' found|configure: error: libpng required",
        ("libpng-dev",),
        ("libpng-dev",),
    ),
    (
        r"(?:/bin/sh: (?:\d+: )?|sh: )autoreconf: not found",
        ("autoconf", "automake", "libtool"),
        ("autoconf", "automake", "libtool"),
    ),
    (r"configure: error: no nasm|nasm: not found", ("nasm",), ("nasm",)),
    (
        r"gyp: Call to 'pkg-config|(?:/bin/sh: (?:\d+: )?)pkg-config: not found",
        ("pkg-config",),
        ("pkgconfig",),
    ),
)


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line of a build; None outside builds and for other messages."""
    if place.phase is not Phase.BUILD:
        return None
    text = place.line.plain
    if _GIT.search(text):
        return _system(
            ("git",),
            ("git",),
            "git",
            "a dependency is fetched with git, which the image lacks",
            place,
            project,
        )
    if _PYTHON.search(text) or _OLD_PYTHON.search(text):
        return _python(place, project)
    if not _near_node(place):
        return None
    if _DISTUTILS.search(text):
        why = "node-gyp needs distutils, which left Python 3.12; setuptools brings it"
        return _system(("python3-setuptools",), ("py3-setuptools",), "distutils", why, place, project)
    if _MAKE.search(text) or _COMPILER.search(text):
        why = "a package is compiled while it is installed, and the image has no compiler or no make"
        return _system(("make", "g++"), ("make", "g++"), "compiler", why, place, project)
    for pattern, apt, apk in _LIBRARIES:
        if re.search(pattern, text):
            why = f"a package is compiled while it is installed, and lacks what {apt[-1]} brings"
            return _system(apt, apk, "library", why, place, project)
    return None


def _near_node(place: Place) -> bool:
    """Whether the lines around speak of Node's tools: the same words come from other builds too."""
    around = [*place.before(80), place.line, *place.after(80)]
    return any(
        re.search(r"\bgyp\b|npm (?:ERR!|error|WARN|warn)|node_modules|node-pre-gyp|yarn", one.plain)
        for one in around
    )


def _python(place: Place, project: Project) -> Verdict:
    """Python 2 for an old node-gyp (before 6), else Python 3; make and a compiler come along."""
    around = [*place.before(200), *place.after(200)]
    said = next((m for line in reversed(around) if (m := _GYP_VERSION.search(line.plain))), None)
    gyp = int(said[1]) if said else 0
    old = (
        gyp < 6
        if gyp
        else '"python"' in place.line.plain or "which is not supported by gyp" in place.line.plain
    )
    why = f"node-gyp{f' {gyp}' if gyp else ''} compiles a package and finds no Python {'2' if old else '3'} in the image"
    apt = _old_python(project, around) if old else "python3"
    apk = "python2" if old else "python3"
    if old and _no_python_2(project):
        text = f"{why}; {project.base_image or 'its release'} has no package of it any more: a newer release of the package, or an older image"
        return Refusal("build.node_python", text, (place.line,))
    return _system((apt, "make", "g++"), (apk, "make", "g++"), "python", why, place, project)


def _old_python(project: Project, around: list) -> str:  # type: ignore[type-arg]
    """`python` up to Debian 10, `python2` in Debian 11."""
    if project.release in ("bullseye", "focal", "jammy"):
        return "python2"
    here = node_release(project, around)
    return "python2" if not project.release and here and release(here)[0] >= 14 else "python"


def _no_python_2(project: Project) -> bool:
    return project.release in ("bookworm", "trixie", "noble") and manager(project) != "apk"


def _system(
    apt: tuple[str, ...], apk: tuple[str, ...], what: str, why: str, place: Place, project: Project
) -> Verdict:
    used = manager(project)
    names = {"apt": apt, "apk": apk}.get(used)
    if names is None:
        return Refusal(f"build.node_{what}", f"{why}; the package for this image is not known", (place.line,))
    reason = f"{why}; {', '.join(names)} of {used}"
    return Need(f"build.node_{what}", FindingKind.ADD_SYSTEM_PACKAGE, names, (place.line,), reason)
