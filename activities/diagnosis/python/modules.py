"""A module that could not be imported: whose is it, and which distribution brings it?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from activities.diagnosis.knowledge import (
    Distribution,
    distribution_of,
    is_standard,
    knows_exactly,
    removed_module,
)
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.python.base import other_python
from activities.diagnosis.python.renamed import newer_standard_module, removed_submodule
from activities.diagnosis.python.tracebacks import Frame
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.diagnosis.versions import number
from workflows.models.finding import FindingKind

RULE = "python.module_not_found"
_PARTS = {
    "distutils": ("python3-distutils", ""),
    "tkinter": ("python3-tk", "python3-tkinter"),
    "Tkinter": ("python-tk", ""),
    "ensurepip": ("python3-venv", "py3-pip"),
    "venv": ("python3-venv", ""),
    "pip": ("python3-pip", "py3-pip"),
    "lib2to3": ("python3-lib2to3", ""),
    "gi": ("python3-gi", "py3-gobject3"),
    "apt_pkg": ("python3-apt", ""),
    "apt": ("python3-apt", ""),
    "lsb_release": ("lsb-release", ""),
}
"""Module -> what Debian's and Alpine's packages call the part of Python that holds it."""
_WITHOUT_DISTUTILS = frozenset({"3.12", "3.13", "3.14"})
_NOT_A_PACKAGE = re.compile(r"; '([\w.]+)' is not a package")


def missing_module(module: str, log: LogLine, frames: Sequence[Frame], project: Project) -> Verdict:
    """The verdict on `No module named '<module>'`."""
    distribution = distribution_of(module)
    if distribution is None and "." not in module:
        distribution = distribution_of(_spelled_out(module, frames))
    moved = None if _NOT_A_PACKAGE.search(log.plain) else removed_submodule(module, frames, log, project)
    if moved is not None and not _is_own(module, frames, project, known=True):
        return moved
    refusal = _not_a_package(module, log, frames, project, distribution)
    if refusal is not None:
        return refusal
    lines = (log, *_importer(frames))
    standard = _of_python(module, lines, project)
    if standard is not None:
        return standard
    if distribution is None:
        service = project.evidence.service or "<service>"
        return _refuse(
            "unknown_module",
            f"which package provides {module!r} is not known for certain; "
            f'say it in the instruction: "add <package> to {service}"',
            log,
        )
    return _add(module, distribution, lines, frames)


def _of_python(module: str, lines: tuple[LogLine, ...], project: Project) -> Verdict | None:
    """A module of Python itself: split off by the system, gone, not yet there, or left out of the build."""
    split = _split_off(module, lines, project)
    if split is not None:
        return split
    removed = removed_module(module)
    if removed is not None:
        return _removed(module, removed.release, removed.replacement, project, lines)
    newer = newer_standard_module(module, lines[0], project)
    if newer is not None or not is_standard(module, project.python_version):
        return newer
    why = f"{module!r} belongs to Python itself: this interpreter was built or installed without it"
    return _refuse("standard_module", why, lines[0])


def _not_a_package(
    module: str,
    log: LogLine,
    frames: Sequence[Frame],
    project: Project,
    distribution: Distribution | None,
) -> Refusal | None:
    """The refusal where the module is the project's own, hidden, or part of a package that is there."""
    shadow = _NOT_A_PACKAGE.search(log.plain)
    if shadow:
        return _refuse(
            "shadowed", f"a module called {shadow[1]!r} hides the package that has {module!r}", log
        )
    if _is_own(module, frames, project, known=distribution is not None):
        return _refuse(
            "own_module",
            f"{module!r} is an own module of the project that is not importable in the image: "
            "its COPY, the working directory or PYTHONPATH is the cause, not a missing package",
            log,
        )
    if "." in module and distribution and not knows_exactly(module):
        parent = module.rpartition(".")[0]
        return _refuse(
            "submodule", f"{parent!r} is installed but has no {module!r}: another version is needed", log
        )
    return None


def _add(
    module: str, distribution: Distribution, lines: tuple[LogLine, ...], frames: Sequence[Frame]
) -> Need:
    same = module.split(".", 1)[0].lower() == distribution.name.lower()
    why = f"the code imports {module!r}, which is not installed"
    why += "" if same else f"; the distribution {distribution.name} provides it"
    why += f" in releases {distribution.specifier}" if distribution.specifier else ""
    files = tuple(frame.file for frame in frames if frame.is_app)
    names = (distribution.name,)
    return Need(RULE, FindingKind.ADD_PYTHON_PACKAGE, names, lines, why, distribution.specifier, files=files)


def _split_off(module: str, lines: tuple[LogLine, ...], project: Project) -> Verdict | None:
    """Parts of Python that the distribution puts into packages of their own."""
    part = _PARTS.get(module) or _PARTS.get(module.split(".", maxsplit=1)[0])
    if part is None or not project.python_is_system:
        return None
    package = {"apt": part[0], "apk": part[1]}.get(project.package_manager, "")
    if not package or (module.startswith("distutils") and project.python_version in _WITHOUT_DISTUTILS):
        return None
    why = f"{module!r} is part of Python, and the system keeps it in its package {package}"
    return Need("system.python_part", FindingKind.ADD_SYSTEM_PACKAGE, (package,), lines, why)


def _removed(
    module: str, release: str, replacement: Distribution | None, project: Project, lines: tuple[LogLine, ...]
) -> Verdict:
    version = project.python_version
    if version and number(version) < number(release):
        why = f"{module!r} belongs to Python {version}, whose installation lacks it"
        return Refusal("python.removed_module", why, lines[:1])
    if replacement is None:
        before = f"3.{number(release)[1] - 1}"
        why = f"{module!r} left Python with release {release}"
        return other_python("removed_module", before, why, lines, project)
    why = f"{module!r} left Python with release {release}; the distribution {replacement.name} brings it back"
    names = (replacement.name,)
    return Need("python.removed_module", FindingKind.ADD_PYTHON_PACKAGE, names, lines, why)


def _is_own(module: str, frames: Sequence[Frame], project: Project, *, known: bool) -> bool:
    """Own is what the build context holds; a known distribution's name must stand at its root to count."""
    top = module.split(".", 1)[0]
    if project.tree is not None:
        names = project.tree.root_modules() if known else project.tree.module_names()
        return top in names
    if known:
        return False
    app = [frame.file for frame in frames if frame.is_app]
    return any(top in re.split(r"[/.]", file) for file in app)


def _spelled_out(module: str, frames: Sequence[Frame]) -> str:
    """`mysql` is missing, but the import says `mysql.connector`: the longer name tells whose it is."""
    code = frames[-1].code if frames else ""
    found = re.search(rf"\b(?:from|import)\s+({re.escape(module)}(?:\.\w+)*)(?:\s+import\s+(\w+))?", code)
    longer = [".".join(part for part in found.groups() if part), found[1]] if found else []
    return next((name for name in longer if distribution_of(name)), module)


def _importer(frames: Sequence[Frame]) -> tuple[LogLine, ...]:
    return (frames[-1].log,) if frames else ()


def _refuse(rule: str, reason: str, log: LogLine) -> Refusal:
    return Refusal(f"python.{rule}", reason, (log,))
