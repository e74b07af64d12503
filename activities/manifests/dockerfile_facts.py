"""What a Dockerfile says: stages, users, directories, copies and installs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from activities.manifests.dockerfile_lines import Instruction
from activities.manifests.installers import Install, LockedInstall, PipInstall, SystemInstall


@dataclass(frozen=True)
class Stage:
    """One `FROM`: `parent` is the index of the stage it builds on, where it does."""

    index: int
    name: str
    image: str
    """With build arguments put in where they have defaults."""
    parent: int | None = None


@dataclass(frozen=True)
class CopySource:
    """One COPY or ADD (or bind mount) from the build context, or from another stage."""

    stage: int
    line: int
    sources: tuple[str, ...]
    destination: str
    """Absolute."""
    from_stage: str = ""


@dataclass(frozen=True)
class Installed:
    """One install command: where it stands, as whom and in which directory it runs."""

    stage: int
    line: int
    instruction: int
    """Index into `DockerfileFacts.instructions`."""
    what: Install
    workdir: str
    user: str


@dataclass(frozen=True)
class DockerfileFacts:
    """Everything the diagnosis and the editors want to know of a Dockerfile."""

    instructions: tuple[Instruction, ...] = ()
    stage_of: tuple[int, ...] = ()
    """Per instruction; -1 before the first FROM."""
    stages: tuple[Stage, ...] = ()
    target: int = -1
    """Index of the stage that is built; -1 for a file without FROM."""
    users: tuple[str, ...] = ()
    """Per stage, in effect at its end; '' where the base image decides."""
    workdirs: tuple[str, ...] = ()
    copies: tuple[CopySource, ...] = ()
    installs: tuple[Installed, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    """ENV and ARG values of the target's chain."""

    @property
    def base_image(self) -> str:
        """The image that the target stage stands on in the end, '' for a file without FROM."""
        return self.stages[self.chain(self.target)[-1]].image if self.stages else ""

    @property
    def workdir(self) -> str:
        """Of the target stage."""
        return self.workdirs[self.target] if self.stages else "/"

    @property
    def user(self) -> str:
        """Of the target stage; '' where the base image decides."""
        return self.users[self.target] if self.stages else ""

    def stage(self, wanted: str | None) -> int | None:
        """Index of a stage by name or number; the target for None; None where there is no such stage."""
        if wanted is None:
            return self.target if self.stages else None
        named = [s.index for s in self.stages if s.name and s.name == wanted.lower()]
        if not named and wanted.isdigit() and int(wanted) < len(self.stages):
            return int(wanted)
        return named[-1] if named else None

    def chain(self, index: int) -> list[int]:
        """The stage and those it builds on, nearest first."""
        found = [index]
        while (parent := self.stages[found[-1]].parent) is not None:
            found.append(parent)
        return found

    def reachable(self) -> set[int]:
        """Stages that the target needs: by FROM or by COPY --from."""
        todo, found = [self.target] if self.stages else [], set[int]()
        while todo:
            index = todo.pop()
            if index in found:
                continue
            found.add(index)
            parent = self.stages[index].parent
            todo += [parent] if parent is not None else []
            names = [c.from_stage for c in self.copies if c.stage == index and c.from_stage]
            todo += [found_stage for n in names if (found_stage := self.stage(n)) is not None]
        return found

    def pip_installs(self) -> list[Installed]:
        """Of every stage that the target needs, in file order."""
        return [i for i in self.installs if isinstance(i.what, PipInstall) and i.stage in self.reachable()]

    def system_packages(self, index: int) -> set[str]:
        """Names (without versions) installed for good in the stage and those below it."""
        found = (i.what for i in self.installs if i.stage in self.chain(index))
        words = (
            w.text
            for what in found
            if isinstance(what, SystemInstall) and what.lasting
            for w in what.packages
        )
        return {re.split(r"[=~<>]", word, maxsplit=1)[0] for word in words}

    def locked_tools(self) -> list[str]:
        """Installers that obey a lock file, in stages that the target needs."""
        reachable = self.reachable()
        found = (i.what for i in self.installs if i.stage in reachable)
        return [what.tool for what in found if isinstance(what, LockedInstall)]
