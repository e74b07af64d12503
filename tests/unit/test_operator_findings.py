"""What is asked for plainly becomes a finding: whose package it is, which file, which image (FR-002)."""

import json
from pathlib import Path

import pytest

from activities.diagnosis.evidence import Evidence
from activities.diagnosis.operator.findings import operator_finding, require_doable
from activities.diagnosis.project import Project
from activities.manifests.edit_files import EditedFiles, makes
from workflows.errors import OrchestratorError
from workflows.models.finding import Finding, FindingKind, FindingOrigin
from workflows.planning import parse_instruction

K = FindingKind
PYTHON = {"Dockerfile": "FROM python:3.11-slim\nCOPY *.txt .\nRUN pip install -r requirements.txt\n",
          "requirements.txt": "flask==3.0.0\nredis\n"}  # fmt: skip
NODE = {"Dockerfile": "FROM node:18-alpine\nRUN apk add curl\nCOPY . .\nRUN npm ci\n",
        "package.json": json.dumps({"dependencies": {"express": "^4.18.2", "redis": "^4"}})}  # fmt: skip
BOTH = {**PYTHON, "package.json": NODE["package.json"]}
RUBY = {
    "Dockerfile": "FROM ruby:3.2\nCOPY Gemfile* .\nRUN bundle install\n",
    "Gemfile": "gem 'rails', '~> 7.0'\n",
}
GO = {"Dockerfile": "FROM golang:1.21 AS build\nRUN go build\nFROM debian:12-slim\nCOPY --from=build /a /a\n",
      "go.mod": "module example.org/x\n\nrequire github.com/lib/pq v1.10.8\n"}  # fmt: skip
PHP = {
    "Dockerfile": "FROM php:8.2-apache\nRUN composer install\n",
    "composer.json": '{"require": {"a/b": "^1"}}',
}
JAVA = {"Dockerfile": "FROM eclipse-temurin:17-jdk\nRUN mvn package\n",
        "pom.xml": "<project><dependencies><dependency><groupId>junit</groupId><artifactId>junit</artifactId>"
        "</dependency></dependencies></project>"}  # fmt: skip
RUST = {
    "Dockerfile": "FROM rust:1.75\nRUN cargo build\n",
    "Cargo.toml": '[package]\nname = "x"\n[dependencies]\nserde = "1"\n',
}
NOTHING = {"Dockerfile": "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y nginx\n"}


def asked(sentence: str, files: dict[str, str], root: Path) -> Finding:
    """The finding for a sentence about the service api whose build context holds these files."""
    for name, text in files.items():
        (root / "api" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "api" / name).write_text(text)
    intent = parse_instruction(sentence, ("api",))
    evidence = Evidence(
        service="api", workspace=root, context=root / "api", dockerfile=root / "api/Dockerfile"
    )
    return operator_finding(intent, Project(evidence))


