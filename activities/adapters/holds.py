"""An operator's pause of a project, or of all: a file in the state directory that every worker obeys."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from activities.adapters.durable import remove_durably, write_durably
from activities.adapters.state_dir import StateDir, safe_name
from workflows.errors import OrchestratorError
from workflows.models.lane import EVERYTHING, Hold

_EVERYTHING_NAME = "+everything"
"""No project is called so: a plain name never begins with a plus."""


@dataclass(frozen=True)
class HoldStore:
    """The holds of one Docker host."""

    state: StateDir

    def hold(self, hold: Hold) -> None:
        """Pause; a hold that is there already gets the new reason.

        Raises:
            OrchestratorError: ``invalid_request`` for what is no project's name, ``write_failed``.
        """
        path = self._path(hold.project)
        try:
            write_durably(path, hold.model_dump_json(indent=2).encode() + b"\n")
        except OSError as error:
            raise OrchestratorError("write_failed", detail=f"{path}: {error.strerror or error}") from error

    def release(self, project: str) -> Hold | None:
        """End a pause; None where there was none."""
        found = self._read(self._path(project), project)
        if found is not None:
            remove_durably(self._path(project))
        return found

    def find(self, project: str) -> Hold | None:
        """What holds a project: its own pause, else that of everything."""
        for name in (project, EVERYTHING):
            if (found := self._read(self._path(name), name)) is not None:
                return found
        return None

    def all(self) -> tuple[Hold, ...]:
        """Every pause, that of everything first."""
        found = [self._read(path, path.stem) for path in sorted(self.state.holds.glob("*.json"))]
        return tuple(hold for hold in found if hold is not None)

    def check(self, project: str) -> None:
        """Nothing may be written while an operator holds the project.

        Raises:
            OrchestratorError: ``project_held``.
        """
        if (hold := self.find(project)) is not None:
            raise OrchestratorError("project_held", project=project, detail=hold.sentence)

    def _path(self, project: str) -> Path:
        name = _EVERYTHING_NAME if project == EVERYTHING else safe_name(project)
        return self.state.holds / f"{name}.json"

    def _read(self, path: Path, project: str) -> Hold | None:
        try:
            return Hold.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:  # a pause that cannot be read is a pause all the same
            detail = f"{path} cannot be read ({type(error).__name__})"
            raise OrchestratorError("project_held", project=project, detail=detail) from error
