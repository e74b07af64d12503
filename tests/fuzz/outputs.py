"""What other programs say, read by us: Compose, Docker, BuildKit, a language model."""

from __future__ import annotations

import json
from collections.abc import Callable

from activities.adapters import docker_facts as facts
from activities.adapters.build_output import BuildOutput
from activities.adapters.compose_memory import _named_in
from activities.adapters.compose_model import ComposeModel, ComposeService
from activities.adapters.compose_runner import changed_services, complaint
from activities.adapters.compose_secrets import dotenv_variables, secrets_in_config
from activities.adapters.secret_sources import docker_logins, secrets_in_text
from activities.diagnosis.llm import proposal
from activities.locking.needs import use_of
from activities.locking.tools import tool_for
from workflows.models.target import ComposeProject

PROJECT = ComposeProject(name="shop", working_dir="/srv/shop", config_files=("compose.yaml",))
_MODEL = ComposeModel(
    name="shop",
    services={
        "api": ComposeService(name="api", image="shop-api"),
        "db": ComposeService(name="db", image="db:1", container_name="the-db"),
    },
)
_LOCKS = ("package-lock.json", "yarn.lock", "pnpm-lock.yaml", "poetry.lock", "uv.lock", "Gemfile.lock")

Outputs = dict[str, tuple[Callable[[bytes], object], tuple[bytes, ...], tuple[type[Exception], ...]]]


def as_json(data: bytes) -> object:
    """What the bytes say; None where they are no JSON, which is not ours to read."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _dry_run(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    assert len(changed_services(text, _MODEL)) <= len(text.splitlines())
    complaint(text)


def _compose_files(data: bytes) -> None:
    """Every file that it names lies where Compose would look for it, or nothing is told."""
    named = _named_in(PROJECT, {"compose.yaml": data})
    assert named is None or all(path.is_absolute() for path in named)


def _compose_secrets(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    secrets_in_config(text, {"TOKEN": "canary-of-environment"})
    dotenv_variables(text)
    secrets_in_text(text)
    docker_logins(text)


def _docker(data: bytes) -> None:
    """A container, an image and an event, however much of them is missing or something else."""
    if isinstance(told := as_json(data), dict):
        facts.environment(told)
        facts.health_log(told)
        facts.mounts(told)
        facts.might_matter(told, "shop")


def _build(data: bytes) -> None:
    """Whole and in pieces it stands at the same step."""
    whole, pieces = BuildOutput(), BuildOutput()
    whole.feed(data)
    for start in range(0, len(data), 1 + len(data) % 11):
        pieces.feed(data[start : start + 1 + len(data) % 11])
    whole.finish()
    pieces.finish()
    assert whole.error == pieces.error


def _model_answer(data: bytes) -> None:
    told = proposal._parsed(data.decode("utf-8", "replace"))
    kind = proposal._kind(told)
    proposal._names(kind, told)
    proposal._version(kind, told)


def _locks(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for name in _LOCKS:
        if (tool := tool_for(name, text)) is not None:
            use_of(text, None, f"api/{name}", tool)


OUTPUTS: Outputs = {
    "dry run": (
        _dry_run,
        (
            b" DRY-RUN MODE -  Container shop-api-1  Recreate \n DRY-RUN MODE -  Container the-db  Running\n",
            b'time="2026-01-01T00:00:00Z" level=warning msg="The \\"A\\" variable is not set."\nno such x\n',
        ),
        (),
    ),
    "compose files": (
        _compose_files,
        (
            b"services:\n  api:\n    env_file: [a.env, {path: b.env, required: false}]\n    label_file: l\n"
            b"secrets: {t: {file: ./t}}\nconfigs:\n  c: {file: c.ini}\n",
            b"x: &a {env_file: a.env}\nservices: {api: {<<: *a, extends: {service: b}}, b: {image: c}}\n",
            b"include: [more.yaml]\n---\nservices: {api: !reset null}\n",
        ),
        (),
    ),
    "compose secrets": (
        _compose_secrets,
        (
            b'{"services":{"api":{"environment":{"DB_PASSWORD":"x","URL":"https://u:p@h/"},"command":["a","--token=b"]}},'
            b'"secrets":{"t":{"environment":"TOKEN"},"u":{"content":"v"}},"configs":{"c":{"content":"password=w"}}}',
            b"export A_TOKEN='b c'\nB=\"d\" # e\n",
            b'{"auths":{"r":{"auth":"dTpw"}},"HttpHeaders":{"X":"y"},"proxies":{"default":{"httpProxy":"http://u:p@h"}}}',
        ),
        (),
    ),
    "docker answers": (
        _docker,
        (
            b'{"Config":{"Env":["A=b","C"]},"State":{"Health":{"Log":[{"Output":"x","ExitCode":0,"Start":"2026-01-01T00:00:00Z"}]}},'
            b'"Mounts":[{"Type":"volume","Name":"n","Source":"/a","Destination":"/b","RW":true}]}',
            b'{"Type":"container","Action":"exec_start","Actor":{"ID":"a","Attributes":{"com.docker.compose.project":"shop"}}}',
        ),
        (),
    ),
    "build output": (
        _build,
        (
            b"#1 [internal] load build definition from Dockerfile\n#1 DONE 0.1s\n#5 [2/4] RUN pip install x\n"
            b"#5 0.4 ERROR: No matching distribution found for x\n#5 ERROR: did not complete: exit code: 1\n",
            b"Step 1/3 : FROM a\n ---> b\n",
        ),
        (),
    ),
    "model answer": (
        _model_answer,
        (
            b'{"decision":"repair","kind":"add_python_package","names":["redis"],"version":"5.0","target":"api/requirements.txt",'
            b'"reason":"x","lines":[{"source":"S1","line":3}]}',
            b'```json\n{"decision":"decline","reason":"no"}\n```',
        ),
        (proposal.Refused,),
    ),
    "lock files": (
        _locks,
        (
            b"FROM node:20\nCOPY package*.json ./\nRUN npm ci\n",
            b'# yarn lockfile v1\n\na@1:\n  version "1"\n',
            b"__metadata:\n  version: 8\n",
            b"FROM python:3.13 AS b\nCOPY poetry.lock .\nRUN poetry install\nFROM b\n",
        ),
        (),
    ),
}
