"""Which browser is taken, and that a host without one says so by name."""

from pathlib import Path

import pytest

from tests.browser import chromium


def test_an_installed_browser_comes_before_a_downloaded_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the host has; else what playwright has; else none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(chromium, "_MAC", tmp_path / "mac")
    downloaded = tmp_path / "downloaded"
    assert chromium.installed_browser(str(downloaded)) is None
    downloaded.touch()
    assert chromium.installed_browser(str(downloaded)) == str(downloaded)
    installed = tmp_path / "google-chrome"
    installed.touch(mode=0o755)
    assert chromium.installed_browser(str(downloaded)) == str(installed)
    assert chromium.NOT_RUN.startswith("browser: not run")
