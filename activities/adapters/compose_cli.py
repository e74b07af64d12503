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
class UpFlags:
    """How an ``up`` differs from the usual one."""

    force_recreate: bool = False
    """Also where image and configuration are the same."""
    renew_anon_volumes: bool = False
    """Do not carry the old container's anonymous volumes over; they stay behind, unused."""
    no_start: bool = False
    """Create only, for a service that was stopped."""


PLAIN_UP = UpFlags()


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
        """``<service> <hash>``: the label of a running container, unless the service has an ``env_file``."""
        return self._compose("config", "--hash", service, profiles=("*",))

    def resolved_config_hash(self, service: str) -> list[str]:
        """``<service> <hash>`` of what ``config`` printed, given on standard input.

        Compose labels containers with the hash of the resolved model, and ``config --hash`` alone leaves
        ``env_file`` unresolved (measured with 2.40.3).
        """
        project = self.project
        argv = ["docker", "compose", "--ansi", "never", "--progress", "plain"]
        argv += ["--project-name", project.name, "--project-directory", project.working_dir]
        return [*argv, "--file", "-", "--profile", "*", "config", "--hash", service]

    def services(self) -> list[str]:
        """Names of all services, one per line."""
        return self._compose("config", "--services", profiles=("*",))

    def active_services(self) -> list[str]:
        """Names of the services that a plain ``up`` would start, one per line."""
        return self._compose("config", "--services")

    def build(self, service: str) -> list[str]:
        """Build one service's image (SPEC FR-005)."""
        return self._compose("build", service)

    def up(self, service: str, scale: int, flags: UpFlags = PLAIN_UP) -> list[str]:
        """Replace one service's containers and nobody else's (SPEC FR-006, I3).

        Nothing is built or pulled on the way: what runs afterwards is the image that is there. Replicas
        are always named; Compose falls back to one without ``--scale``.
        """
        argv = ["--no-start"] if flags.no_start else ["--detach"]
        argv += ["--no-deps", "--no-build", "--pull", "never", "--scale", f"{service}={scale}"]
        if flags.force_recreate:
            argv.append("--force-recreate")
        if flags.renew_anon_volumes:
            argv.append("--renew-anon-volumes")
        return self._compose("up", *argv, service)

    def up_dry_run(self, service: str | None = None) -> list[str]:
        """What ``up`` would create, recreate or remove; of the whole project or of one service only.

        Without starting: a dry run that starts waits for ever for a one-shot dependency that has no
        container yet (measured with 2.40.3). What is stopped is read with ``states``. No registry is asked.
        """
        flags = ["--no-start", "--dry-run", "--no-build", "--pull", "never"]
        return self._compose("up", *flags, *(["--no-deps", service] if service else []))

    def states(self) -> list[str]:
        """``<service> <state>`` of every container, one per line."""
        return self._compose("ps", "--all", "--format", "{{.Service}} {{.State}}")

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
