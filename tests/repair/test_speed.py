"""A service of 2,000 files with 50 MB of log: seconds and memory that a worker can spare."""

import json
from pathlib import Path

import pytest

from tests.repair.big_service import MISSING, lay_out
from tests.repair.speed import diagnose, only_parse, only_read

MEBIBYTE = 1024**2


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(context, log) of the large service."""
    return lay_out(tmp_path_factory.mktemp("large"))


def test_a_large_service_costs_little_more_than_reading_it(laid: tuple[Path, Path], tmp_path: Path) -> None:
    """Right answer, bounded memory, and less processor time than parsing the sources plus reading twice.

    Compared with baselines of the same run: the machine may be slow, or busy with other tests.
    """
    context, log = laid
    empty = tmp_path / "empty.log"
    empty.write_bytes(b"")

    spent, idle = diagnose(log, context), diagnose(empty, context)
    reading, parsing = only_read(log, context), only_parse(context)

    best = json.loads(spent.output)["findings"][0]
    assert best["names"] == [MISSING]
    assert len(best["quotes"]) == 2
    assert spent.peak_bytes < 300 * MEBIBYTE
    assert spent.peak_bytes - idle.peak_bytes < 80 * MEBIBYTE, "memory grows with the log"
    assert spent.cpu_seconds - idle.cpu_seconds < parsing.cpu_seconds + 2 * reading.cpu_seconds


@pytest.mark.parametrize(
    "noise", ["all is well with request 17", "ERROR could not serve request 17: not found"]
)
def test_noise_after_the_cause_costs_no_minutes(laid: tuple[Path, Path], tmp_path: Path, noise: str) -> None:
    """50 MB of whatever came after the crash, quiet or full of words that sound like a cause."""
    context, _ = laid
    log = tmp_path / "noisy.log"
    log.write_text(
        f"ModuleNotFoundError: No module named '{MISSING}'\n" + f"{noise}\n" * (50 * MEBIBYTE // len(noise))
    )

    spent, parsing = diagnose(log, context), only_parse(context)

    assert spent.peak_bytes < 300 * MEBIBYTE
    assert spent.cpu_seconds < 4 * parsing.cpu_seconds
    decision = json.loads(spent.output)["decision"]
    assert decision == ("decline" if "ERROR" in noise else "fix")
