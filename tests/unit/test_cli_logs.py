"""logs: what a step wrote, while it writes and afterwards, on any machine's terminal (SPEC FR-005)."""

import asyncio
import hashlib
import io
import threading
from pathlib import Path

import pytest
from rich.console import Console

import starter.cli.logs as following
from starter.cli.exit_codes import ExitCode
from starter.cli.logs import Printing
from starter.cli.session import Session
from starter.evidence import EvidenceFiles
from starter.logs import LogReader, over
from starter.settings import StarterSettings
from tests.unit.cli_stage import BundleHost, Operator, Stage
from tests.unit.record_samples import BUILDING, RUN_ID, SUCCEEDED, artifact, record, step
from workflows.models.record import RunRecord
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus, StepName, StepStatus

REQUEST = RunRequest(service="api", instruction="repair it", requested_by="dave")


@pytest.fixture
def growing(tmp_path: Path) -> Path:
    """The spooled log of a build that goes on."""
    path = tmp_path / "spool" / RUN_ID / "build.log"
    path.parent.mkdir(parents=True)
    return path


class Screen:
    """A terminal that ``logs`` prints on."""

    def __init__(self, state: Path) -> None:
        self.stream, self.errors = io.StringIO(), io.StringIO()
        plain = {"markup": False, "highlight": False, "emoji": False, "width": 200}
        session = Session(
            local=lambda _dir: pytest.fail("no stack is needed"),
            settings=StarterSettings(configured_state_dir=state),
            out=Console(file=self.stream, **plain),  # type: ignore[arg-type]
            err=Console(file=self.errors, **plain),  # type: ignore[arg-type]
        )
        self.printing = Printing(session, LogReader(EvidenceFiles(state)))

    def looks(self, record: RunRecord, name: StepName = StepName.BUILD) -> str:
        """Everything printed so far, after one more look."""
        for log in self.printing.reader.logs(record, name):
            self.printing.show(log, record)
        return self.stream.getvalue()


@pytest.fixture
def screen(tmp_path: Path) -> Screen:
    """A terminal on the worker's machine."""
    return Screen(tmp_path)


def test_only_what_is_new_is_printed_and_only_whole_lines(screen: Screen, growing: Path) -> None:
    """A line, a character and an escape sequence cut in two are printed when they are whole."""
    data = "#1 FROM python\n#2 caché \x1b]0;owned\x07\r\n#3".encode()
    growing.write_bytes(b"")
    for size in range(1, len(data) + 1):
        growing.write_bytes(data[:size])
        text = screen.looks(BUILDING)
        assert text in {"", "#1 FROM python\n", "#1 FROM python\n#2 caché \\x1b]0;owned\\x07\n"}
    screen.printing.finish()
    assert screen.stream.getvalue() == "#1 FROM python\n#2 caché \\x1b]0;owned\\x07\n#3\n"


def test_a_log_that_begins_anew_is_shown_from_its_beginning(screen: Screen, growing: Path) -> None:
    """The step is tried again: what it writes now is not cut at where the first try was."""
    growing.write_text("a long first try\n")
    screen.looks(BUILDING)
    growing.write_text("again\n")
    assert screen.looks(BUILDING) == "a long first try\n==> build.log begins anew <==\nagain\n"


def test_the_finished_log_goes_on_where_the_growing_one_was(screen: Screen, growing: Path) -> None:
    """The step ends between two looks: nothing is printed twice, nothing is left out."""
    growing.write_text("#1\n#2")
    assert screen.looks(BUILDING) == "#1\n"
    growing.write_text("#1\n#2 done\n")
    sha256 = hashlib.sha256(growing.read_bytes()).hexdigest()
    stored = artifact("build.log", uri=growing.as_uri(), sha256=sha256, size_bytes=11)
    ended = SUCCEEDED.model_copy(update={"artifacts": (stored,)})
    assert screen.looks(ended) == screen.looks(ended) == "#1\n#2 done\n"


def test_a_finished_log_that_was_changed_is_not_printed(screen: Screen, growing: Path) -> None:
    """Its checksum comes first; the error is on the other stream."""
    growing.write_text("all is well\n")
    stored = artifact("build.log", uri=growing.as_uri(), size_bytes=12)
    assert screen.looks(SUCCEEDED.model_copy(update={"artifacts": (stored,)})) == ""
    assert screen.errors.getvalue().startswith("artifact_corrupt: ")
    assert screen.printing.code == ExitCode.FAILED


def test_a_line_without_an_end_is_not_kept_for_ever(screen: Screen, growing: Path) -> None:
    """A megabyte without a line's end is printed in pieces."""
    growing.write_bytes(b"x" * (1 << 20))
    assert len(screen.looks(BUILDING)) == 1 << 20


@pytest.mark.parametrize("name", ["../../etc/passwd", "build.log.txt", ".build.log.ab12.tmp", "rebuild.log"])
def test_only_the_steps_own_logs_are_shown(screen: Screen, growing: Path, name: str) -> None:
    """Whatever else lies in the spool."""
    (growing.parent / name.replace("/", "_")).write_text("no log of the build\n")
    assert screen.looks(BUILDING) == ""


BUILD = StepName.BUILD
OVER = [
    (RunStatus.RUNNING, (), False),
    (RunStatus.RUNNING, (step(BUILD, StepStatus.PENDING),), False),
    (RunStatus.RUNNING, (step(BUILD, StepStatus.IN_PROGRESS),), False),
    (RunStatus.RUNNING, (step(BUILD, StepStatus.FAILED),), False),
    (
        RunStatus.RUNNING,
        (step(BUILD, StepStatus.FAILED), step(BUILD, StepStatus.IN_PROGRESS, round=2)),
        False,
    ),
    (RunStatus.RUNNING, (step(BUILD),), True),
    (RunStatus.RUNNING, (step(BUILD, StepStatus.SKIPPED),), True),
    (RunStatus.FAILED, (step(BUILD, StepStatus.FAILED),), True),
    (RunStatus.CANCELLED, (), True),
]


@pytest.mark.parametrize(("status", "steps", "expected"), OVER)
def test_following_ends_when_nothing_more_can_come(
    status: RunStatus, steps: tuple[object, ...], expected: bool
) -> None:
    """A failed build may be done again in the next round; a run that has ended does nothing again."""
    assert over(record(status, steps=steps), BUILD) is expected


def test_a_log_is_followed_to_the_end_of_its_run(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--follow as it is typed: lines as they come, and the end when the run ends."""
    looked = threading.Semaphore(0)
    show = Printing.show

    def showing(printing: Printing, *args: object) -> None:
        show(printing, *args)  # type: ignore[arg-type]
        looked.release()

    monkeypatch.setattr(Printing, "show", showing)
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.1)
    operator, host = Operator(stage, tmp_path), BundleHost(tmp_path)
    begun = host.hang("build")
    with stage.serving(host):
        run = stage.call(stage.starter().start(REQUEST))
        stage.call(asyncio.wait_for(begun.wait(), 30))
        log = tmp_path / "spool" / run.run_id / "build.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"#1 FROM python\n#2 ca")

        def grow() -> None:
            looked.acquire(timeout=30)
            with log.open("ab") as file:
                file.write("ché\n".encode())
            for _ in range(2):  # a look that had begun before does not count
                looked.acquire(timeout=30)
            stage.call(stage.starter().cancel(run))

        writer = threading.Thread(target=grow)
        writer.start()
        followed = operator.types("logs", run.run_id, "build", "--follow")
        writer.join()
    assert followed.exit_code == ExitCode.OK
    assert followed.stdout == "==> build.log (still being written) <==\n#1 FROM python\n#2 caché\n"
