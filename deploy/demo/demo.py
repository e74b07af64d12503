"""The demonstration behind `make demo`: repair a real broken service, then watch a repair roll back.

Everything is real: Docker Engine, Compose, an embedded Temporal server, local artifacts. The project is
copied first, so the checkout stays as it is. Exit code 0 means that every claim printed below was checked.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlparse

HERE = Path(__file__).resolve().parent
COMMAND = str(Path(sys.executable).parent / "mm-orchestrator")
PROJECT = "mm-orchestrator-demo"
REPAIR = "repair the missing dependency for the api service"
POLICY = """\
version: 1
projects:
  {project}:
    workspace: {workspace}
    services:
      api:
        verification:
          http:
            - url: http://127.0.0.1:8000/health   # asked from inside the api's own network
              vantage: target
          max_wait_seconds: {max_wait_seconds}
          stability_window_seconds: 3
"""


class DemoFailed(Exception):  # noqa: N818 - it names what happened
    """A claim of the demonstration did not hold."""


def say(text: str) -> None:
    """A headline."""
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def check(claim: str, holds: bool, detail: object = "") -> None:
    """Print a claim once it was checked; stop the demonstration where it does not hold."""
    print(f"  {'ok  ' if holds else 'FAIL'} {claim}", flush=True)
    if not holds:
        raise DemoFailed(f"{claim}: {detail}" if detail else claim)


def run(*argv: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its exit code is the caller's business."""
    return subprocess.run(argv, cwd=cwd, env=env, text=True, capture_output=True, check=False)


class Demo:
    """One copy of the demo project, and what is asked of it."""

    def __init__(self, root: Path) -> None:
        self.project = root / "project"
        self.state = root / "state"
        shutil.copytree(HERE, self.project, ignore=shutil.ignore_patterns("demo.py", "__pycache__"))
        self.env = {
            **os.environ,
            "MM_ORCHESTRATOR_STATE_DIR": str(self.state),
            "MM_ORCHESTRATOR_POLICY": str(root / "policy.yaml"),
            "COMPOSE_PROJECT_NAME": PROJECT,
        }
        self.permit(max_wait_seconds=60)

    def permit(self, max_wait_seconds: float) -> None:
        """Write the policy: this project, one HTTP probe."""
        text = POLICY.format(project=PROJECT, workspace=self.project, max_wait_seconds=max_wait_seconds)
        Path(self.env["MM_ORCHESTRATOR_POLICY"]).write_text(text)

    def compose(self, *arguments: str) -> str:
        """Run Compose on the copy."""
        done = run("docker", "compose", "-p", PROJECT, *arguments, cwd=self.project, env=self.env)
        if done.returncode != 0:
            raise DemoFailed(f"docker compose {' '.join(arguments)}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def release_previous_images(self) -> None:
        """A success keeps the image it replaced; here nobody will want it back."""
        label = f"label=io.moonmind.orchestrator.project={PROJECT}"
        form = '{{.ID}} {{.Label "io.moonmind.orchestrator.run"}}'
        held = run("docker", "ps", "--all", "--filter", label, "--format", form, cwd=self.project).stdout
        for holder, run_id in (line.split() for line in held.splitlines()):
            run("docker", "rm", "--force", holder, cwd=self.project)
            run("docker", "rmi", f"mm-orchestrator/held:{run_id}", cwd=self.project)

    def container(self, service: str) -> dict[str, object]:
        """Id, start time, image and health of a service's container."""
        container_id = self.compose("ps", "--all", "--quiet", service).split()[0]
        done = run("docker", "inspect", container_id, cwd=self.project)
        inspected = json.loads(done.stdout)[0]
        state = inspected["State"]
        return {
            "id": inspected["Id"],
            "started_at": state["StartedAt"],
            "image": inspected["Image"],
            "status": state["Status"],
            "restarts": inspected["RestartCount"],
            "health": state.get("Health", {}).get("Status", "none"),
        }

    def files(self) -> dict[str, str]:
        """Path -> SHA-256 of every file of the copy."""
        found = sorted(path for path in self.project.rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.project)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in found
        }

    def orchestrate(self, *arguments: str) -> tuple[int, dict[str, object]]:
        """One `mm-orchestrator run --local --json`; its progress goes to the terminal as it comes."""
        argv = [COMMAND, "run", *arguments, "--local", "--project-dir", str(self.project), "--json"]
        print("  $ mm-orchestrator " + " ".join(repr(a) if " " in a else a for a in argv[1:]), flush=True)
        done = subprocess.run(argv, env=self.env, text=True, stdout=subprocess.PIPE, check=False)
        if not done.stdout.strip():
            raise DemoFailed(f"the run printed no record (exit code {done.returncode})")
        return done.returncode, json.loads(done.stdout)

    def show(self, command: str, run_id: str) -> None:
        """Print what an operator would read."""
        done = run(COMMAND, command, run_id, cwd=self.project, env={**self.env, "NO_COLOR": "1"})
        print("\n".join("    " + line for line in done.stdout.splitlines()))
        check(f"mm-orchestrator {command} answers", done.returncode == 0 and bool(done.stdout), done.stderr)


