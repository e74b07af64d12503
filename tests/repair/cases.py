"""Diagnosis cases: a real log, what is known of its context, and the answer that its source says is right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict, Field

OWN = Path(__file__).parents[1] / "corpus" / "diagnosis"
"""``<ecosystem>/<id>.json``, one case each."""

LOG_NAME = "case.log"


class Option(BaseModel):
    """One answer that is right."""

    model_config = ConfigDict(extra="ignore")

    kind: str = "decline"
    names: tuple[str, ...] = ()
    target: str | None = None


class Expected(Option):
    """The answer that the source tells of, and others that are as good."""

    decision: str
    any_of: tuple[Option, ...] = ()
    also_needed_next: tuple[str, ...] = ()
    """Names that the next error would ask for; naming them at once is not wrong."""

    def options(self) -> tuple[Option, ...]:
        """Every right answer, this one first."""
        return (self, *self.any_of)


class Context(BaseModel):
    """What is known beside the log."""

    model_config = ConfigDict(extra="ignore")

    base_images: tuple[str, ...] = ()
    package_manager: str | None = None
    dockerfile: str | None = None
    files: dict[str, str] = Field(default_factory=dict)

    @property
    def base_image(self) -> str:
        """The last stage's image; '' where the case describes a machine instead of naming an image."""
        image = self.base_images[-1] if self.base_images else ""
        return "" if " " in image else image


class Case(BaseModel):
    """One labelled failure."""

    model_config = ConfigDict(extra="ignore")

    id: str
    source_url: str | None
    log_origin: str
    ecosystem: str
    phase: str
    log: str
    context: Context = Field(default_factory=Context)
    expected: Expected
    evidence: dict[str, object] = Field(default_factory=dict)

    @contextmanager
    def on_disk(self) -> Iterator[Laid]:
        """Log and build context as files, as an operator has them."""
        with TemporaryDirectory(prefix="mm-bench-") as made:
            root = Path(made)
            (root / LOG_NAME).write_text(self.log, encoding="utf-8", newline="")
            files = dict(self.context.files)
            if self.context.dockerfile:
                files["Dockerfile"] = self.context.dockerfile
            for name, text in files.items():
                path = root / "context" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="")
            yield Laid(root / LOG_NAME, root / "context" if files else None)


@dataclass(frozen=True)
class Laid:
    """Where a case's files are."""

    log: Path
    context: Path | None = field(default=None)


def load(*directories: Path) -> list[Case]:
    """Every case below these directories, by id.

    Raises:
        ValueError: a file is no case, or two cases have one id.
    """
    found: dict[str, Case] = {}
    for directory in directories:
        for path in sorted(directory.rglob("*.json")):
            case = Case.model_validate_json(path.read_bytes())
            if case.id in found:
                raise ValueError(f"{path}: there is a case {case.id} already")
            found[case.id] = case
    return [found[name] for name in sorted(found)]
