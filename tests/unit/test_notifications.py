"""People are told over a real webhook: signed, masked, at least once, and never at a run's expense."""

import asyncio
import json
import logging
import re
import socket
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.adapters.measuring import Metrics
from activities.adapters.outbox import LONGEST_WAIT, MOST_ATTEMPTS, MOST_WAITING, Letter, Outbox
from activities.adapters.state_dir import StateDir
from activities.adapters.webhook import Answer, Webhook, payload
from tests.unit.hook_server import Hook, hook_server
from tests.unit.state_samples import NOW
from tests.unit.told_numbers import Told, rolled_back
from worker.postman import Postman
from workflows.errors import OrchestratorError
from workflows.models.notification import Notification, NotifyEvent
from workflows.models.status import RunStatus, StepName
from workflows.notices import event_of_the_end, notification

GUIDE = Path(__file__).parents[2] / "deploy" / "NOTIFICATIONS.md"
CANARY = "ghp_" + "zY9x" * 9
AT_ONCE = timedelta(0)


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A receiver."""
    with hook_server() as listening:
        yield listening


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    """An outbox that tries again at once."""
    return Outbox(StateDir(tmp_path / "state"), first_delay=AT_ONCE)


def told(event: NotifyEvent = NotifyEvent.ROLLED_BACK, run_id: str = "run-1", **fields: Any) -> Notification:
    """A notification of a run."""
    return notification(rolled_back(run_id).model_copy(update=fields), event, datetime.now(UTC))


def guide_example() -> dict[str, Any]:
    """The names that the guide's example defines."""
    source = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert source is not None
    assert len(source[1].strip().splitlines()) <= 12
    names: dict[str, Any] = {}
    exec(source[1], names)  # noqa: S102 - the example is what is tested
    return names


async def test_the_guides_example_verifies_what_is_sent(hook: Hook, outbox: Outbox) -> None:
    """A receiver that follows the guide takes the real request, and no altered or late one."""
    outbox.put(told())
    await Postman(outbox, Webhook(hook.url, "s3cret")).once()
    request = hook.got[0]
    genuine = guide_example()["genuine"]
    assert genuine("s3cret", request.headers, request.body)
    assert not genuine("other", request.headers, request.body)
    assert not genuine("s3cret", request.headers, request.body + b" ")
    assert not genuine("s3cret", request.headers | {"X-MM-Orchestrator-Timestamp": "1"}, request.body)
    late = datetime.now(UTC).timestamp() + 3600
    assert not genuine("s3cret", request.headers, request.body, lambda: late)
    assert outbox.letters() == ()


async def test_what_is_told(hook: Hook, outbox: Outbox) -> None:
    """Run, status, code, what to type; ``text`` says it to Slack; every field is in the guide."""
    failure = OrchestratorError("health_timeout", detail="x").failure(StepName.VERIFY)
    outbox.put(told(project="shop", service="api", failure=failure, code="health_timeout"))
    await Postman(outbox, Webhook(hook.url)).once()
    fields = hook.got[0].fields
    assert (fields["run_id"], fields["project"], fields["service"]) == ("run-1", "shop", "api")
    assert (fields["status"], fields["code"]) == ("rolled_back", "health_timeout")
    assert "mm-orchestrator explain run-1" in fields["commands"]
    assert "`mm-orchestrator explain run-1`" in fields["text"]
    assert "api of shop" in fields["text"]
    assert fields["id"] == hook.got[0].headers["X-MM-Orchestrator-Id"]
    assert "X-MM-Orchestrator-Signature" not in hook.got[0].headers
    assert [name for name in fields if f"`{name}`" not in GUIDE.read_text()] == []
    assert [event for event in NotifyEvent if f"`{event}`" not in GUIDE.read_text()] == []


def test_no_text_of_a_log_speaks_in_slacks_language() -> None:
    """Otherwise a broken service could call a whole channel, or hide a link."""
    text = json.loads(payload(told(summary="<!channel> a & b <http://x|y>", failure=None)))["text"]
    assert "<" not in text
    assert "&lt;!channel&gt; a &amp; b" in text


