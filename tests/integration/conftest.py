"""The steps on a real Compose project, ready for a test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import ComposeFactory
from tests.integration.state_rig import FILES, RUN, Rig


@pytest.fixture
async def rig(compose_project: ComposeFactory, tmp_path: Path) -> AsyncIterator[Rig]:
    """The usual project; nothing is started yet."""
    made = Rig(compose_project(FILES), tmp_path)
    yield made
    await made.docker.release_hold(RUN)
    made.docker.client.close()
