"""The knowledge files that travel with the diagnosis; each is read once."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def data_file(name: str) -> dict[str, Any]:
    """The JSON file of this name in ``activities/diagnosis/data``; what made it stands in its ``about``."""
    text = files("activities.diagnosis.data").joinpath(name).read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
