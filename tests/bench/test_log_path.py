"""Logs of any length, and the way of a small one into its artifact, without a word on its speed."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.bench.figures import Compared
from tests.bench.log_path import check, log_path
from tests.bench.log_worker import Stored
from tests.bench.long_logs import CANARY, MIB, write_complaining, write_ordinary


@pytest.mark.parametrize("write", [write_ordinary, write_complaining])
def test_a_log_has_its_length_its_lines_and_a_split_secret(write: object, tmp_path: Path) -> None:
    """Every line is one that a build step printed."""
    assert callable(write)
    log = tmp_path / "a.log"
    write(log, MIB)
    lines = log.read_text().splitlines()
    assert MIB <= log.stat().st_size < 2 * MIB
    assert all(re.match(r"#7 \d+\.\d{3} ", line) for line in lines)
    assert CANARY not in log.read_text()
    assert any(CANARY in re.sub(r"\x1b\[\d*m", "", line) for line in lines)


@pytest.mark.parametrize(
    ("kept", "why"),
    [
        ("one\n", "1 of 2 lines"),
        (f"one\npassword {CANARY}\n", "the secret is in the artifact"),
        ("one\ntwo!\n", "size"),
    ],
)
def test_a_broken_path_gives_no_figure(kept: str, why: str, tmp_path: Path) -> None:
    """A line lost, a secret kept, a size that is not so."""
    log, artifact = tmp_path / "a.log", tmp_path / "b.log"
    log.write_text("one\ntwo\n")
    artifact.write_text(kept)
    stored = Stored(seconds=1, grown_bytes=0, sha256="", size_bytes=8, uri=artifact.as_uri())
    with pytest.raises(AssertionError, match=why):
        check(stored, log)


def test_a_small_log_goes_the_whole_way() -> None:
    """Both kinds beside both ways by hand, and the memory of two lengths."""
    ordinary, complaining, memory = asyncio.run(log_path(2, mib=2, speed_mib=1))
    for speed in (ordinary, complaining):
        assert [len(side.values) for side in (speed.ours, *speed.baselines)] == [2, 2, 2]
        assert "masking" in speed.note
    assert memory.compared is Compared.DIFFERENCE
    assert len(memory.ours.values) == 2
