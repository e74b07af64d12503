"""Log lines: one JSON object each, with the run's context, in UTC, without secrets."""

import io
import json
import logging

import structlog

from activities.adapters.redaction import Redactor
from worker.settings import LogFormat
from worker.telemetry import configure_logs

SECRET = "ghp_" + "a1B2" * 9


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    """The lines as objects."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_carries_the_context_of_its_run(stream: io.StringIO) -> None:
    """Context bound around a step is on each of its lines, also on those of the standard library."""
    configure_logs("info", LogFormat.JSON, str, stream)
    with structlog.contextvars.bound_contextvars(run_id="r1", step="build", round=2):
        logging.getLogger("mm_orchestrator.step").info("step started", extra={"seconds": 1.5})
    logging.getLogger("mm_orchestrator.worker").info("after")
    first, second = lines(stream)
    assert first["event"] == "step started"
    assert (first["run_id"], first["step"], first["round"], first["seconds"]) == ("r1", "build", 2, 1.5)
    assert first["level"] == "info"
    assert str(first["timestamp"]).endswith("Z")
    assert "run_id" not in second


def test_secrets_are_masked_wherever_they_stand(stream: io.StringIO) -> None:
    """Message, arguments, nested extras and tracebacks (I5)."""
    configure_logs("info", LogFormat.JSON, Redactor().text, stream)
    log = logging.getLogger("mm_orchestrator.x")
    log.info("token %s", SECRET, extra={"nested": {"list": [SECRET]}, "thing": ValueError(SECRET)})
    try:
        raise ValueError(SECRET)
    except ValueError:
        log.exception("failed")
    assert SECRET not in stream.getvalue()
    assert "ValueError" in str(lines(stream)[1]["exception"])
    assert len(lines(stream)) == 2


def test_libraries_are_quiet_but_for_warnings(stream: io.StringIO) -> None:
    """The SDK's information is no operator's business; ``debug`` shows it all."""
    configure_logs("info", LogFormat.JSON, str, stream)
    logging.getLogger("temporalio.worker").info("noise")
    logging.getLogger("temporalio.worker").warning("trouble")
    logging.getLogger("temporalio.activity").warning(
        "Completing activity as failed", exc_info=ValueError("x")
    )
    assert [line["event"] for line in lines(stream)] == ["trouble"]
    configure_logs("debug", LogFormat.JSON, str, stream)
    logging.getLogger("temporalio.worker").debug("noise")
    assert [line["event"] for line in lines(stream)] == ["trouble", "noise"]


def test_without_a_terminal_auto_means_json(stream: io.StringIO) -> None:
    """Console lines are for people who watch."""
    configure_logs("info", LogFormat.AUTO, str, stream)
    logging.getLogger("mm_orchestrator.x").info("hello")
    configure_logs("info", LogFormat.CONSOLE, str, stream)
    logging.getLogger("mm_orchestrator.x").info("hello again")
    one, two = stream.getvalue().splitlines()
    assert json.loads(one)["event"] == "hello"
    assert "hello again" in two
    assert not two.startswith("{")
    assert "\x1b" not in two