async def test_a_receiver_that_is_gone_gets_it_when_it_is_back(outbox: Outbox) -> None:
    """Refused, unreachable, hanging: the letter stays, with its id; then it arrives once."""
    numbers = Told()
    outbox.put(told())
    with hook_server() as first:
        port = first.port
    assert port
    postman = Postman(outbox, Webhook(f"http://127.0.0.1:{port}/x"))
    await postman.once()
    assert [letter.attempts for letter in outbox.letters()] == [1]
    with hook_server() as hook:
        webhook = Webhook(hook.url, timeout_seconds=20)
        postman = Postman(outbox, webhook, Metrics((numbers,)))
        for bad in (500, 307):  # a 307 keeps the method: following it would tell another address
            hook.status = bad
            await postman.once()
        hook.hanging, hook.status, webhook.timeout_seconds = True, 200, 0.3
        await postman.once()
        assert outbox.letters()[0].attempts == 4
        hook.let_go.set()
        hook.hanging, webhook.timeout_seconds = False, 20
        for _ in range(500):  # the attempt that hung comes back first
            await postman.once()
            if not outbox.letters():
                break
            await asyncio.sleep(0.02)
        assert outbox.letters() == ()
        assert {request.path for request in hook.got} == {"/services/T0/B0/aVerySecretPath"}
        assert len({request.fields["id"] for request in hook.got}) == 1
        assert len(hook.got) <= 4
    assert numbers.counted == ["notifications.delivered"]


async def test_a_hanging_receiver_is_asked_once_and_not_for_every_letter(hook: Hook, outbox: Outbox) -> None:
    """The time it takes does not grow with what waits."""
    hook.hanging = True
    for number in range(5):
        outbox.put(told(run_id=f"run-{number}"))
    await Postman(outbox, Webhook(hook.url, timeout_seconds=0.3)).once()
    assert sorted(letter.attempts for letter in outbox.letters()) == [0, 0, 0, 0, 1]


async def test_a_receiver_that_is_gone_is_asked_once_per_round(outbox: Outbox) -> None:
    """A refused connection for one letter is one for all of them."""
    with hook_server() as gone:
        port = gone.port
    for number in range(4):
        outbox.put(told(run_id=f"run-{number}"))
    await Postman(outbox, Webhook(f"http://127.0.0.1:{port}/x")).once()
    assert sorted(letter.attempts for letter in outbox.letters()) == [0, 0, 0, 1]


async def test_nothing_is_tried_for_ever(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    """Twenty attempts, ever further apart, or a day: then one line in the log, without the address."""
    caplog.set_level(logging.WARNING)
    patient = Outbox(outbox.state)
    patient.put(told())
    delays = []
    for _ in range(MOST_ATTEMPTS):
        letter = patient.letters()[0]
        patient.failed(letter, "HTTP status 500", NOW)
        delays += [(left.next_attempt - NOW) for left in patient.letters()]
    assert patient.letters() == ()
    assert delays == sorted(delays)
    assert delays[0] == timedelta(seconds=5)
    assert delays[-1] == timedelta(hours=1)
    patient.put(told(run_id="other"))
    assert patient.due(datetime.now(UTC) + LONGEST_WAIT + timedelta(seconds=1)) == ()
    assert patient.letters() == ()
    dropped = [record.getMessage() for record in caplog.records]
    assert dropped == ["a notification was dropped: HTTP status 500", "a notification was dropped: too old"]


def test_letters_are_private_few_and_each_event_is_one(outbox: Outbox, tmp_path: Path) -> None:
    """0600, the oldest give way, and a step that was retried leaves no second letter."""
    assert outbox.most == MOST_WAITING
    outbox = replace(outbox, most=4)
    for number in range(9):
        assert outbox.put(told(run_id=f"run-{number}"))
    files = list(outbox.state.outbox.glob("*.json"))
    assert len(files) == 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    kept = [letter.notification.run_id for letter in outbox.letters()]
    assert kept == ["run-5", "run-6", "run-7", "run-8"]
    alone = Outbox(StateDir(tmp_path / "other"))
    first = told()
    assert alone.put(first)
    assert alone.put(first.model_copy(update={"occurred_at": NOW}))
    assert len(alone.letters()) == 1


def test_only_what_is_wanted_is_kept_and_a_full_disk_is_no_failure(outbox: Outbox) -> None:
    """Whoever tells something hears at most that it was not kept."""
    few = Outbox(outbox.state, frozenset({NotifyEvent.ROLLBACK_INCOMPLETE}))
    assert not few.put(told())
    outbox.state.outbox.rename(outbox.state.root / "gone")
    assert not outbox.put(told())


async def test_no_secret_is_told_or_kept(
    hook: Hook, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    """A canary in the summary leaves neither for the disk nor for the receiver; nor the address for a log."""
    caplog.set_level(logging.DEBUG, "mm_orchestrator")
    outbox.put(told(summary=f"token {CANARY}", failure=None, requested_by=CANARY))
    kept = b"".join(path.read_bytes() for path in outbox.state.outbox.iterdir())
    hook.status = 500
    webhook = Webhook(hook.url, CANARY)
    await Postman(outbox, webhook).once()
    assert b"token" in hook.got[0].body
    assert CANARY.encode() not in hook.got[0].body + kept
    assert hook.url.encode() not in kept
    assert "aVerySecretPath" not in caplog.text + repr(webhook)
    assert "HTTP status 500" in caplog.text


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "http://no-such-host.invalid/x", "http://[::1/x", "http://a\nb/"]
)
async def test_an_address_that_leads_nowhere_raises_nothing(url: str) -> None:
    """The address is an operator's; whatever is wrong with it is one more failed attempt."""
    answer, why = await Webhook(url, timeout_seconds=3).deliver(told())
    assert answer is Answer.UNREACHABLE
    assert "x" not in why.split("/")


