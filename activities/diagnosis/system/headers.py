"""What a compiler, a linker, pkg-config, CMake or a configure script did not find."""

from __future__ import annotations

import re
from collections.abc import Iterable

from activities.diagnosis.evidence import Phase
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.system.files import Holds, is_preferred, package_of
from activities.diagnosis.system.needs import Site, packages_need, site_of, with_compiler
from activities.diagnosis.verdicts import Refusal, Verdict

_HEADER = re.compile(
    r"error: ['\"`\u2018]?(?P<a>[\w.+-]+(?:/[\w.+-]+)*)['\"\u2019]?(?:: No such file or| file not found)"
    r"|Can't find the '?(?P<c>[\w./-]+\.h)'? header"
    r"|configure: error: .*?(?P<b>[\w.+-]+(?:/[\w.+-]+)*\.h)\b"
)
_IS_HEADER = re.compile(
    r"^(?:Eigen|Qt\w+)/\w+$|^armadillo$|\.h(?:pp|xx|h)?$|^(?:iostream|string|vector|memory|cstd\w+|map|algorithm)$"
)
_PKG_CONFIG = re.compile(
    r"Package ['\"]?(?P<a>[\w.+-]+)['\"]?(?:, required by '[^']+',)? (?:was )?not found"
    r"|No package ['\"](?P<b>[\w.+-]+)[^'\"]*['\"] found"
    r"|Dependency \"(?P<c>[\w.+-]+)\" not found"
    r"|[Tt]he system library `(?P<d>[\w.+-]+)` required by crate"
    r"|Package requirements \((?P<e>[\w.+-]+)[^)]*\) were not met"
    r"|-- +(?:No package|Package) '(?P<f>[\w.+-]+)'(?: not)? found"
    r"|Could not run `.*pkg-config --libs --cflags (?P<h>[\w.+-]+)`"
    r"|pkg-config (?:could not|did not|cannot) find (?:package |library )?['\"]?(?P<g>[\w.+-]+)"
)
_CMAKE = re.compile(
    r"package configuration file provided by \"(?P<a>[\w.+-]+)\""
    r"|By not providing \"Find(?P<b>[\w.+-]+)\.cmake\""
    r"|^(?:-- +)?\s*Could (?:NOT|not) find (?P<c>\w{2,})(?=[ ,.]|$)"
)
_LINK = re.compile(
    r"(?:ld|ld\.\w+|lld): (?:error: )?(?:cannot find|unable to find library) -l(?P<a>[\w.+-]+?)(?::|$| )"
    r"|error: could not find native static library `(?P<b>[\w.+-]+)`"
)
_CONFIGURE = re.compile(
    r"configure: error: .*?\b(?:(?P<config>[\w-]+-config)|(?P<library>lib[\w+-]+))\b.*?"
    r"(?:not found|missing|required|cannot|could not|can't|install|need|unable|require)"
    r"|configure: error: .*?(?:not found|missing|required|[Cc]annot|[Cc]ould not|[Cc]an't|[Ii]nstall|[Nn]eed"
    r"|[Uu]nable).*?\b(?:(?P<config2>[\w-]+-config)|(?P<library2>lib[\w+-]+))\b"
)
_PKG_CONFIG_TOOL = {"apt": ("pkg-config",), "apk": ("pkgconf",), "yum": ("pkgconf-pkg-config",)}
_PARTS = re.compile(r"[a-z]{3,}")
_GENERIC_FOLDER = re.compile(
    r"^(?:utils?|core|common|base|src|include|libs?|internal|tests?|net|io|math|graphics|engine|client|server|api"
    r"|config|types|system|platform|app|models?|data|gui|ui|tools|misc|support|private|public|shared|proto"
    r"|third_?party|external|deps|vendor|detail|impl|native|generated)$"
)


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on a line that names a missing header, library or build description."""
    text = place.line.plain
    known = (_HEADER, _PKG_CONFIG, _LINK, _CMAKE, _CONFIGURE)
    if place.phase is not Phase.BUILD or not any(pattern.search(text) for pattern in known):
        return None
    if _header_named(place) and _is_own(_header_named(place), project):
        reason = f"the compiler does not find the project's own header {_header_named(place)}"
        return Refusal("decline.own_header", reason, (place.line,))
    site = site_of(place, project)
    python = _header_named(place) == "Python.h" and not project.python_is_system
    header = None if python else _header(place, site)
    return (
        header
        or _pkg_config(place, site)
        or _linked(place, site)
        or _cmake(place, site)
        or _configured(place, site)
    )


def _header_named(place: Place) -> str:
    found = _HEADER.search(place.line.plain)
    name = (found["a"] or found["b"] or found["c"]) if found else ""
    return name if name and _IS_HEADER.search(name) else ""


def _header(place: Place, site: Site) -> Verdict | None:
    name = _header_named(place)
    if not name:
        return None
    packages = package_of(Holds.HEADER, name, site.manager, site.release)
    if not packages or not _related(name, packages):
        reason = f"which package carries the header {name} is not known"
        return Refusal("decline.unknown_header", reason, (place.line,))
    return packages_need("header", packages, place, f"the header {name} is missing", site)


def _is_own(header: str, project: Project) -> bool:
    """Whether the build context has a file that the include could mean."""
    context = project.context
    base = header.rsplit("/", 1)[-1]
    return context is not None and any(
        path.as_posix().endswith("/" + header)
        for path in context.rglob(base)
        if "node_modules" not in path.parts
    )


def _related(header: str, packages: Iterable[str]) -> bool:
    """Whether name and package have a word in common: a bare `foo.h` may be anybody's own."""
    names = " ".join(packages)
    folder, slash, _ = header.lower().partition("/")
    if slash:
        return not _GENERIC_FOLDER.match(folder) or folder in names
    if re.search(r"\b(?:libc6-dev|musl-dev|g\+\+|python3-dev|linux-headers|[\w-]*ruby-dev)\b", names):
        return True
    words = _PARTS.findall(header.lower().removesuffix(".h"))
    alike = any(word in names or names.removeprefix("lib").startswith(word[:3]) for word in words)
    return alike or is_preferred(Holds.HEADER, header)


