"""Go, Ruby, PHP, Java, Rust: one row per kind of message, what it becomes, and in which file or stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from activities.diagnosis.diagnose import Decision, Diagnosis, diagnose
from activities.diagnosis.evidence import Evidence, Phase, SourceText
from activities.diagnosis.languages.go_modules import module_of, standard_since
from activities.diagnosis.languages.java_images import jdk_of, with_jdk
from activities.diagnosis.languages.php_versions import allows, release_for
from activities.diagnosis.languages.toolchain import with_release
from activities.manifests.edit_files import EditedFiles


@dataclass(frozen=True)
class Row:
    """A message with the project it came from, and the first finding that is expected."""

    log: str
    kind: str
    names: tuple[str, ...] = ()
    image: str = ""
    """Base image where no Dockerfile is given."""
    files: dict[str, str] = field(default_factory=dict)
    phase: Phase = Phase.BUILD


GO_FILES = {
    "go.mod": "module example.com/svc\n\ngo 1.21\n\nrequire github.com/a/a v1.0.0\n",
    "main.go": 'package main\n\nimport (\n\t"github.com/x/y/v2/z"\n\t"golang.org/x/exp/maps"\n)\n',
}
MISSING = "main.go:4:2: no required module provides package {}; to add it:\n\tgo get {}\n"
GEMFILE = {"Gemfile": "source 'https://gems.example'\ngem 'rails'\n"}
LOAD = "x.rb:85:in `require': cannot load such file -- {} (LoadError)\n\tfrom app.rb:1:in `<main>'\n"
COMPOSER = {
    "composer.json": '{\n  "require": {"monolog/monolog": "^3"}, "require-dev": {"mockery/mockery": "*"}\n}\n'
}
FATAL = "PHP Fatal error:  Uncaught Error: {} in /app/a.php:2\n"
CARGO = {
    "Cargo.toml": '[package]\nname = "svc"\n\n[dependencies]\nlog = "0.4"\n',
    "src/main.rs": "mod store;\nuse serde::Deserialize;\nuse tokio_util::codec;\n",
}
UNLINKED = "  |  ^^^ use of unresolved module or unlinked crate `{}`\n"
POM = {"pom.xml": "<project>\n  <dependencies>\n  </dependencies>\n</project>\n"}

ROWS = [
    Row(MISSING.format("github.com/x/y/v2/z", ""), "add_go_module", ("github.com/x/y/v2",), files=GO_FILES),
    Row(MISSING.format("golang.org/x/exp/maps", ""), "add_go_module", ("golang.org/x/exp",), files=GO_FILES),
    Row(MISSING.format("github.com/not/used", ""), "decline", files=GO_FILES),
    Row(MISSING.format("github.com/a/a/new", ""), "decline", files=GO_FILES),
    Row(MISSING.format("evil.example/x", ""), "decline", files=GO_FILES),
    Row(
        "a.go:3:2: package log/slog is not in GOROOT (/x)\n",
        "change_base_image",
        ("golang:1.21",),
        "golang:1.19",
    ),
    Row("a.go:3:2: package log/slog is not in GOROOT (/x)\n", "decline", (), "golang:1.22"),
    Row("/bin/sh: go: not found\n", "add_system_package", ("go",), "alpine:3.19"),
    Row(
        'exec: "gcc": executable file not found in $PATH\n',
        "add_system_package",
        ("gcc", "musl-dev"),
        "golang:1-alpine",
    ),
    Row("go: updates to go.mod needed\n", "change_lockfile", ("go.mod", "go.sum"), files=GO_FILES),
    Row(LOAD.format("csv"), "add_ruby_gem", ("csv",), "ruby:3.4", GEMFILE),
    Row(LOAD.format("sinatra/base"), "add_ruby_gem", ("sinatra",), "ruby:3.3", GEMFILE),
    Row(LOAD.format("rails"), "edit_run_command", ("bundle install",), "ruby:3.3", GEMFILE),
    Row(LOAD.format("someones_own_gem"), "decline", (), "ruby:3.3", GEMFILE),
    Row(LOAD.format("lib/own"), "decline", (), "ruby:3.3", {**GEMFILE, "app/lib/own.rb": ""}),
    Row(LOAD.format("json"), "add_system_package", ("ruby-json",), "alpine:3.12", GEMFILE),
    Row("Psych::BadAlias: Unknown alias: default\n", "add_ruby_gem", ("psych",), "ruby:3.1", GEMFILE),
    Row(
        "ffi requires rubygems version >= 3.3.22, \n",
        "edit_run_command",
        ("gem update --system 3.3.22",),
        "ruby:3.0",
    ),
    Row(
        FATAL.format("Call to undefined function imagecreatetruecolor()"),
        "edit_run_command",
        ("docker-php-ext-install gd",),
        "php:8.2-fpm",
        phase=Phase.RUN,
    ),
    Row(
        FATAL.format("Call to undefined function imagecreatetruecolor()"),
        "add_system_package",
        ("php-gd",),
        "debian:bookworm",
        phase=Phase.RUN,
    ),
    Row(
        FATAL.format('Class "Imagick" not found'),
        "edit_run_command",
        ("pecl install imagick && docker-php-ext-enable imagick",),
        "php:8.2",
        phase=Phase.RUN,
    ),
    Row(
        FATAL.format('Class "Carbon\\Carbon" not found'),
        "add_php_package",
        ("nesbot/carbon",),
        "php:8.2",
        COMPOSER,
    ),
    Row(FATAL.format('Class "Mockery" not found'), "decline", (), "php:8.2", COMPOSER),
    Row(FATAL.format('Class "App\\Own" not found'), "decline", (), "php:8.2", COMPOSER),
    Row(
        FATAL.format("Call to undefined function mysql_connect()"),
        "change_base_image",
        ("php:5.6-fpm",),
        "php:7-fpm",
    ),
    Row(
        "configure: error: Please reinstall the libzip distribution\n",
        "add_system_package",
        ("libzip-dev",),
        "php:8",
    ),
    Row(
        "A.java:1: error: package com.google.gson does not exist\n",
        "add_java_dependency",
        ("com.google.code.gson:gson",),
        files=POM,
    ),
    Row(
        "A.java:1: error: package com.google.gson does not exist\n"
        "A.java:2: error: package okhttp3 does not exist\n",
        "add_java_dependency",
        ("com.squareup.okhttp3:okhttp", "com.google.code.gson:gson"),
        files=POM,
    ),
    Row("A.java:1: error: package com.acme.own does not exist\n", "decline", files=POM),
    Row(
        "invalid target release: 21\n",
        "change_base_image",
        ("maven:3.9-eclipse-temurin-21",),
        "maven:3.9-eclipse-temurin-17",
    ),
    Row(
        "Could not determine java version from '17.0.1'.\n",
        "change_base_image",
        ("openjdk:11-jdk",),
        "openjdk:17-jdk",
    ),
    Row(
        "Source option 5 is no longer supported. Use 7 or later.\n",
        "change_base_image",
        ("maven:3-eclipse-temurin-8",),
        "maven:latest",
    ),
    Row("E0432\n" + UNLINKED.format("serde"), "add_rust_crate", ("serde",), files=CARGO),
    Row("E0432\n" + UNLINKED.format("tokio_util"), "add_rust_crate", ("tokio-util",), files=CARGO),
    Row("E0432\n" + UNLINKED.format("store"), "decline", files=CARGO),
    Row("E0432\n" + UNLINKED.format("log"), "decline", files=CARGO),
    Row("E0432\n" + UNLINKED.format("rand"), "decline", files=CARGO),
    Row(
        "  a@1 requires rustc 1.70\n  b@2 requires rustc 1.74.1\n",
        "change_base_image",
        ("rust:1.74",),
        "rust:1.60",
    ),
    Row(
        "error: toolchain 'nightly-2023-01-01' is not installed\n",
        "edit_run_command",
        ("rustup toolchain install nightly-2023-01-01",),
        "rust:1.70",
    ),
]


def _ask(row: Row, root: Path, dockerfile: str = "") -> Diagnosis:
    for name, text in {**row.files, **({"Dockerfile": dockerfile} if dockerfile else {})}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    source = SourceText("log", row.log, row.phase)
    context = root if row.files or dockerfile else None
    return diagnose(Evidence(sources=(source,), context=context, base_image=row.image))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind}-{row.log[:30]}")
def test_a_message_becomes_a_finding(row: Row, tmp_path: Path) -> None:
    """The kind, the names, and, where a file is there, an edit that can be made."""
    answer = _ask(row, tmp_path)
    assert answer.findings[0].kind == row.kind, answer.reason
    assert answer.findings[0].names == row.names
    assert answer.findings[0].quotes
    target = tmp_path / (answer.findings[0].target or "")
    if answer.decision is Decision.FIX and target.is_file():
        edited = EditedFiles(lambda _: target.read_bytes())
        edited.apply(answer.findings)
        assert not edited.idle


MULTI = "FROM golang:1.22-alpine AS build\nCOPY . .\nRUN go build .\n\nFROM alpine:3.19\n"
MULTI += "RUN apk add --no-cache curl\nCOPY --from=build /app /app\n"


def test_what_the_build_lacks_goes_to_the_stage_that_builds(tmp_path: Path) -> None:
    """Not to the stage that is built in the end, though it installs packages and the other does not."""
    row = Row('exec: "gcc": executable file not found in $PATH\n', "")
    finding = _ask(row, tmp_path, MULTI).findings[0]
    assert finding.stage == "0"
    edited = EditedFiles(lambda name: (tmp_path / name).read_bytes())
    edited.apply([finding])
    text = edited.text("Dockerfile")
    assert "gcc" in text.split("FROM alpine")[0]
    assert "gcc" not in text.split("FROM alpine")[1]


def test_composers_own_image_is_not_asked_for_extensions(tmp_path: Path) -> None:
    """The image that runs the program decides; there Composer is told not to look."""
    text = "FROM composer:2 AS v\nCOPY . .\nRUN composer install --no-dev\n"
    text += "FROM php:8.2\nCOPY --from=v /app /app\n"
    row = Row("    - a/b 1.0 requires ext-gd * -> it is missing from your system.\n", "")
    finding = _ask(row, tmp_path, text).findings[0]
    assert finding.names == ("composer install --no-dev --ignore-platform-reqs",)
    assert finding.replaces == "composer install --no-dev"


def test_gems_that_are_declared_and_installed_mean_an_old_image(tmp_path: Path) -> None:
    """The Gemfile is newer than the image: build it again."""
    row = Row(LOAD.format("rails"), "", files=GEMFILE, phase=Phase.RUN)
    text = "FROM ruby:3.3\nCOPY . .\nRUN bundle install\n"
    assert _ask(row, tmp_path, text).findings[0].kind == "rebuild"


@pytest.mark.parametrize(
    ("package", "module"),
    [
        ("github.com/gin-gonic/gin", "github.com/gin-gonic/gin"),
        ("github.com/jackc/pgx/v5/pgxpool", "github.com/jackc/pgx/v5"),
        ("gopkg.in/yaml.v3", "gopkg.in/yaml.v3"),
        ("golang.org/x/net/context", "golang.org/x/net"),
        ("cloud.google.com/go/storage", "cloud.google.com/go/storage"),
        ("evil.example/a/b", ""),
        ("github.com/a", ""),
        ("github.com/a/b;rm", ""),
    ],
)
def test_an_import_belongs_to_a_module(package: str, module: str) -> None:
    """By the host's layout; unknown hosts give nothing."""
    assert module_of(package) == module


