"""What a recovery took before there was an orchestrator, as the operators counted it (SC-004).

manual_commands_per_recovery: 12   # needed
recoveries_per_month: 8            # optional: the month before is 12 x 8, whatever happens now
per_cause:                         # optional: by finding kind, instead of the 12
  add_python_package: 9
"""

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from workflows.errors import OrchestratorError

_LARGEST: Final = 64 * 1024
Commands = Annotated[float, Field(gt=0, le=100_000)]


class Baseline(BaseModel):
    """The operators' own count of manual commands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    manual_commands_per_recovery: Commands
    recoveries_per_month: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    per_cause: dict[str, Commands] = {}

    def of_cause(self, kinds: tuple[str, ...]) -> float:
        """Commands one recovery took; of several causes the dearest counts, the others came along."""
        known = [self.per_cause[kind] for kind in kinds if kind in self.per_cause]
        return max(known, default=self.manual_commands_per_recovery)


def read_baseline(path: Path) -> Baseline:
    """The baseline in a YAML or JSON file.

    Raises:
        OrchestratorError: ``baseline_invalid``.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            raise _invalid(path, f"it is larger than {_LARGEST} bytes")
        return Baseline.model_validate(YAML(typ="safe", pure=True).load(text.decode()))
    except OSError as error:
        raise _invalid(path, error.strerror or str(error)) from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise _invalid(path, f"{where}: {first['msg']}") from None
    except (YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(path, f"it is neither YAML nor JSON ({type(error).__name__})") from None


def _invalid(path: Path, detail: str) -> OrchestratorError:
    return OrchestratorError("baseline_invalid", path=path, detail=detail)
