"""Build on a real stack: streamed, masked, with an effect, the previous image held (SPEC FR-005)."""

import asyncio
import re

import pytest

from tests.integration.repair_stack import (
    DOCKERFILE,
    GOOD,
    HostFactory,
    content,
    until,
)
from workflows.errors import OrchestratorError


async def test_the_previous_image_survives_a_prune(host: HostFactory):
    """Rebuilt and replaced, the old image has no name left but ours, and a container that uses it."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    journal = await on.open_journal()
    on.sandbox.write("requirements.txt", GOOD.replace("fixed", "other"))
    await on.build("requirements.txt")
    await on.restart("requirements.txt")
    # the engine's own prune would take other tests' images; `rmi` refuses for the same reason
    assert journal.previous_image_id is not None
    assert await on.engine.image_id(journal.previous_image_id) == journal.previous_image_id
    assert await on.engine.holds() >= {on.run_id}
    await on.engine.release_hold(on.run_id)
    assert on.run_id not in await on.engine.holds()
    assert await on.engine.image_id(journal.previous_image_id) is None


async def test_a_failed_build_quotes_the_tool_and_keeps_the_log(host: HostFactory):
    """The error is the tool's own last word, masked; the reference still points to the old image."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    journal = await on.open_journal()
    on.sandbox.write(
        "Dockerfile",
        "FROM python:3.13-slim\n"
        "RUN echo fine && echo 'ERROR: no matching thing for s3cr3t-canary-77' >&2 && exit 4\n",
    )
    with pytest.raises(OrchestratorError) as raised:
        await on.build("Dockerfile")
    error = raised.value
    assert error.code == "build_failed"
    assert "ERROR: no matching thing for [masked]" in error.message
    assert "exit code: 4" in await on.text(error.artifacts, "build.log")
    assert (await on.engine.image_id(on.target.image)) == journal.tag_image_id


async def test_build_output_reaches_its_file_while_the_build_runs(host: HostFactory):
    """An operator can read along (SPEC FR-005); a cancellation ends the build and keeps the log."""
    slow = DOCKERFILE.replace("RUN echo", "RUN echo early-words && sleep 47.11 && echo")
    on = host(Dockerfile=slow)
    await on.open_journal()
    build = asyncio.create_task(on.build("requirements.txt"))
    printed = re.compile(rb"^#\d+ [\d.]+ early-words$", re.MULTILINE)
    await until(lambda: printed.search(content(on.growing("build.log"))) or build.done())
    assert not build.done()
    build.cancel()
    with pytest.raises(asyncio.CancelledError):
        await build
    assert b"early-words" in content(on.growing("build.log"))
    assert not list(on.state.children.iterdir())
    async with on.journals.locked(on.sandbox.name):  # the lock was let go
        pass


async def test_a_patch_outside_the_image_is_ineffective(host: HostFactory):
    """The image is the very one that runs: nothing would change by a restart."""
    on = host(requirements__txt=GOOD, notes__txt="one")
    on.sandbox.up()
    await on.open_journal()
    on.sandbox.write("notes.txt", "two")
    on.sandbox.write(".dockerignore", "notes.txt\n")
    with pytest.raises(OrchestratorError) as raised:
        await on.build("notes.txt")
    assert raised.value.code == "patch_ineffective"