def test_standard_packages_are_dated() -> None:
    """From the Go project's own record."""
    assert [standard_since(name) for name in ("fmt", "embed", "slices", "nope")] == [
        "1.0",
        "1.16",
        "1.21",
        "",
    ]


@pytest.mark.parametrize(
    ("image", "release", "expected"),
    [
        ("maven:3.8.5-openjdk-11-slim", 17, "maven:3.8.5-eclipse-temurin-17"),
        ("gradle:7.4-jdk11-alpine", 17, "gradle:7.4-jdk17-alpine"),
        ("openjdk:8-jre-alpine", 17, "eclipse-temurin:17-jre-alpine"),
        ("eclipse-temurin:11-jre", 21, "eclipse-temurin:21-jre"),
        ("amazoncorretto:8", 11, "amazoncorretto:11"),
        ("acme/base:1", 11, ""),
    ],
)
def test_an_image_gets_another_java(image: str, release: int, expected: str) -> None:
    """The variant stays; an image that says nothing about Java is left alone."""
    assert with_jdk(image, release) == expected
    assert jdk_of(expected) in (release, 0)


@pytest.mark.parametrize(
    ("image", "version", "expected"),
    [
        ("golang", "1.22", "golang:1.22"),
        ("golang:1.19-alpine3.17", "1.22", "golang:1.22-alpine"),
        ("rust:1.60-slim-bullseye", "1.74", "rust:1.74-slim-bullseye"),
        ("ruby:2.7-buster", "3.1", "ruby:3.1"),
        ("registry.example:5000/golang:1.19", "1.22", "registry.example:5000/golang:1.22"),
        ("golang:${VERSION}", "1.22", ""),
    ],
)
def test_an_image_gets_another_release(image: str, version: str, expected: str) -> None:
    """Its variant stays as far as newer releases are published in it."""
    assert with_release(image, version) == expected


@pytest.mark.parametrize(
    ("constraint", "allowed"),
    [
        ("^7.3", ["7.3", "7.4"]),
        ("^7.3|^8.0", ["7.3", "7.4", "8.0", "8.1", "8.2", "8.3", "8.4"]),
        (">=7.1 <8.0", ["7.1", "7.2", "7.3", "7.4"]),
        ("~8.1.0 || ~8.2.0", ["8.1", "8.2"]),
        ("7.4.*", ["7.4"]),
    ],
)
def test_composers_constraints(constraint: str, allowed: list[str]) -> None:
    """Caret, tilde, ranges, alternatives and wildcards."""
    releases = ("7.1", "7.2", "7.3", "7.4", "8.0", "8.1", "8.2", "8.3", "8.4")
    assert [release for release in releases if allows(constraint, release)] == allowed


def test_the_nearest_release_that_suits_all() -> None:
    """No more change than is needed, and none where the constraints exclude each other."""
    assert release_for((">=7.4.0", ">=8.1"), "7.3.33") == "8.1"
    assert release_for(("^7.2",), "8.0.3") == "7.4"
    assert release_for(("^7.2", "^8.0"), "7.4.1") == ""
