"""Runbook, security page, tctl page and units say what is there: commands, flags, files, tests, codes."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.test_docs import COMMANDS, ROOT
from worker.temporal_server import temporal_executable
from workflows.errors import CATALOGUE
from workflows.state_left import STATE_LEFT, with_table

RUNBOOK = (ROOT / "deploy" / "RUNBOOK.md").read_text()
SECURITY = (ROOT / "SECURITY.md").read_text()
TCTL = (ROOT / "deploy" / "TCTL.md").read_text()
PAGES = {"RUNBOOK.md": RUNBOOK, "SECURITY.md": SECURITY, "TCTL.md": TCTL}
UNITS = ("mm-orchestrator.service", "mm-orchestrator-nightly.service", "mm-orchestrator-nightly.timer")
MODULES = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}


def typed(page: str) -> set[str]:
    """Every command line on a page: whole code spans, and lines of console blocks."""
    spans = re.findall(r"`([^`\n]+)`", page)
    lines = re.findall(r"^(?:\$|[\d* ]{9,}) (.+)$", page, re.MULTILINE)
    found = (part.split("#")[0].strip() for text in (*spans, *lines) for part in re.split(r"[;&]+ ", text))
    return {text for text in found if re.match(r"(mm-orchestrator|temporal|tctl) [a-z]", text)}


OURS = sorted(
    {line for page in PAGES.values() for line in typed(page) if line.startswith("mm-orchestrator ")}
)
TEMPORALS = sorted({line for page in PAGES.values() for line in typed(page) if line.startswith("temporal ")})


def test_every_code_has_a_state() -> None:
    """Nobody looks up a code in vain, and no state outlives its code."""
    assert set(STATE_LEFT) == set(CATALOGUE)


def test_the_runbooks_table_is_current() -> None:
    """Regenerate it with ``python -m workflows.state_left deploy/RUNBOOK.md``."""
    assert with_table(RUNBOOK) == RUNBOOK
    with pytest.raises(ValueError, match="end of codes"):
        with_table("a page without the marks")


def test_the_pages_have_commands() -> None:
    """The tests below are not empty."""
    assert {"mm-orchestrator doctor", "mm-orchestrator recover RUN --accept-current-state"} <= set(OURS)
    assert {"temporal workflow cancel -w ID", "temporal workflow describe -w ID"} <= set(TEMPORALS)


@pytest.mark.parametrize("line", OURS)
def test_what_the_pages_have_typed_exists(line: str) -> None:
    """Command and options."""
    words = shlex.split(line)[1:]
    name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
    if words[0] == "--version":
        return
    assert name in COMMANDS
    known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert [word for word in words if word.startswith("--") and word not in known] == []


@pytest.mark.parametrize("line", TEMPORALS)
def test_what_is_typed_for_temporal_exists(line: str) -> None:
    """Held against the help of the real command line."""
    words = shlex.split(line)[1:]
    flags = [word for word in words if word.startswith("-")]
    command = words[: next((i for i, word in enumerate(words) if word.startswith("-")), len(words))]
    told = subprocess.run(
        [temporal_executable(), *command, "--help"], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert told.count(f"temporal {' '.join(command)}")
    assert [flag for flag in flags if not re.search(rf"(?<![\w-]){re.escape(flag)}\b", told)] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_test_and_path_on_a_page_exists(name: str) -> None:
    """A claim that names who holds it can be followed."""
    page = PAGES[name]
    assert [test for test in re.findall(r"`(test_\w+)`", page) if test not in MODULES] == []
    paths = re.findall(
        r"`((?:workflows|activities|worker|starter|deploy|tests)/[\w./-]*\w(?:\.\w+|/))`", page
    )
    base = ROOT / "deploy" if name != "SECURITY.md" else ROOT
    links = [base / link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", page)]
    assert [path for path in (*(ROOT / path for path in paths), *links) if not path.exists()] == []


def test_links_into_the_runbook_meet_a_heading() -> None:
    """As the forge makes anchors of headings."""
    anchors = {
        re.sub(r"[^\w -]", "", head).lower().replace(" ", "-")
        for head in re.findall(r"^## (.+)$", RUNBOOK, re.M)
    }
    named = re.findall(r"RUNBOOK\.md#([\w-]+)", SECURITY)
    assert named
    assert set(named) <= anchors


def test_codes_on_the_pages_exist() -> None:
    """A code that was renamed is noticed."""
    heard = {"host_unavailable", "mm_state"}
    words = {word for page in PAGES.values() for word in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", page)}
    other = {"retain_until", "requires_approval_when"} | heard | {word for word in words if word in MODULES}
    assert words - set(CATALOGUE) - other <= {"rolled_back", "mm_orchestrator"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this host has no systemd-analyze")
def test_units_are_accepted_by_systemd(tmp_path: Path) -> None:
    """Unknown keys and bad values are errors; only the program's place is another one here."""
    program = ROOT / ".venv" / "bin" / "mm-orchestrator"
    for name in UNITS:
        text = (ROOT / "deploy" / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/mm-orchestrator/bin/mm-orchestrator", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in UNITS)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    mine = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "mm-orchestrator" in line]
    assert mine == []


def test_the_unit_stops_later_than_the_worker() -> None:
    """Or systemd would kill steps that the worker still waits for."""
    unit = dict(re.findall(r"^(?:Environment=)?(\w+)=(.*)$", (ROOT / "deploy" / UNITS[0]).read_text(), re.M))
    assert float(unit["TimeoutStopSec"]) > float(unit["MM_ORCHESTRATOR_GRACEFUL_SHUTDOWN_SECONDS"])
    assert unit["StateDirectoryMode"] == "0700"
