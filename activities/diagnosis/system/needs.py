"""Where something is missing, and the need for the packages that bring it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from activities.diagnosis.evidence import Phase
from activities.diagnosis.knowledge import release_of
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.python.system import being_built, build_packages
from activities.diagnosis.reading import Place
from activities.diagnosis.system.failing_step import failing_stage
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.manifests import dockerfile
from workflows.models.finding import FindingKind

_COMPILERS = frozenset({"build-essential", "build-base", "gcc", "g++", "clang", "alpine-sdk", "gcc-c++"})
_BARE = re.compile(
    r"(?:^|/)(?:(?:debian|ubuntu|alpine|centos|fedora|rockylinux|almalinux|amazonlinux|uv)(?::|@|$)"
    r"|[\w.-]+:\S*(?:slim|alpine))"
)
_TOOLCHAIN = {"apt": "build-essential", "apk": "build-base", "yum": "gcc"}
_MANAGERS = frozenset(_TOOLCHAIN)


@dataclass(frozen=True)
class Site:
    """The stage of the image in which something is missing."""

    image: str
    manager: str
    """`apt`, `apk`, `yum`, or '' for another or an unknown one."""
    release: str
    """The distribution's code name, '' where nothing states it."""
    installed: frozenset[str] = frozenset()
    """System packages that the Dockerfile installs there for good."""
    stage: str = ""
    """Number of the Dockerfile's stage; '' for the one that is built."""

    @property
    def is_bare(self) -> bool:
        """Whether the base image is one of those that bring no compiler and next to no tools."""
        return bool(_BARE.search(self.image))


def site_of(place: Place, project: Project) -> Site:
    """The site of the failing build step, or of the running image."""
    facts = project.facts
    stage = failing_stage(place, facts)
    if facts is None or not facts.stages:
        return Site(project.base_image, _default_manager(project), project.release)
    if stage is None or stage in facts.chain(facts.target):
        packages = facts.system_packages(facts.target if stage is None else stage)
        return Site(project.base_image, _default_manager(project), project.release, frozenset(packages))
    image = facts.stages[facts.chain(stage)[-1]].image
    manager = dockerfile.package_manager(facts, stage) or ""
    return Site(image, manager, release_of(image), frozenset(facts.system_packages(stage)), str(stage))


def _default_manager(project: Project) -> str:
    """Where neither Dockerfile nor base image is known, Debian's names are the ones meant most often."""
    unknown = project.facts is None and not project.base_image
    return project.package_manager or ("apt" if unknown else "")


def with_compiler(names: Iterable[str], site: Site) -> tuple[str, ...]:
    """`names`, and a compiler where the image brings none and the Dockerfile installs none.

    Whoever lacks a header on a slim image would lack the compiler next.
    """
    wanted = list(dict.fromkeys(names))
    tool = _TOOLCHAIN.get(site.manager, "")
    if tool and site.is_bare and not _COMPILERS & (site.installed | set(wanted)):
        wanted.insert(0, tool)
    return tuple(wanted)


def packages_need(
    rule: str, names: Iterable[str], place: Place, what: str, site: Site, more: tuple[LogLine, ...] = ()
) -> Verdict:
    """The need for system packages; a refusal where none is known for this image's package manager.

    What else the Python distribution that is being built needs comes along: the next header would be missing.
    """
    named = tuple(names)
    further = build_packages(being_built(place), site.manager) if place.phase is Phase.BUILD else ()
    wanted = tuple(dict.fromkeys([*named, *further] if set(named) & set(further) else named))
    full = f"{'build' if place.phase is Phase.BUILD else 'system'}.{rule}"
    lines = (place.line, *more)
    if not wanted or site.manager not in _MANAGERS:
        where = site.manager or "the package manager of this image, which is not known"
        reason = f"{what}; which package of {where} brings it is not known for certain"
        return Refusal(full, reason, lines[:1])
    release = site.release or "release not stated"
    why = f"{what}; the {site.manager} package {', '.join(wanted)} brings it ({release})"
    asked = ("Debian's Contents index and the table of Alpine's and Red Hat's names",)
    return Need(full, FindingKind.ADD_SYSTEM_PACKAGE, wanted, lines, why, consulted=asked, stage=site.stage)