FINDINGS = [
    ("add requests to api", PYTHON, K.ADD_PYTHON_PACKAGE, "requests", None, "api/requirements.txt"),
    ("add requests 2.31 to api", PYTHON, K.ADD_PYTHON_PACKAGE, "requests", "==2.31", "api/requirements.txt"),
    ("remove redis from api", PYTHON, K.REMOVE_PYTHON_PACKAGE, "redis", None, "api/requirements.txt"),
    ("pin flask to 2.3.3 in api", PYTHON, K.CHANGE_PYTHON_VERSION_PIN, "flask", "2.3.3",
     "api/requirements.txt"),
    ("upgrade flask in api", PYTHON, K.CHANGE_PYTHON_VERSION_PIN, "flask", None, "api/requirements.txt"),
    ("add lodash to api", NODE, K.ADD_NODE_PACKAGE, "lodash", None, "api/package.json"),
    ("add lodash 4.17.21 to api", NODE, K.ADD_NODE_PACKAGE, "lodash", "4.17.21", "api/package.json"),
    ("add @types/node@20 to api", NODE, K.ADD_NODE_PACKAGE, "@types/node", "20", "api/package.json"),
    ("remove express from api", NODE, K.REMOVE_NODE_PACKAGE, "express", None, "api/package.json"),
    ("downgrade express to 4.17.3 in api", NODE, K.CHANGE_NODE_VERSION_PIN, "express", "4.17.3",
     "api/package.json"),
    ("add npm package lodash to api", BOTH, K.ADD_NODE_PACKAGE, "lodash", None, "api/package.json"),
    ("add python package lodash to api", BOTH, K.ADD_PYTHON_PACKAGE, "lodash", None, "api/requirements.txt"),
    ("upgrade express in api", BOTH, K.CHANGE_NODE_VERSION_PIN, "express", None, "api/package.json"),
    ("pin flask to 3.1 in api", BOTH, K.CHANGE_PYTHON_VERSION_PIN, "flask", "3.1", "api/requirements.txt"),
    ("add pg to api", RUBY, K.ADD_RUBY_GEM, "pg", None, "api/Gemfile"),
    ("remove rails from api", RUBY, K.REMOVE_RUBY_GEM, "rails", None, "api/Gemfile"),
    ("pin rails to ~> 7.1 in api", RUBY, K.CHANGE_RUBY_VERSION_PIN, "rails", "~> 7.1", "api/Gemfile"),
    ("add golang.org/x/sync to api", GO, K.ADD_GO_MODULE, "golang.org/x/sync", None, "api/go.mod"),
    ("pin github.com/lib/pq to 1.10.9 in api", GO, K.CHANGE_GO_VERSION_PIN, "github.com/lib/pq", "v1.10.9",
     "api/go.mod"),
    ("add monolog/monolog to api", PHP, K.ADD_PHP_PACKAGE, "monolog/monolog", None, "api/composer.json"),
    ("remove a/b from api", PHP, K.REMOVE_PHP_PACKAGE, "a/b", None, "api/composer.json"),
    ("add org.postgresql:postgresql:42.7.1 to api", JAVA, K.ADD_JAVA_DEPENDENCY,
     "org.postgresql:postgresql", "42.7.1",
     "api/pom.xml"),
    ("remove maven artifact junit:junit from api", JAVA, K.REMOVE_JAVA_DEPENDENCY, "junit:junit", None,
     "api/pom.xml"),
    ("add tokio to api", RUST, K.ADD_RUST_CRATE, "tokio", None, "api/Cargo.toml"),
    ("pin serde to =1.0.195 in api", RUST, K.CHANGE_RUST_VERSION_PIN, "serde", "=1.0.195", "api/Cargo.toml"),
    ("add system package libpq5 to api", PYTHON, K.ADD_SYSTEM_PACKAGE, "libpq5", None, "api/Dockerfile"),
    ("apt install libpq5=15.6-0 in api", PYTHON, K.ADD_SYSTEM_PACKAGE, "libpq5=15.6-0", None,
     "api/Dockerfile"),
    ("apk add git in api", NODE, K.ADD_SYSTEM_PACKAGE, "git", None, "api/Dockerfile"),
    ("remove system package curl from api", NODE, K.REMOVE_SYSTEM_PACKAGE, "curl", None, "api/Dockerfile"),
    ("restart api", NOTHING, K.RESTART, None, None, None),
    ("rebuild api", NOTHING, K.REBUILD, None, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "files", "kind", "name", "version", "target"), FINDINGS)
def test_sentences_become_findings(
    tmp_path: Path,
    sentence: str,
    files: dict[str, str],
    *,
    kind: FindingKind,
    name: str | None,
    version: str | None,
    target: str | None,
) -> None:
    """The manifest decides what a bare name is; the version is written as its ecosystem writes it."""
    got = asked(sentence, files, tmp_path)
    assert (got.kind, got.names, got.version, got.target) == (kind, (name,) if name else (), version, target)
    assert got.origin is FindingOrigin.OPERATOR


PLANNED = [
    row for row in FINDINGS if makes(row[2]) and row[3] and not (row[4] is None and "PIN" in row[2].name)
]


@pytest.mark.parametrize(("sentence", "files"), [row[:2] for row in PLANNED])
def test_what_is_asked_for_is_edited(tmp_path: Path, sentence: str, files: dict[str, str]) -> None:
    """From the sentence to the changed file: the editor of that kind takes the finding as it is."""
    finding = asked(sentence, files, tmp_path)
    require_doable(finding)
    edited = EditedFiles(lambda path: (tmp_path / path).read_bytes())
    edited.apply([finding])
    assert list(edited.changed()) == [finding.target]
    assert edited.idle == []


IMAGES = [
    ("use python:3.12-slim for api", PYTHON, "python:3.12-slim", "python:3.11-slim"),
    ("upgrade python to 3.12 in api", PYTHON, "python:3.12-slim", "python:3.11-slim"),
    ("change the base image tag of api to 3.13-slim", PYTHON, "python:3.13-slim", "python:3.11-slim"),
    ("use debian:bookworm-slim for api", PYTHON, "debian:bookworm-slim", "python:3.11-slim"),
    ("upgrade node to 20 in api", NODE, "node:20-alpine", "node:18-alpine"),
    ("upgrade golang to 1.22 in api", GO, "golang:1.22", "golang:1.21"),
    ("use golang:1.22 for api", GO, "golang:1.22", "golang:1.21"),
    ("use debian:12.5-slim for api", GO, "debian:12.5-slim", "debian:12-slim"),
    ("upgrade java to 21 in api", JAVA, "eclipse-temurin:21-jdk", "eclipse-temurin:17-jdk"),
]


