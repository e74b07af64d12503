"""The service's project as the rules see it: build context, Dockerfile, manifests, Python, packages."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from activities.diagnosis.evidence import Evidence
from activities.diagnosis.knowledge import release_of
from activities.diagnosis.manifest_map import Manifests, locate_manifests
from activities.diagnosis.source_tree import SourceTree, read_text, read_tree
from activities.manifests import dockerfile
from activities.manifests.dockerfile_facts import DockerfileFacts

_PYTHON_IMAGE = re.compile(r"(?:^|/)(?:python|pypy|uv):(?:\S*?python)?(\d\.\d+)")
_APT_INDEX = re.compile(r"(?:Get|Hit|Ign):\d+ \S+ ([a-z]+)(?:-\w+)? InRelease|/dists/([a-z]+)(?:-\w+)?/\w+")
_PYTHON_PATH = re.compile(r"/lib/python(3\.\d+)/")


@dataclass(frozen=True)
class Project:
    """Facts read on demand; without a build context only the evidence itself speaks."""

    evidence: Evidence

    @cached_property
    def context(self) -> Path | None:
        """The build context, where it exists."""
        context = self.evidence.context
        return context if context is not None and context.is_dir() else None

    @cached_property
    def dockerfile_path(self) -> Path | None:
        """The Dockerfile, where it exists."""
        path = self.evidence.dockerfile or (self.context / "Dockerfile" if self.context else None)
        return path if path is not None and path.is_file() else None

    @cached_property
    def facts(self) -> DockerfileFacts | None:
        """What the Dockerfile says."""
        text = read_text(self.dockerfile_path) if self.dockerfile_path else None
        return dockerfile.parse(text, self.evidence.build_target or None) if text is not None else None

    @cached_property
    def tree(self) -> SourceTree | None:
        """The project's own Python files."""
        return read_tree(self.context) if self.context else None

    @cached_property
    def manifests(self) -> Manifests:
        """What the image installs from; the conventional file name where there is no context to look in."""
        if self.context is None:
            return Manifests(target="requirements.txt", complete=False)
        return locate_manifests(self.context, self.facts)

    @cached_property
    def base_image(self) -> str:
        """As stated by the evidence, else by the Dockerfile, else ''."""
        return self.evidence.base_image or (self.facts.base_image if self.facts else "")

    @cached_property
    def release(self) -> str:
        """The distribution's code name, '' where nothing states it."""
        return self.evidence.release or release_of(self.base_image) or self._release_in_log

    @cached_property
    def _release_in_log(self) -> str:
        """The release whose index `apt-get update` fetched, '' where no log shows that."""
        texts = (source.text for source in self.evidence.sources)
        found = (m for text in texts if (m := _APT_INDEX.search(text)))
        return next((str(m[1] or m[2]) for m in found), "")

    @cached_property
    def package_manager(self) -> str:
        """`apt`, `apk`, `yum`, or '' where nothing tells."""
        if self.evidence.package_manager:
            return self.evidence.package_manager
        if self.facts and self.facts.stages:
            return dockerfile.package_manager(self.facts, self.facts.target) or ""
        image = self.base_image
        found = dockerfile.package_manager(dockerfile.parse(f"FROM {image}"), 0) if image else None
        return found or ""

    @cached_property
    def python_version(self) -> str:
        """`3.13`, from the evidence, the paths in its tracebacks or the base image; '' where unknown."""
        if self.evidence.python_version:
            return ".".join(self.evidence.python_version.split(".")[:2])
        for source in self.evidence.sources:
            found = _PYTHON_PATH.findall(source.text)
            if found:
                return str(found[-1])
        image = _PYTHON_IMAGE.search(self.base_image)
        return image[1] if image else ""

    @property
    def python_is_system(self) -> bool:
        """True where Python is known to come from the distribution's packages, so its headers do too."""
        return bool(self.base_image) and not re.search(r"(?:^|/)(?:python|pypy|uv)(?::|$)", self.base_image)

    def relative(self, path: Path | None) -> str | None:
        """`path` as a POSIX path relative to the workspace."""
        root = self.evidence.workspace or self.context
        if path is None:
            return None
        return Path(os.path.relpath(path, root)).as_posix() if root else path.as_posix()

    def manifest_target(self) -> str:
        """The manifest that takes Python packages, relative to the workspace."""
        if self.manifests.in_dockerfile:
            return self.dockerfile_target()
        if self.context is None:
            return self.manifests.target
        return self.relative(self.context / self.manifests.target) or self.manifests.target

    def dockerfile_target(self) -> str:
        """The Dockerfile, relative to the workspace; by its usual name where there is no context."""
        return self.relative(self.dockerfile_path) or "Dockerfile"
