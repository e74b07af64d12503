"""A campaign adds up over several calls, and one seed is one round for ever."""

from pathlib import Path

from tests.chaos.case import Fault, Step, draw
from tests.chaos.outcome import Outcome
from tests.chaos.tally import Tally, summary
from tests.chaos.world import PROTECTED


def outcome(seed: int, **more: object) -> Outcome:
    """A case that ended well, but for what is said."""
    known = {"number": 0, "fault": "cancel", "aimed_at": "build", "step": "build", "status": "cancelled"}
    return Outcome.model_validate(known | {"seed": seed} | more)


def test_several_calls_add_up(tmp_path: Path) -> None:
    """What was played is not played again; a line that a crash cut does not count."""
    Tally(tmp_path / "new").add([outcome(1), outcome(1, number=1)])
    Tally(tmp_path / "new").add([outcome(2)])
    tally = Tally(tmp_path / "new")
    with tally.file.open("a") as file:
        file.write('{"seed": 3, "num')
    assert [o.seed for o in tally.all()] == [1, 1, 2]
    assert tally.next_seed(1) == 3
    tally.add([outcome(3)])
    assert [o.seed for o in tally.all()] == [1, 1, 2, 3]


def test_the_summary_names_every_violation_and_how_to_see_it_again() -> None:
    """Counts per fault and step, what could not run by name, and the command for a seed."""
    wrong = outcome(7, fault="kill_worker", step="patch", status="succeeded", violations=["a file is left"])
    text = summary([outcome(1), outcome(2), outcome(3, step="missed"), wrong], {"disk_full": "needs root"})
    assert "cancel           build         2  cancelled 2" in text
    assert "kill_worker      patch         1  VIOLATION 1" in text
    assert "make chaos REPLAY=7" in text
    assert "a file is left" in text
    assert "not run here: disk_full: needs root" in text
    assert "3 faults struck runs under way, 1 came after the end" in text
    assert "violations: 1" in text


def test_a_seed_is_one_round_and_all_seeds_together_are_everything() -> None:
    """The same cases each time; every fault at every step that it can strike at."""
    possible = frozenset(Fault)
    assert draw(5, PROTECTED, possible) == draw(5, PROTECTED, possible)
    drawn = [case for seed in range(3000) for case in draw(seed, PROTECTED, possible).cases]
    assert {case.fault for case in drawn} == set(Fault)
    assert {(case.fault, case.step) for case in drawn if case.fault is Fault.KILL_WORKER} == {
        (Fault.KILL_WORKER, step) for step in Step
    }
