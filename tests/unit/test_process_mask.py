"""The one mask of a worker process: its environment, its settings, from wherever they were read (I5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.observing import mask_of
from worker.own_secrets import known_secrets
from worker.settings import load_settings


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A process that has just begun."""
    monkeypatch.setenv("MM_ORCHESTRATOR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MM_ORCHESTRATOR_SECRETS_DIR", str(tmp_path))
    known_secrets.cache_clear()
    yield
    known_secrets.cache_clear()


def test_secrets_of_the_environment_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they belong to: the name alone says that it is one."""
    monkeypatch.setenv("SHOP_API_KEY", "canary-of-the-environment")
    said = mask_of(load_settings())("it printed canary-of-the-environment here")
    assert said == "it printed [masked] here"


FILES = {
    "TEMPORAL_ARTIFACT_S3_SECRET_ACCESS_KEY": "canary-of-the-store",
    "MM_ORCHESTRATOR_LLM_API_KEY": "canary-of-the-model",
    "MM_ORCHESTRATOR_NOTIFY_SECRET": "canary-of-the-webhook",
}


@pytest.mark.parametrize("name", FILES)
def test_secrets_from_files_are_known_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """They are in no environment, so only the settings can tell them."""
    for variable in FILES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("MM_ORCHESTRATOR_NOTIFY_URL", "https://hooks.example/canary-of-the-path")
    (tmp_path / name).write_text(FILES[name])
    mask = mask_of(load_settings())
    assert FILES[name] not in mask(f"refused: {FILES[name]} is wrong")
    assert "canary-of-the-path" not in mask("POST https://hooks.example/canary-of-the-path failed")
