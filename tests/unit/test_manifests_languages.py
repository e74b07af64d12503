"""Editors of go.mod, Gemfile, composer.json, Cargo.toml, pom.xml, build.gradle: one entry more, no more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.manifests import cargo_toml, composer_json, gemfile, go_mod, gradle, pom_xml
from activities.manifests.errors import ManifestError

GO = "module example.com/svc\n\ngo 1.21\n"
GO_BLOCK = GO + "\nrequire (\n\tgithub.com/a/a v1.0.0\n\tgithub.com/z/z v1.2.0 // why\n)\n"
GO_TWO = GO_BLOCK + "\nrequire (\n\tgithub.com/b/b v0.1.0 // indirect\n)\n"
GEMS = "source 'https://gems.example'\n\nruby '3.3.0'\n\ngem 'puma'\ngem 'rails', '~> 7.1' # the framework\n"
PHP = '{\n    "require": {\n        "php": ">=8.1",\n        "monolog/monolog": "^3.0"\n    },\n'
PHP += '    "config": {}\n}\n'
RUST = '[package]\nname = "svc"\n\n[dependencies]\nanyhow = "1" # errors\nserde = "1"\n\n[dev-dependencies]\n'
POM = "<project>\n  <dependencies>\n    <dependency>\n      <groupId>a</groupId>\n"
POM += "      <artifactId>b</artifactId>\n      <version>1.0</version>\n    </dependency>\n"
POM += "  </dependencies>\n</project>\n"
GRADLE = "buildscript {\n    dependencies {\n        classpath 'x:y:1'\n    }\n}\n\ndependencies {\n"
GRADLE += "    implementation 'a:b:1.0' // why\n    testImplementation 'c:d:2'\n}\n"
kotlin = partial(gradle.add, kotlin=True)

Add = Callable[[str, str, str], str]

ADDED: list[tuple[Add, str, str, str, str]] = [
    (go_mod.add, GO, "github.com/m/m", "v1.1.0", "\nrequire github.com/m/m v1.1.0\n"),
    (go_mod.add, GO, "github.com/m/m", "", "require github.com/m/m latest\n"),
    (
        go_mod.add,
        GO_BLOCK,
        "github.com/m/m",
        "v1.1.0",
        "v1.0.0\n\tgithub.com/m/m v1.1.0\n\tgithub.com/z/z v1.2.0",
    ),
    (
        go_mod.add,
        GO_TWO,
        "github.com/zz/z",
        "v1.1.0",
        "// why\n\tgithub.com/zz/z v1.1.0\n)\n\nrequire (\n\tgithub.com/b",
    ),
    (
        go_mod.add,
        GO + "\nrequire github.com/a/a v1.0.0\n",
        "github.com/m/m",
        "v1.0.0",
        "v1.0.0\nrequire github.com/m",
    ),
    (gemfile.add, GEMS, "redis", "", "# the framework\ngem 'redis'\n"),
    (gemfile.add, GEMS, "concurrent-ruby", "1.3.4", "gem 'concurrent-ruby', '1.3.4'\n"),
    (gemfile.add, 'source "x"\n', "csv", "", 'source "x"\ngem "csv"\n'),
    (gemfile.add, "gem('a')\ngem('b')\ngem('d')\n", "c", "", "gem('b')\ngem('c')\ngem('d')\n"),
    (gemfile.add, GEMS, "puma", "< 7", "gem 'puma', '< 7'\n"),
    (
        composer_json.add,
        PHP,
        "guzzlehttp/guzzle",
        "^7.0",
        '"php": ">=8.1",\n        "guzzlehttp/guzzle": "^7.0",\n',
    ),
    (composer_json.add, PHP, "predis/predis", "", '"^3.0",\n        "predis/predis": "*"\n    },'),
    (
        composer_json.add,
        '{\n  "name": "a/b"\n}\n',
        "c/d",
        "",
        '{\n  "require": {\n    "c/d": "*"\n  },\n  "name"',
    ),
    (composer_json.add, "{}\n", "c/d", "", '"require": {\n        "c/d": "*"\n    }\n}'),
    (cargo_toml.add, RUST, "rand", "0.8", 'anyhow = "1" # errors\nrand = "0.8"\nserde = "1"\n'),
    (cargo_toml.add, RUST, "tokio", "", 'serde = "1"\ntokio = "*"\n\n[dev-dependencies]'),
    (cargo_toml.add, '[package]\nname = "a"\n', "log", "0.4", '\n\n[dependencies]\nlog = "0.4"\n'),
    (pom_xml.add, POM, "g:art", "2.0", "    </dependency>\n    <dependency>\n      <groupId>g</groupId>\n"),
    (pom_xml.add, POM, "a:b", "1.5", "<version>1.5</version>"),
    (
        pom_xml.add,
        "<project>\n\t<name>x</name>\n</project>\n",
        "g:a",
        "1",
        "\t<dependencies>\n\t\t<dependency>\n\t\t\t<g",
    ),
    (gradle.add, GRADLE, "g:art", "2.0", "// why\n    implementation 'g:art:2.0'\n    testImplementation"),
    (gradle.add, GRADLE, "a:b", "1.5", "implementation 'a:b:1.5' // why"),
    (
        gradle.add,
        "dependencies {\n}\n",
        "org.projectlombok:lombok",
        "1.18.34",
        "    annotationProcessor 'org.",
    ),
    (
        kotlin,
        'dependencies {\n    implementation("a:b:1")\n}\n',
        "g:a",
        "2",
        '"a:b:1")\n    implementation("g:a:2")\n',
    ),
]


@pytest.mark.parametrize(("add", "text", "name", "version", "expected"), ADDED)
def test_an_entry_takes_the_style_of_its_neighbours(
    add: Add, text: str, name: str, version: str, expected: str
) -> None:
    """In its section, sorted where they are sorted, quoted and indented as they are."""
    assert expected in add(text, name, version)


@pytest.mark.parametrize(("add", "text", "name", "version", "expected"), ADDED)
def test_windows_line_ends_stay(add: Add, text: str, name: str, version: str, expected: str) -> None:
    """A file with CRLF gets no line that ends otherwise."""
    edited = add(text.replace("\n", "\r\n"), name, version)
    assert "\n" not in edited.replace("\r\n", "")
    assert expected in edited.replace("\r\n", "\n")


@pytest.mark.parametrize(("add", "text", "name", "version", "expected"), ADDED)
def test_a_second_time_changes_nothing(add: Add, text: str, name: str, version: str, expected: str) -> None:
    """What is there already is not added again."""
    once = add(text, name, version)
    assert add(once, name, version) == once


@pytest.mark.parametrize(("add", "text", "name", "version", "expected"), ADDED)
def test_every_other_line_stays(add: Add, text: str, name: str, version: str, expected: str) -> None:
    """Only a line whose version changes, or that needs a comma behind it, may differ."""
    before, after = text.splitlines(), add(text, name, version).splitlines()
    lost = [line for line in before if line not in after]
    assert len(lost) <= 1
    assert all(
        name.rsplit(":", maxsplit=1)[-1] in line or f"{line}," in after or line == "{}" for line in lost
    ) or ("version" in lost[0])


REFUSED: list[tuple[Add, str, str, str]] = [
    (go_mod.add, "no module\n", "github.com/m/m", ""),
    (go_mod.add, GO, "x\n)\nreplace a => b", ""),
    (go_mod.add, GO, "github.com/m/m", "v1 // x"),
    (gemfile.add, GEMS, "a'; system('x')", ""),
    (gemfile.add, GEMS, "csv", "1'; x"),
    (gemfile.add, "gem 'rails', '>= 7', '< 8'\n", "rails", "7.1"),
    (composer_json.add, "{", "a/b", ""),
    (composer_json.add, "[]", "a/b", ""),
    (composer_json.add, PHP, "not a package", ""),
    (cargo_toml.add, "[workspace]\nmembers = []\n", "log", "0.4"),
    (cargo_toml.add, RUST, 'a" = "1"\n[x', ""),
    (cargo_toml.add, "not toml", "log", "0.4"),
    (pom_xml.add, POM, "g:a", ""),
    (pom_xml.add, "<project><a></project>", "g:a", "1"),
    (pom_xml.add, POM, "g:a</artifactId>", "1"),
    (gradle.add, "plugins {}\n", "g:a", "1"),
    (gradle.add, GRADLE, "g:a", ""),
    (gradle.add, "dependencies {\n    implementation 'a:b'\n}\n", "a:b", "1"),
]


@pytest.mark.parametrize(("add", "text", "name", "version"), REFUSED)
def test_an_unclear_place_or_name_is_refused(add: Add, text: str, name: str, version: str) -> None:
    """Never a guess, and nothing from a log that could mean more than a name."""
    with pytest.raises(ManifestError):
        add(text, name, version)


def test_a_version_that_a_property_holds_is_changed_there() -> None:
    """`${lombok.version}` stays; its property gets the new value."""
    text = "<project>\n<properties><v>1.0</v></properties>\n" + POM.replace("<project>\n", "").replace(
        "1.0", "${v}"
    )
    edited = pom_xml.add(text, "a:b", "2.0")
    assert "<v>2.0</v>" in edited
    assert "<version>${v}</version>" in edited


def test_spring_boot_manages_versions() -> None:
    """Below its parent a starter needs none."""
    parent = "<parent><artifactId>spring-boot-starter-parent</artifactId></parent>"
    edited = pom_xml.add(POM.replace("<project>\n", f"<project>\n{parent}\n"), "g:a", "")
    assert "<artifactId>a</artifactId>\n    </dependency>" in edited


NAMES = st.lists(st.from_regex(r"[a-z][a-z0-9]{1,8}", fullmatch=True), unique=True, max_size=8)


@given(NAMES, st.from_regex(r"[a-z][a-z0-9]{1,8}", fullmatch=True), st.booleans())
def test_any_manifest_keeps_what_it_had(names: list[str], new: str, ordered: bool) -> None:
    """Whatever stands there, all of it and the new name are there afterwards."""
    entries = sorted(names) if ordered else names
    texts: list[tuple[Add, Callable[[str], set[str]], str, str]] = [
        (gemfile.add, gemfile.declared, "".join(f"gem '{n}'\n" for n in entries), new),
        (cargo_toml.add, cargo_toml.declared, _cargo(entries), new),
        (go_mod.add, go_mod.required, _go(entries), f"github.com/x/{new}"),
        (composer_json.add, composer_json.declared, _composer(entries), f"v/{new}"),
    ]
    for add, declared, text, name in texts:
        assert declared(add(text, name, "")) == declared(text) | {name}


def _cargo(names: list[str]) -> str:
    return '[package]\nname = "svc"\n\n[dependencies]\n' + "".join(f'{n} = "1"\n' for n in names)


def _go(names: list[str]) -> str:
    return GO + "\nrequire (\n" + "".join(f"\tgithub.com/x/{n} v1.0.0\n" for n in names) + ")\n"


def _composer(names: list[str]) -> str:
    rows = ",\n".join(f'    "v/{n}": "*"' for n in names)
    return '{\n  "require": {\n' + rows + ("\n" if rows else "") + "  }\n}\n"
