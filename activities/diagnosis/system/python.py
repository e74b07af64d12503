"""setuptools, pip and their like where Python comes from the distribution and nothing is installed by pip."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from activities.diagnosis.evidence import Phase
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Block, Ecosystem, Place
from activities.diagnosis.system.needs import packages_need, site_of
from activities.diagnosis.verdicts import Verdict

_MODULE = re.compile(
    r"No module named ['\"]?"
    r"(setuptools|pkg_resources|pip|ensurepip|distutils|venv|wheel|_?tkinter|gi|apt|apt_pkg)(?:[.'\"]|\s|$)"
)
_PACKAGES = {
    "setuptools": ("python3-setuptools", "py3-setuptools", "python3-setuptools"),
    "pkg_resources": ("python3-pkg-resources", "py3-setuptools", "python3-setuptools"),
    "distutils": ("python3-distutils", "py3-setuptools", "python3-setuptools"),
    "pip": ("python3-pip", "py3-pip", "python3-pip"),
    "ensurepip": ("python3-venv", "py3-pip", "python3-pip"),
    "venv": ("python3-venv", "python3", "python3"),
    "wheel": ("python3-wheel", "py3-wheel", "python3-wheel"),
    "tkinter": ("python3-tk", "python3-tkinter", "python3-tkinter"),
    "_tkinter": ("python3-tk", "python3-tkinter", "python3-tkinter"),
    "gi": ("python3-gi", "py3-gobject3", "python3-gobject"),
    "apt": ("python3-apt", "", ""),
    "apt_pkg": ("python3-apt", "", ""),
}
_COLUMN = {"apt": 0, "apk": 1, "yum": 2}
_ONLY_SYSTEM = frozenset({"venv", "ensurepip", "tkinter", "_tkinter", "gi", "apt", "apt_pkg", "pip"})
"""Modules that pip cannot bring."""


def blocks(lines: Sequence[LogLine], phase: Phase, project: Project) -> Sequence[Block]:
    """The lines that name such a module, where the distribution's Python is the one that runs."""
    facts = project.facts
    if not project.python_is_system or facts is None:
        return ()
    piped = bool(facts.pip_installs())
    found = ((index, m[1]) for index, line in enumerate(lines) if (m := _MODULE.search(line.plain)))
    return [
        Block(
            frozenset({lines[i].number}),
            lines[i].number,
            partial(_judge, Place(lines, i, phase), name, project),
        )
        for i, name in found
        if name in _ONLY_SYSTEM or not piped
    ]


def _judge(place: Place, module: str, project: Project) -> Verdict | None:
    site = site_of(place, project)
    package = _PACKAGES[module][_COLUMN[site.manager]] if site.manager in _COLUMN else ""
    what = f"the distribution's Python lacks its module {module}"
    return packages_need("python_module", (package,) if package else (), place, what, site)


def of_line(_: Place, __: Project) -> None:
    """Its messages are judged as blocks, so that they come before a traceback's."""


ECOSYSTEM = Ecosystem("system python", of_line, blocks)