@pytest.mark.parametrize(("sentence", "files", "new", "old"), IMAGES)
def test_base_images_are_found(
    tmp_path: Path, sentence: str, files: dict[str, str], new: str, old: str
) -> None:
    """The image of the same name is replaced, in whichever stage it stands; the variant stays."""
    got = asked(sentence, files, tmp_path)
    assert (got.kind, got.names, got.replaces) == (K.CHANGE_BASE_IMAGE, (new,), old)
    assert got.target == "api/Dockerfile"


TWO_NODES = {"Dockerfile": "FROM node:18 AS build\nRUN npm ci\nFROM node:18-slim\nCOPY --from=build /a /a\n"}
REFUSED = [
    ("add lodash to api", BOTH, "ambiguous_instruction", '"python package lodash" or "npm package lodash"'),
    ("remove redis from api", BOTH, "ambiguous_instruction", '"python package redis" or "npm package redis"'),
    ("add libgl1 to api", PYTHON, "ambiguous_instruction", '"system package libgl1" or'),
    (
        "add ffmpeg to api",
        PYTHON,
        "ambiguous_instruction",
        '"system package ffmpeg" or "python package ffmpeg"',
    ),
    ("add git to api", NODE, "ambiguous_instruction", '"system package git" or "npm package git"'),
    ("install libGL.so.1 in api", PYTHON, "ambiguous_instruction", "rather a package of the system"),
    ("apk add curl in api", PYTHON, "ambiguous_instruction", "installs with apt"),
    ("upgrade node to 20 in api", TWO_NODES, "ambiguous_instruction", "node:18 and node:18-slim"),
    (
        "upgrade debian to 12 in api",
        NOTHING,
        "ambiguous_instruction",
        "debian:bookworm-slim shows no version",
    ),
    ("pin rails to >=7,<8 in api", RUBY, "ambiguous_instruction", "no version that a gem can have"),
    ("add npm package lodash to api", PYTHON, "no_safe_fix", "no manifest that a npm package"),
    ("add gem pg to api", NODE, "no_safe_fix", "no manifest that a gem"),
    ("add flask to api", NOTHING, "no_safe_fix", "installs no Python packages"),
    ("remove django from api", PYTHON, "no_safe_fix", "does not name django"),
    ("remove npm package left-pad from api", NODE, "no_safe_fix", "does not name left-pad"),
    ("remove system package vim from api", NODE, "no_safe_fix", "does not install vim"),
    ("upgrade node to 20 in api", PYTHON, "no_safe_fix", "not built from node but from python:3.11-slim"),
    ("use python:3.11-slim for api", PYTHON, "no_safe_fix", "already"),
]


@pytest.mark.parametrize(("sentence", "files", "code", "said"), REFUSED)
def test_what_does_not_fit_is_refused_or_asked(
    tmp_path: Path, sentence: str, files: dict[str, str], code: str, said: str
) -> None:
    """Two manifests, another package manager, no such image, nothing to remove."""
    with pytest.raises(OrchestratorError) as caught:
        asked(sentence, files, tmp_path)
    assert caught.value.code == code
    assert said in caught.value.message


def test_a_manifest_below_the_top_is_found(tmp_path: Path) -> None:
    """``web/package.json`` where it is the only one; two of them are asked about."""
    files = {"Dockerfile": NODE["Dockerfile"], "web/package.json": "{}"}
    assert asked("add lodash to api", files, tmp_path).target == "api/web/package.json"
    with pytest.raises(OrchestratorError, match="more than one manifest"):
        asked("add npm package lodash to api", {"admin/package.json": "{}"}, tmp_path)


def test_an_upgrade_without_a_version_is_no_plan() -> None:
    """Where nobody looked the newest up, the operator is asked instead of half a plan being made."""
    finding = Finding(rule="r", kind=K.CHANGE_PYTHON_VERSION_PIN, names=("flask",), target="requirements.txt")
    with pytest.raises(OrchestratorError, match="to which version of flask"):
        require_doable(finding)
    require_doable(finding.model_copy(update={"version": "3.1"}))


def test_a_change_that_no_editor_makes_is_no_plan() -> None:
    """A plan that only rebuilds must not pass for the change that was asked for."""
    finding = Finding(rule="r", kind=K.DECLINE, names=("x",), target="Dockerfile")
    with pytest.raises(OrchestratorError, match="bring the change as a patch"):
        require_doable(finding)
    require_doable(Finding(rule="r", kind=K.REBUILD))
