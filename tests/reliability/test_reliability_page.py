"""RELIABILITY.md says what the figures say, and each number of it has its source in them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.chaos.export import export, read
from tests.chaos.outcome import Outcome
from tests.reliability import campaign
from tests.reliability.markdown import seed_ranges, table
from tests.reliability.page import FIGURES, PAGE, render


def struck(seed: int, number: int = 0, **more: object) -> Outcome:
    """A run of this round that a cancel struck at its build."""
    known = {"fault": "cancel", "aimed_at": "build", "step": "build", "status": "cancelled"}
    ids = {"seed": seed, "number": number, "run_id": f"run-{seed}-{number}"}
    return Outcome.model_validate(known | ids | more)


def test_the_page_is_the_rendering_of_the_figures() -> None:
    """`python -m tests.reliability` was called after the last change of a figure."""
    assert PAGE.read_text(encoding="utf-8") == render()


def test_each_explained_violation_is_kept_by_a_test_that_exists() -> None:
    """A row of the table names a test of this repository."""
    for one in campaign.violations(FIGURES / "violations.json"):
        for test in one.tests:
            path, _, name = test.partition("::")
            assert f"def {name}(" in (PAGE.parent / path).read_text(encoding="utf-8"), test


def test_exports_add_up_over_tallies_and_calls(tmp_path: Path) -> None:
    """The same outcomes twice are counted once; another tally's come beside; a seed played anew too."""
    file = tmp_path / "chaos.json"
    export([struck(1), struck(1, 1), struck(2)], {}, file)
    export([struck(1), struck(1, 1), struck(2)], {"disk_full": "needs root"}, file)
    export([struck(9), struck(2, run_id="again")], {"disk_full": "needs root"}, file)
    assert [(one.seed, len(one.cases)) for one in read(file).rounds] == [(1, 2), (2, 1), (2, 1), (9, 1)]
    text = campaign.section(tmp_path)
    assert "struck a run under way: **5** in 4 rounds" in text
    assert "| `cancel` | build | cancelled 5 | 1-2, 9 |" in text
    assert "Not run here: `disk_full`: needs root" in text
    assert len(file.read_text().splitlines()) == 6, "a line for each round"


def test_a_violation_is_shown_until_it_is_explained_and_afterwards(tmp_path: Path) -> None:
    """Never left out: first as unexplained, then with its cause and the test that keeps it."""
    export(
        [struck(7, violations=["a file | is left"]), struck(8, step="missed")], {}, tmp_path / "chaos.json"
    )
    text = campaign.section(tmp_path)
    assert "Violations in these rounds: **1**" in text
    assert "| 7 | cancel at build: a file \\| is left | **not explained yet** |" in text
    assert "not counted: 1" in text
    explained = [
        {"seeds": [7], "what": "a file is left", "cause": "nobody took it", "tests": ["a.py::test_b"]}
    ]
    (tmp_path / "violations.json").write_text(json.dumps(explained))
    text = campaign.section(tmp_path)
    assert "| 7 | a file is left | nobody took it | [`test_b`](a.py) |" in text
    assert "not explained yet" not in text


def test_a_section_is_there_when_its_figures_are(tmp_path: Path) -> None:
    """Nothing measured, nothing said."""
    assert "## Faults" not in render(tmp_path)
    export([struck(1)], {}, tmp_path / "chaos.json")
    assert "## Faults" in render(tmp_path)


def test_the_words_of_a_table() -> None:
    """Ranges of seeds, and cells that cannot break a row."""
    assert seed_ranges([3, 1, 2, 9, 2]) == "1-3, 9"
    assert table(["a"], [["x|y\nz"]]) == "| a |\n| --- |\n| x\\|y z |\n"
