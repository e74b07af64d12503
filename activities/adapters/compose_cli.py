"""Argument lists for ``docker compose``. Nothing here runs anything, so tests compare lists.

Every call names project, directory, files and env files explicitly, exactly as the running containers'
labels have them (COMPOSE fact 2): what Compose would guess may silently be another project.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from workflows.models.target import ComposeProject

VERSION_ARGV: tuple[str, ...] = ("docker", "compose", "version", "--short")
"""Prints the plugin's version only."""


@dataclass(frozen=True)
class ComposeCli:
    """The commands this project needs, for one Compose project."""

    project: ComposeProject

    def version(self) -> list[str]:
        """Print the plugin's version."""
        return list(VERSION_ARGV)

    def config(self) -> list[str]:
        """The resolved model as JSON, services behind profiles included. Holds secrets: never stored."""
        return self._compose("config", "--format", "json", profiles=("*",))

    def config_hash(self, service: str) -> list[str]:
        """``<service> <hash>``, comparable with the label of a running container."""
        return self._compose("config", "--hash", service, profiles=("*",))

    def services(self) -> list[str]:
        """Names of all services, one per line."""
        return self._compose("config", "--services", profiles=("*",))

    def build(self, service: str) -> list[str]:
        """Build one service's image (SPEC FR-005)."""
        return self._compose("build", service)

    def up(
        self,
        service: str,
        scale: int,
        *,
        force_recreate: bool = False,
        renew_anon_volumes: bool = False,
        no_start: bool = False,
    ) -> list[str]:
        """Replace one service's containers and nobody else's (SPEC FR-006, I3).

        Nothing is built or pulled on the way: what runs afterwards is the image that is there.

        Args:
            service: the only service that is touched.
            scale: replicas; Compose falls back to one without it.
            force_recreate: also where image and configuration are the same.
            renew_anon_volumes: do not carry the old container's anonymous volumes over.
            no_start: create only, for a service that was stopped.
        """
        flags = ["--no-start"] if no_start else ["--detach"]
        flags += ["--no-deps", "--no-build", "--pull", "never", "--scale", f"{service}={scale}"]
        if force_recreate:
            flags.append("--force-recreate")
        if renew_anon_volumes:
            flags.append("--renew-anon-volumes")
        return self._compose("up", *flags, service)

    def up_dry_run(self) -> list[str]:
        """What a plain ``up`` would do, changing nothing and asking no registry."""
        return self._compose("up", "--detach", "--dry-run", "--no-build", "--pull", "never")

    def _compose(self, command: str, *arguments: str, profiles: Sequence[str] | None = None) -> list[str]:
        project = self.project
        argv = ["docker", "compose", "--ansi", "never", "--progress", "plain"]
        argv += ["--project-name", project.name, "--project-directory", project.working_dir]
        for path in project.config_files:
            argv += ["--file", path]
        for path in project.env_files:
            argv += ["--env-file", path]
        for profile in project.profiles if profiles is None else profiles:
            argv += ["--profile", profile]
        return [*argv, command, *arguments]
