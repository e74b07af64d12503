"""The whole page from the JSON files; a section is there when its figures are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

_ROOT = Path(__file__).parents[2]
FIGURES = _ROOT / "docs" / "reliability"
PAGE = _ROOT / "RELIABILITY.md"

_HEAD = """\
# Reliability in numbers

Rendered from `docs/reliability/*.json` by `python -m tests.reliability`; no number here is typed by hand.
What the words mean is in [ARCHITECTURE.md](ARCHITECTURE.md), what to do when something fails in
[deploy/RUNBOOK.md](deploy/RUNBOOK.md).
"""

SECTIONS: Mapping[str, str] = {
    "chaos.json": "tests.reliability.campaign",
    "soak.json": "tests.reliability.endurance",
    "fuzz.json": "tests.fuzz.section",
}
"""Figures -> module whose ``section(directory)`` renders them; asked only where the figures exist."""


def render(figures: Path = FIGURES) -> str:
    """The page as Markdown."""
    parts = [
        _HEAD,
        *(_section(module)(figures) for name, module in SECTIONS.items() if (figures / name).exists()),
    ]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def write() -> None:
    """Put the page where readers look for it."""
    PAGE.write_text(render(), encoding="utf-8")


def _section(module: str) -> Callable[[Path], str]:
    found: Callable[[Path], str] = import_module(module).section
    return found