def check_artifacts(record: dict[str, object], wanted: set[str]) -> None:
    """Every artifact's file has the checksum of the record, and none is missing."""
    artifacts = record["artifacts"]
    names = {artifact["name"] for artifact in artifacts}
    check(f"artifacts are complete: {', '.join(sorted(names))}", wanted <= names, wanted - names)
    for artifact in artifacts:
        data = Path(unquote(urlparse(artifact["uri"]).path)).read_bytes()
        if hashlib.sha256(data).hexdigest() != artifact["sha256"]:
            raise DemoFailed(f"checksum of {artifact['name']}")
    print("  ok   each file has the SHA-256 of the record", flush=True)


def wait_until_broken(demo: Demo) -> None:
    """The api has crashed at least once."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        api = demo.container("api")
        if api["restarts"] or api["status"] in {"restarting", "exited"}:
            break
        time.sleep(0.3)
    log = demo.compose("logs", "--no-color", "--tail", "200", "api")
    errors = [line for line in log.splitlines() if "ModuleNotFoundError" in line]
    print("    " + (errors[-1] if errors else "(no error in the log)"))
    check("the api crash-loops: a module is missing", bool(errors), api)


def repair(demo: Demo) -> None:
    """Part one: the missing dependency."""
    neighbours = {name: demo.container(name) for name in ("store", "worker")}
    code, record = demo.orchestrate("api", REPAIR)
    check("exit code 0, status succeeded", (code, record["status"]) == (0, "succeeded"), record["failure"])
    demo.show("diff", str(record["run_id"]))
    demo.show("show", str(record["run_id"]))
    check("the api is healthy", demo.container("api")["health"] == "healthy")
    check_artifacts(record, {"plan.json", "patch.diff", "build.log", "restart.log", "containers.json",
                             "verify.log", "report.json", "events.jsonl", "manifest.json"})  # fmt: skip
    for name, before in neighbours.items():
        now = demo.container(name)
        same = all(now[key] == before[key] for key in ("id", "started_at", "image"))
        check(f"{name} was not touched: same container, same start, same image", same, (before, now))
    code, record = demo.orchestrate("api", REPAIR)
    nothing = (code, record["status"], record["code"], record["rounds"])
    check(
        "a second call finds nothing to repair", nothing == (0, "succeeded", "nothing_to_repair", 0), record
    )


def roll_back(demo: Demo) -> None:
    """Part two: a change that builds and starts, and never becomes healthy."""
    demo.permit(max_wait_seconds=10)
    dockerfile = demo.project / "api" / "Dockerfile"
    text = dockerfile.read_text()
    patch = demo.project.parent / "port.patch"
    old = next(line for line in text.splitlines() if line.startswith("CMD"))
    number = text.splitlines().index(old) + 1
    patch.write_text(
        "--- a/api/Dockerfile\n+++ b/api/Dockerfile\n"
        f"@@ -{number} +{number} @@\n-{old}\n+{old.replace('8000', '9000')}\n"
    )
    files, before = demo.files(), {name: demo.container(name) for name in ("api", "store", "worker")}
    code, record = demo.orchestrate("api", "move the api to another port", "--patch", str(patch))
    why = (record.get("failure") or {}).get("code")
    check(
        "exit code 4, status rolled_back", (code, record["status"]) == (4, "rolled_back"), record["failure"]
    )
    check("because it never answered in time", why == "health_timeout", why)
    demo.show("explain", str(record["run_id"]))
    check("every file is byte for byte as before", demo.files() == files)
    api = demo.container("api")
    check("the previous image runs again", api["image"] == before["api"]["image"], api)
    check("and is healthy", api["health"] == "healthy", api)
    for name in ("store", "worker"):
        check(f"{name} was not touched", demo.container(name)["started_at"] == before[name]["started_at"])
    check_artifacts(record, {"patch.diff", "build.log", "verify.log", "rollback.log", "manifest.json"})


@contextlib.contextmanager
def staged() -> Iterator[Demo]:
    """The demo project, started broken, and removed at the end with all it made."""
    with tempfile.TemporaryDirectory(prefix="mm-orchestrator-demo-") as root:
        demo = Demo(Path(root))
        try:
            demo.compose("up", "--detach", "--build", "--quiet-pull")
            yield demo
        finally:
            demo.compose("down", "--volumes", "--remove-orphans", "--rmi", "local", "--timeout", "3")
            demo.release_previous_images()


def main() -> int:
    """Run the demonstration."""
    started = time.monotonic()
    say("A Compose project with a broken service is started")
    try:
        with staged() as demo:
            print(demo.compose("ps", "--all", "--format", "table {{.Service}}\t{{.Status}}"))
            wait_until_broken(demo)
            say("One sentence repairs it")
            repair(demo)
            say("A change that cannot become healthy is put back")
            roll_back(demo)
    except DemoFailed as failed:
        print(f"\nThe demonstration failed: {failed}", file=sys.stderr)
        return 1
    say(f"Done in {time.monotonic() - started:.0f} s: everything claimed above was checked")
    return 0


if __name__ == "__main__":
    sys.exit(main())
