"""Compose's answers are remembered while nothing that it read has changed, and not a moment longer."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from activities.adapters import process
from activities.adapters.compose_runner import ComposeRunner
from tests.sandbox import write_files
from workflows.errors import OrchestratorError
from workflows.models.target import ComposeProject

FILES = {
    "compose.yaml": """\
services:
  api:
    image: ${IMAGE:-first}
    env_file: [api.env, {path: late.env, required: false}]
    secrets: [token]
    configs: [rules]
secrets:
  token: {file: ./token.txt}
configs:
  rules: {file: ./rules.ini}
""",
    "override.yaml": "services:\n  api:\n    scale: 2\n",
    ".env": "IMAGE=of-dotenv\n",
    "api.env": "API_PASSWORD=canary-of-env-file\n",
    "token.txt": "canary-of-secret-file\n",
    "rules.ini": "password=canary-of-config-file\n",
}
Edit = Callable[[Path], object]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Compose was really asked."""
    commands: list[str] = []
    run = process.run

    async def noted(argv: list[str], **kwargs: object) -> process.Completed:
        commands.append(" ".join(argv[-2:]))
        return await run(argv, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(process, "run", noted)
    return commands


@pytest.fixture
def project(tmp_path: Path) -> ComposeProject:
    """Every kind of file that Compose reads without being asked to include or extend."""
    write_files(tmp_path, FILES)
    files = (str(tmp_path / "compose.yaml"), str(tmp_path / "override.yaml"))
    return ComposeProject(
        name="remembered", working_dir=str(tmp_path), config_files=files, environment=("MM_TEST_SHOWN",)
    )


def written(name: str, text: str) -> Edit:
    """An edit that puts another text into a file."""
    return lambda root: (root / name).write_text(text)


async def test_an_unchanged_project_is_asked_about_once(project: ComposeProject, asked: list[str]) -> None:
    """However often, and by however many steps."""
    compose = ComposeRunner(os.environ)
    first = [await compose.model(project), await compose.config_hash(project, "api")]
    questions = len(asked)

    again = [await compose.model(project), await compose.config_hash(project, "api")]

    assert again == first
    assert questions == len(asked) == 2
    assert again[0].secret_values == first[0].secret_values  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("edit", "secret"),
    [
        (written("compose.yaml", FILES["compose.yaml"].replace("first", "other!")), None),
        (written("override.yaml", "services:\n  api:\n    scale: 3\n"), None),
        (written(".env", "IMAGE=of_dotenv\n"), None),
        (lambda root: (root / ".env").unlink(), None),
        (written("api.env", "API_PASSWORD=canary-of-env_file\n"), "canary-of-env_file"),
        (written("late.env", "LATE_TOKEN=canary-that-came-late\n"), "canary-that-came-late"),
        (written("token.txt", "canary-of-secret_file\n"), "canary-of-secret_file"),
        (written("rules.ini", "password=canary-of-config_file\n"), "canary-of-config_file"),
    ],
    ids=["compose file", "override", ".env", ".env gone", "env_file", "new env_file", "secret", "config"],
)
async def test_every_file_that_counts_is_noticed_at_its_next_byte(
    project: ComposeProject, asked: list[str], edit: Edit, secret: str | None
) -> None:
    """Of the same length, within the same second, with its times put back: content decides."""
    compose = ComposeRunner(os.environ)
    await compose.model(project)
    root = Path(project.working_dir)
    files = [root / name for name in FILES]
    times = {path: (path.stat().st_atime_ns, path.stat().st_mtime_ns) for path in files}

    edit(root)
    for path, ns in times.items():
        if path.exists():
            os.utime(path, ns=ns)
    told = await compose.model(project)

    assert len(asked) == 2
    assert told == await ComposeRunner(os.environ).model(project)
    if secret is not None:
        assert secret in told.secret_values


async def test_a_variable_of_the_worker_counts(project: ComposeProject, asked: list[str]) -> None:
    """It is passed on, so it may be anywhere in the answer."""
    environment = dict(os.environ) | {"MM_TEST_SHOWN": "one"}
    compose = ComposeRunner(environment)
    await compose.model(project)

    environment["MM_TEST_SHOWN"] = "two"
    await compose.model(project)

    assert len(asked) == 2


@pytest.mark.parametrize(
    "text",
    [
        "include: [more.yaml]\nservices: {api: {image: a}}\n",
        "services: {api: {extends: {file: more.yaml, service: base}}}\n",
        "services: {api: {image: a, env_file: '${HOME:+more.env}'}}\n",
        "services: {api: {image: a, environment: !reset null}}\n",
    ],
    ids=["include", "extends", "variable in a path", "tag"],
)
async def test_what_may_read_further_files_is_never_remembered(
    project: ComposeProject, asked: list[str], text: str
) -> None:
    """Better asked too often than told what is no longer true."""
    root = Path(project.working_dir)
    write_files(root, {"more.yaml": "services: {base: {image: b}}\n", "more.env": "A=1\n"})
    (root / "compose.yaml").write_text(text)
    compose = ComposeRunner(os.environ)

    await compose.model(project)
    await compose.model(project)

    assert len(asked) == 2


async def test_an_error_is_not_remembered(project: ComposeProject, asked: list[str]) -> None:
    """The next step may find the file mended."""
    compose = ComposeRunner(os.environ)
    good = (Path(project.working_dir) / "compose.yaml").read_text()
    written("compose.yaml", "services: {api: {image: [}}\n")(Path(project.working_dir))
    with pytest.raises(OrchestratorError, match="compose_invalid"):
        await compose.model(project)

    written("compose.yaml", good)(Path(project.working_dir))

    assert (await compose.model(project)).services["api"].image == "of-dotenv"


async def test_an_answer_during_which_a_file_changed_is_not_remembered(
    project: ComposeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compose may have read it before or after."""
    compose, run = ComposeRunner(os.environ), process.run

    async def edited_behind(argv: list[str], **kwargs: object) -> process.Completed:
        done = await run(argv, **kwargs)  # type: ignore[arg-type]
        written(".env", "IMAGE=while-it-was-asked\n")(Path(project.working_dir))
        return done

    monkeypatch.setattr(process, "run", edited_behind)
    assert (await compose.model(project)).services["api"].image == "of-dotenv"
    monkeypatch.setattr(process, "run", run)

    assert (await compose.model(project)).services["api"].image == "while-it-was-asked"


async def test_another_compose_is_asked_anew(project: ComposeProject, asked: list[str]) -> None:
    """Its hashes may be others."""
    compose = ComposeRunner(os.environ)
    await compose.model(project)

    compose.memory.seen_version(Version("9.9.9"), None)
    await compose.model(project)

    assert len(asked) == 2
