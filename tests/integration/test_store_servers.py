"""The servers that the tests of the object store stand on are real ones, and can be missing only by name."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from minio.error import S3Error

from tests.stores.fixtures import not_run
from tests.stores.servers import StoreServer

SCRIPT = Path(__file__).parents[2] / "deploy" / "host" / "minio.sh"


def test_server_stores_and_checks_the_login(store_server: StoreServer) -> None:
    """What is put can be read again, with metadata; another secret is refused."""
    client = store_server.client()
    client.make_bucket("servers")
    client.put_object("servers", "a/b.txt", io.BytesIO(b"hello"), 5, metadata={"x-amz-meta-sha256": "ab"})
    assert client.get_object("servers", "a/b.txt").read() == b"hello"
    assert client.stat_object("servers", "a/b.txt").metadata["x-amz-meta-sha256"] == "ab"
    with pytest.raises(S3Error):
        store_server.client(secret_key="not the secret").put_object("servers", "x", io.BytesIO(b""), 0)


def _run_without_go(cache: Path, tools: Path) -> subprocess.CompletedProcess[str]:
    """The script on a host that has neither Go nor a way to install it."""
    environment = {"PATH": str(tools), "HOME": str(cache), "XDG_CACHE_HOME": str(cache), "DEBIAN_GO": "no-go"}
    return subprocess.run(
        ["/bin/bash", str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def bare_tools(tmp_path: Path) -> Path:
    """A PATH with a shell's usual tools; ``id`` says that this is an ordinary user."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in (
        "dirname",
        "mkdir",
        "sort",
        "head",
        "find",
        "flock",
        "mktemp",
        "cat",
        "mv",
        "rm",
        "tail",
        "env",
    ):
        found = next(Path(d) / name for d in ("/usr/bin", "/bin") if (Path(d) / name).exists())
        (tools / name).symlink_to(found)
    nice = tools / "nice"
    nice.write_text('#!/bin/bash\nshift 2; exec "$@"\n')
    (tools / "id").write_text("#!/bin/bash\necho 1000\n")
    for script in (nice, tools / "id"):
        script.chmod(0o755)
    return tools


def test_host_without_go_says_so_with_its_own_exit_code(bare_tools: Path, tmp_path: Path) -> None:
    """No Go and no root: exit code 3 and the words that the test summary shows."""
    done = _run_without_go(tmp_path / "cache", bare_tools)
    assert done.returncode == 3
    assert "MinIO: not run: building it needs Go >= 1.24" in done.stderr


def test_failed_build_is_told_and_not_tried_again_at_once(bare_tools: Path, tmp_path: Path) -> None:
    """A module proxy that does not answer costs one attempt, not one per test process."""
    go = bare_tools / "go"
    calls = tmp_path / "calls"
    go.write_text(
        "#!/bin/bash\n"
        'if [ "$1" = env ]; then echo go1.26.0; exit 0; fi\n'
        f'echo "$GOTOOLCHAIN $CGO_ENABLED $*" >> {calls}; echo "no route to the proxy"; exit 1\n'
    )
    go.chmod(0o755)
    for _ in range(2):
        done = _run_without_go(tmp_path / "cache", bare_tools)
        assert done.returncode == 3
        assert "MinIO: not run: go install failed: no route to the proxy" in done.stderr
    assert calls.read_text().count("install") == 1
    assert "local 0 install" in calls.read_text()


def test_build_lands_whole_in_the_cache(bare_tools: Path, tmp_path: Path) -> None:
    """What ``go install`` made is printed, kept, and found the next time without Go."""
    go = bare_tools / "go"
    go.write_text(
        "#!/bin/bash\n"
        'if [ "$1" = env ]; then echo go1.24.4; exit 0; fi\n'
        'echo built > "$GOBIN/minio"; /bin/chmod +x "$GOBIN/minio"\n'
    )
    go.chmod(0o755)
    first = _run_without_go(tmp_path / "cache", bare_tools)
    go.unlink()
    second = _run_without_go(tmp_path / "cache", bare_tools)
    assert first.returncode == second.returncode == 0
    assert first.stdout == second.stdout
    assert Path(first.stdout.strip()).read_text() == "built\n"
    assert os.listdir(Path(first.stdout.strip()).parent) == ["minio"]  # noqa: PTH208 - hidden names too


def test_missing_minio_is_named_in_the_summary() -> None:
    """Only skips that MinIO caused are listed; each names its test and the reason."""
    reports = [
        SimpleNamespace(nodeid="t::a", longrepr=("f", 1, "Skipped: MinIO: not run: no Go")),
        SimpleNamespace(nodeid="t::b", longrepr=("f", 1, "Skipped: another reason")),
    ]
    assert not_run(reports) == ["t::a: MinIO: not run: no Go"]
