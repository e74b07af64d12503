"""The contract as JSON Schemas, for clients that cannot import this package (DESIGN 6).

``python -m starter.contracts DIR`` writes them; a test holds ``deploy/contracts`` current.
"""

import json
import sys
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel

from workflows.models.approval import Approval, Approve, Reject
from workflows.models.manifest import Manifest
from workflows.models.record import RunRecord, RunReport
from workflows.models.request import RunRequest
from workflows.visibility import Progress, StepLedger

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SENT: Final = (RunRequest, Approve, Reject)
_READ: Final = (RunRecord, Approval, Progress, StepLedger, RunReport, Manifest)


def schemas() -> dict[str, str]:
    """File name -> text: what a client sends as it is validated, what it reads as it is written."""
    sent = {_name(model): _text(model, "validation") for model in _SENT}
    return sent | {_name(model): _text(model, "serialization") for model in _READ}


def write_schemas(directory: Path) -> None:
    """Write every schema into ``directory``, which is made where it is missing."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (directory / name).write_text(text)


def _name(model: type[BaseModel]) -> str:
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in model.__name__)
    return f"{words.strip('-')}.schema.json"


def _text(model: type[BaseModel], mode: Literal["validation", "serialization"]) -> str:
    schema = model.model_json_schema(mode=mode)
    return json.dumps({"$schema": DIALECT} | schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
