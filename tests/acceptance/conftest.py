"""An operator per test, and the projects they look after."""

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.acceptance.bench import Bench, serving_bench
from tests.acceptance.operator import Operator


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """A fresh operator: own state directory, no policy yet."""
    root = tmp_path / "operator"
    root.mkdir()
    return Operator(root)


@pytest.fixture(scope="module")
def bench(
    docker_engine: docker.DockerClient, base_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """A running shop and worker; every test leaves both as it found them, which it proves."""
    with serving_bench(tmp_path_factory.mktemp("bench"), docker_engine) as made:
        yield made
