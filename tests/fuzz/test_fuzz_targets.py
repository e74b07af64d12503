"""Each target for a moment, and whatever broke one once."""

import random
from itertools import islice
from pathlib import Path

import pytest

from tests.fuzz.feeding import Hang, feed, feed_apart, watched
from tests.fuzz.mutation import mutations
from tests.fuzz.results import BROKEN, Fed, Fuzzed
from tests.fuzz.targets import Target, targets

TARGETS = {target.name: target for target in targets()}
ONCE = sorted(BROKEN.glob("*/*.bin"))


@pytest.mark.parametrize("name", TARGETS)
def test_bad_input_is_answered(name: str, tmp_path: Path) -> None:
    """Some hundred mutations: no crash, no hang, and what is known reads."""
    fed = feed(TARGETS[name], 0, 20, tmp_path, most=400)
    assert fed.crashes == ()
    assert fed.hangs == 0
    assert fed.inputs >= len(TARGETS[name].seeds)


def test_what_broke_something_once_is_answered() -> None:
    """Kept by ``make fuzz``; each belongs to a target that there is."""
    known = {target.name.replace(" ", "-"): target for target in TARGETS.values()}
    for path in ONCE:
        watched(known[path.parent.name], path.read_bytes())


def test_a_crash_and_a_hang_are_found_and_kept(tmp_path: Path) -> None:
    """Of planted faults: an error that is no answer, and an endless loop."""

    def breaks(data: bytes) -> None:
        if b"\x00" in data:
            raise IndexError("planted")

    fed = feed(Target("planted", breaks, (b"text",)), 1, 20, tmp_path, most=2000)
    assert fed.crashes == ("IndexError: planted",)
    assert [b"\x00" in path.read_bytes() for path in (tmp_path / "planted").iterdir()] == [True]

    def hangs(_data: bytes) -> None:
        while True:
            pass

    with pytest.raises(Hang):
        watched(Target("hanging", hangs, (b"text",)), b"text")


def test_a_target_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    """As ``make fuzz`` does it."""
    fed = feed_apart("token", 1, 5.0, tmp_path)
    assert fed.inputs > 10
    assert fed.crashes == ()


def test_mutations_are_the_same_for_the_same_seed() -> None:
    """So that a call can be played again."""
    dice = (random.Random(7), random.Random(7))  # noqa: S311 - chance, not secrecy
    first, again = (list(islice(mutations((b"a\nb", b"c"), one), 200)) for one in dice)
    assert first == again
    assert len(set(first)) > 100


def test_figures_add_up() -> None:
    """Inputs and hangs are sums, the slowest is the slowest of all, an error is named once."""
    one = Fed(inputs=2, seconds=1, slowest_seconds=0.5, crashes=("E: x",), hangs=1)
    both = Fuzzed().plus(1, "2026-01-01", {"a": one}).plus(2, "2026-01-02", {"a": one, "b": Fed(inputs=1)})
    assert both.seeds == (1, 2)
    assert both.targets["a"] == Fed(inputs=4, seconds=2, slowest_seconds=0.5, crashes=("E: x",), hangs=2)
    assert both.targets["b"].inputs == 1