def _pkg_config(place: Place, site: Site) -> Verdict | None:
    found = _PKG_CONFIG.search(place.line.plain)
    name = next((value for value in found.groups() if value), "") if found else ""
    if not name:
        return None
    packages = package_of(Holds.PKG_CONFIG, name, site.manager, site.release)
    if not packages:
        return Refusal(
            "decline.unknown_library", f"which package describes {name} is not known", (place.line,)
        )
    wanted = with_compiler([*packages, *_PKG_CONFIG_TOOL.get(site.manager, ())], site)
    what = f"pkg-config knows no {name}"
    return packages_need("pkg_config", wanted, place, what, site)


def _linked(place: Place, site: Site) -> Verdict | None:
    found = _LINK.search(place.line.plain)
    name = (found["a"] or found["b"]) if found else ""
    if not name:
        return None
    packages = package_of(Holds.LINK, name, site.manager, site.release)
    what = f"the linker does not find the library {name}"
    return packages_need("link", packages, place, what, site)


def _cmake(place: Place, site: Site) -> Verdict | None:
    found = _CMAKE.search(place.line.plain)
    name = next((value for value in found.groups() if value), "") if found else ""
    if not name or name.lower() in ("pkgconfig",) or not _is_fatal(place):
        return None
    manager = site.manager
    packages = package_of(Holds.CMAKE, name, manager, site.release) or package_of(
        Holds.PKG_CONFIG, name.lower(), manager, site.release
    )
    what = f"CMake does not find {name}"
    return packages_need("cmake_package", packages, place, what, site)


def _is_fatal(place: Place) -> bool:
    """CMake prints the same words for what it only would have liked to have."""
    near = place.after(3) if place.line.plain.startswith("--") else [*place.before(12), place.line]
    return any("CMake Error" in line.plain for line in near)


def _configured(place: Place, site: Site) -> Verdict | None:
    found = _CONFIGURE.search(place.line.plain)
    if found is None:
        return None
    tool = found["config"] or found["config2"]
    library = found["library"] or found["library2"]
    manager, release = site.manager, site.release
    if tool:
        packages = package_of(Holds.COMMAND, tool, manager, release)
    else:
        stem = library.removeprefix("lib")
        asked = (
            (Holds.PKG_CONFIG, library),
            (Holds.PKG_CONFIG, stem),
            (Holds.LINK, stem),
            (Holds.CMAKE, stem),
        )
        packages = next((p for holds, key in asked if (p := package_of(holds, key, manager, release))), ())
    if not packages:
        return None
    what = f"configure does not find {tool or library}"
    return packages_need("configure", packages, place, what, site)