async def test_a_name_that_is_looked_up_for_ever_costs_one_thread(
    monkeypatch: pytest.MonkeyPatch, outbox: Outbox
) -> None:
    """None of those that steps use, and none that the end of the process waits for."""
    hanging, answered = threading.Event(), threading.Event()

    def look_up(*_: Any, **__: Any) -> Any:
        hanging.set()
        answered.wait(30)
        raise socket.gaierror("late")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    webhook = Webhook("http://hooks.example/x", timeout_seconds=0.3)
    assert (await webhook.deliver(told()))[0] is Answer.UNREACHABLE
    outbox.put(told())
    for _ in range(3):
        await Postman(outbox, webhook).once()
    assert outbox.letters()[0].attempts == 0, "what was not tried is no failure"
    assert await asyncio.to_thread(hanging.wait, 20)
    threads = [thread for thread in threading.enumerate() if thread.name == "webhook"]
    assert [thread.daemon for thread in threads] == [True]
    assert not answered.is_set()
    answered.set()
    await asyncio.to_thread(threads[0].join, 20)
    webhook.timeout_seconds = 20
    assert (await webhook.deliver(told()))[1] == "ConnectError"


async def test_a_process_that_ends_delivers_what_was_told_last(hook: Hook, outbox: Outbox) -> None:
    """``run --local`` ends right after its report."""
    task = asyncio.create_task(Postman(outbox, Webhook(hook.url), look_seconds=3600).forever())
    await asyncio.sleep(0.05)
    outbox.put(told())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert hook.events == ["rolled_back"]


async def test_of_two_workers_one_delivers(hook: Hook, outbox: Outbox) -> None:
    """They share the state directory; the other one's turn comes when the first one is gone."""
    outbox.put(told())
    with outbox.postman() as mine:
        assert mine
        await Postman(outbox, Webhook(hook.url)).once()
        assert hook.got == []
    await Postman(outbox, Webhook(hook.url)).once()
    assert hook.events == ["rolled_back"]


def test_a_broken_letter_does_not_stop_the_others(outbox: Outbox) -> None:
    """Somebody may have edited a file."""
    outbox.put(told())
    (outbox.state.outbox / "broken.json").write_text("{")
    assert [type(letter) for letter in outbox.letters()] == [Letter]


ENDS = [
    (RunStatus.ROLLED_BACK, "health_timeout", NotifyEvent.ROLLED_BACK),
    (RunStatus.FAILED, "rollback_incomplete", NotifyEvent.ROLLBACK_INCOMPLETE),
    (RunStatus.FAILED, "circuit_open", NotifyEvent.CIRCUIT_BREAKER_OPEN),
    (RunStatus.FAILED, "no_safe_fix", None),
    (RunStatus.SUCCEEDED, None, None),
    (RunStatus.CANCELLED, "cancelled", None),
]


@pytest.mark.parametrize(("status", "code", "event"), ENDS)
def test_which_ends_are_told(status: RunStatus, code: str | None, event: NotifyEvent | None) -> None:
    """What needs somebody, and nothing else."""
    record = rolled_back().model_copy(update={"status": status, "code": code})
    assert event_of_the_end(record) == event
