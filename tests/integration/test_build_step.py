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


async def test_a_retried_build_goes_on_in_the_same_log(host: HostFactory):
    """What the interrupted attempt printed is still there, and what it made is known as the run's own."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    await on.open_journal()
    on.sandbox.write("requirements.txt", f"{GOOD}# {on.run_id}\n")
    first = await on.build("requirements.txt")
    told = await on.text(first.artifacts, "build.log")
    second = await on.build("requirements.txt")
    log = await on.text(second.artifacts, "build.log")
    assert log.startswith(told)
    assert log.count("the step begins again") == 1
    (journal,) = on.journals.all()
    assert journal.images_made == (second.image_id,)
    assert [build.ended_at is not None for build in journal.builds] == [True, True]


async def test_a_build_takes_no_name_and_no_file_from_somebody_else(host: HostFactory):
    """A reference moved or a file edited since the patch: `foreign_change`, and both stay as they are."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    await on.open_journal()
    theirs = on.sandbox.engine.images.get("python:3.13-slim")
    theirs.tag(on.target.image)
    with pytest.raises(OrchestratorError, match=r"foreign_change.*what image"):
        await on.build("requirements.txt")
    assert await on.engine.image_id(on.target.image) == theirs.id
    plan = on.plan("requirements.txt")
    on.sandbox.write("requirements.txt", "theirs\n")
    with pytest.raises(OrchestratorError, match=r"foreign_change.*requirements\.txt"):
        await on.build_of(plan)
    assert on.sandbox.read("requirements.txt") == "theirs\n"
