"""The jobs that can be ordered, read from catalog.yaml."""

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Job:
    description: str
    seconds: float


def load_catalog(path: Path = Path(__file__).with_name("catalog.yaml")) -> dict[str, Job]:
    return {name: Job(**entry) for name, entry in yaml.safe_load(path.read_text()).items()}
