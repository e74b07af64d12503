"""What operators write down: the baseline file, and the append-only report of commands typed by hand."""

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from starter.durations import duration
from starter.statistics.baseline import read_baseline
from starter.statistics.manual import (
    FILE_NAME,
    ManualReport,
    append_report,
    commands_by_month,
    read_reports,
)
from tests.unit.statistics_samples import AT
from workflows.errors import OrchestratorError


def report(commands: int, by: str = "alice", period: str = "2026-03") -> ManualReport:
    """One line."""
    return ManualReport(at=AT, by=by, period=period, commands=commands)


def test_the_last_word_of_each_person_counts_and_people_add_up(tmp_path: Path) -> None:
    """A correction is another line; nothing is ever rewritten."""
    state = tmp_path / "state"
    for one in (report(9), report(4, by="bob"), report(7), report(1, period="2026-04")):
        append_report(state, one)
    assert commands_by_month(read_reports(state)) == {"2026-03": 11, "2026-04": 1}
    assert len((state / FILE_NAME).read_text().splitlines()) == 4
    assert (state / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o777 == 0o700


def test_a_torn_or_foreign_line_is_none(tmp_path: Path) -> None:
    """A crash in mid-write, or somebody's editor, costs that line alone."""
    append_report(tmp_path, report(3))
    with (tmp_path / FILE_NAME).open("a") as file:
        file.write('{"at": "2026-\nnull\n{"commands": -1}\n')
    append_report(tmp_path, report(2, by="bob"))
    assert commands_by_month(read_reports(tmp_path)) == {"2026-03": 5}


def test_reports_of_many_at_once_are_all_kept(tmp_path: Path) -> None:
    """Every line is whole."""
    writers = [
        threading.Thread(target=append_report, args=(tmp_path, report(1, by=f"p{n}"))) for n in range(20)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert commands_by_month(read_reports(tmp_path)) == {"2026-03": 20}


def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    """Nobody makes this command write elsewhere."""
    (tmp_path / "elsewhere").write_text("mine\n")
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OrchestratorError, match="state_dir_invalid"):
        append_report(tmp_path, report(1))
    assert (tmp_path / "elsewhere").read_text() == "mine\n"
    assert read_reports(tmp_path) == ()


@pytest.mark.parametrize("fields", [{"period": "2026-13"}, {"period": "../x"}, {"commands": -1}])
def test_impossible_reports(fields: dict[str, object]) -> None:
    """A month is a month, a count is no less than nothing."""
    with pytest.raises(ValidationError):
        ManualReport.model_validate({"at": AT, "by": "a", "period": "2026-03", "commands": 1} | fields)


GOOD = {"manual_commands_per_recovery": 12, "per_cause": {"add_python_package": 9}}
YAML = "manual_commands_per_recovery: 12\nper_cause:\n  add_python_package: 9\n"


@pytest.mark.parametrize(
    "text", [json.dumps(GOOD), "manual_commands_per_recovery: 12\nper_cause:\n  add_python_package: 9\n"]
)
def test_a_baseline_is_yaml_or_json(tmp_path: Path, text: str) -> None:
    """Of several causes of one run the dearest counts; an unknown one costs the usual."""
    path = tmp_path / "baseline"
    path.write_text(text)
    baseline = read_baseline(path)
    assert baseline.of_cause(("add_python_package",)) == 9
    assert baseline.of_cause(("change_lockfile",)) == 12
    assert baseline.of_cause(()) == 12


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "valid dictionary"),
        ("a: [", "neither YAML nor JSON"),
        ("recoveries_per_month: 3", "manual_commands_per_recovery"),
        ("manual_commands_per_recovery: 0", "greater than 0"),
        ("manual_commands_per_recovery: 1\ncommands: 2", "commands"),
        ("manual_commands_per_recovery: .inf", "100000"),
        ("manual_commands_per_recovery: !!python/object:os.system 1", "neither YAML nor JSON"),
        ("#" * 70_000, "larger than"),
    ],
)
def test_a_baseline_that_is_none_says_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    """One line, with the field."""
    path = tmp_path / "baseline.yaml"
    path.write_text(text)
    with pytest.raises(OrchestratorError) as caught:
        read_baseline(path)
    assert caught.value.code == "baseline_invalid"
    assert told in caught.value.message


def test_a_baseline_that_is_not_there(tmp_path: Path) -> None:
    """The catalogue's error, not a traceback."""
    with pytest.raises(OrchestratorError, match="baseline_invalid"):
        read_baseline(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 30 * 86400), ("12h", 43200), (" 5M ", 300), ("1w", 604800), ("9s", 9)]
)
def test_durations(text: str, seconds: float) -> None:
    """As people type them."""
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0d", "7", "d", "-1d", "1.5h", "1d2h", "999999d", "7 days"])
def test_what_is_no_duration(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="no duration"):
        duration(text)
