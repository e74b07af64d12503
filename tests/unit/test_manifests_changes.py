"""Dependencies taken out or given another version, in every format: the one line changes, all else stays."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.manifests import declared_lines as lines
from activities.manifests import declared_trees as trees
from activities.manifests.errors import ManifestError
from activities.manifests.system_removal import remove_system_package

GEMFILE = (
    "source 'https://example.org'\n\n# web\ngem 'rails', '~> 7.0', require: false # keep\ngem \"pg\"\n\n"
    "group :test do\n  gem 'rspec', '>= 3', '< 4'\n  gem('byebug', platforms: [:mri])\nend\n"
)
GO_MOD = (
    "module example.org/x\n\ngo 1.22\n\nrequire github.com/a/b v1.0.0 // why\n\nrequire (\n"
    "\tgithub.com/lib/pq v1.10.8\n\tgolang.org/x/sync v0.6.0 // indirect\n)\n"
)
GRADLE = (
    "dependencies {\n    // implementation 'old:old:1'\n    implementation 'org.x:core:1.2'\n"
    '    testImplementation("junit:junit:4.12") // tests\n    implementation "org.y:y:$yVersion"\n'
    "    runtimeOnly 'org.z:z'\n}\n"
)
COMPOSER = (
    '{\n    "name": "x/y",\n    "require": {\n        "php": ">=8.1",\n        "monolog/monolog": "^3.0",\n'
    '        "a/b": "1.*"\n    },\n    "require-dev": {"phpunit/phpunit": "^10"}\n}\n'
)
CARGO = (
    '[package]\nname = "x"\n\n[dependencies]\n# json\nserde = "1.0" # keep\n'
    'tokio = { version = "1.0", features = ["full"] }\nlocal = { path = "../local" }\n\n'
    '[dev-dependencies]\nrand = "0.8"\n'
)
POM = (
    "<project>\n  <groupId>g</groupId>\n  <!-- <dependency><groupId>junit</groupId>"
    "<artifactId>junit</artifactId></dependency> -->\n  <dependencies>\n"
    "    <dependency>\n      <groupId>junit</groupId>\n"
    "      <artifactId>junit</artifactId>\n      <version>4.12</version>\n      <scope>test</scope>\n"
    "    </dependency>\n    <dependency>\n      <groupId>org.x</groupId>\n"
    "      <artifactId>core</artifactId>\n"
    "      <version>${x.version}</version>\n    </dependency>\n  </dependencies>\n</project>\n"
)
DOCKERFILE = (
    "FROM debian:12\n# tools\nRUN apt-get update && apt-get install -y \\\n        curl \\\n"
    "        git=1:2.39 \\\n"
    "        vim \\\n    && rm -rf /var/lib/apt/lists/*\nRUN apt-get update && apt-get install -y gcc\n"
    "RUN apt-get install -y make && make install\nCMD x\n"
)


def drop(text: str, line: str) -> str:
    """The text without one whole line."""
    assert text.count(f"{line}\n") == 1
    return text.replace(f"{line}\n", "")


REMOVED: list[tuple[Callable[[str, str], str], str, str, str]] = [
    (lines.remove_gem, GEMFILE, "rails", drop(GEMFILE, "gem 'rails', '~> 7.0', require: false # keep")),
    (lines.remove_gem, GEMFILE, "pg", drop(GEMFILE, 'gem "pg"')),
    (lines.remove_gem, GEMFILE, "byebug", drop(GEMFILE, "  gem('byebug', platforms: [:mri])")),
    (lines.remove_go_module, GO_MOD, "github.com/lib/pq", drop(GO_MOD, "\tgithub.com/lib/pq v1.10.8")),
    (lines.remove_go_module, GO_MOD, "github.com/a/b", drop(GO_MOD, "require github.com/a/b v1.0.0 // why")),
    (
        lines.remove_gradle_dependency,
        GRADLE,
        "org.x:core",
        drop(GRADLE, "    implementation 'org.x:core:1.2'"),
    ),
    (
        lines.remove_gradle_dependency,
        GRADLE,
        "junit:junit",
        drop(GRADLE, '    testImplementation("junit:junit:4.12") // tests'),
    ),
    (lines.remove_gradle_dependency, GRADLE, "org.z:z", drop(GRADLE, "    runtimeOnly 'org.z:z'")),
    (trees.remove_php_package, COMPOSER, "a/b", COMPOSER.replace(',\n        "a/b": "1.*"', "")),
    (
        trees.remove_php_package,
        COMPOSER,
        "monolog/monolog",
        COMPOSER.replace('\n        "monolog/monolog": "^3.0",', ""),
    ),
    (trees.remove_php_package, COMPOSER, "phpunit/phpunit", COMPOSER.replace('"phpunit/phpunit": "^10"', "")),
    (trees.remove_crate, CARGO, "serde", drop(CARGO, 'serde = "1.0" # keep')),
    (trees.remove_crate, CARGO, "rand", drop(CARGO, 'rand = "0.8"')),
    (trees.remove_crate, CARGO, "local", drop(CARGO, 'local = { path = "../local" }')),
    (
        trees.remove_maven_dependency,
        POM,
        "org.x:core",
        POM.replace(
            "    <dependency>\n      <groupId>org.x</groupId>\n      <artifactId>core</artifactId>\n"
            "      <version>${x.version}</version>\n    </dependency>\n",
            "",
        ),
    ),
    (remove_system_package, DOCKERFILE, "curl", drop(DOCKERFILE, "        curl \\")),
    (remove_system_package, DOCKERFILE, "git", drop(DOCKERFILE, "        git=1:2.39 \\")),
    (remove_system_package, DOCKERFILE, "vim", drop(DOCKERFILE, "        vim \\")),
    (
        remove_system_package,
        DOCKERFILE,
        "gcc",
        drop(DOCKERFILE, "RUN apt-get update && apt-get install -y gcc"),
    ),
]
IDS = [f"{remove.__name__}-{name}" for remove, _, name, _ in REMOVED]


@pytest.mark.parametrize(("remove", "text", "name", "expected"), REMOVED, ids=IDS)
def test_one_dependency_goes_and_nothing_else(
    remove: Callable[[str, str], str], text: str, name: str, expected: str
) -> None:
    """Comments, order, blanks, and the line ends of Windows stay as they are."""
    assert remove(text, name) == expected
    assert remove(text.replace("\n", "\r\n"), name) == expected.replace("\n", "\r\n")


PINNED: list[tuple[Callable[[str, str, str], str], str, str, str, str, str]] = [
    (lines.pin_gem, GEMFILE, "rails", "~> 7.1", "'~> 7.0'", "'~> 7.1'"),
    (lines.pin_gem, GEMFILE, "pg", "1.5.4", 'gem "pg"', 'gem "pg", "1.5.4"'),
    (lines.pin_gem, GEMFILE, "rspec", "3.12.0", "'>= 3', '< 4'", "'3.12.0'"),
    (lines.pin_gem, GEMFILE, "byebug", "11.1.3", "gem('byebug',", "gem('byebug', '11.1.3',"),
    (lines.pin_go_module, GO_MOD, "github.com/lib/pq", "v1.10.7", "v1.10.8", "v1.10.7"),
    (lines.pin_go_module, GO_MOD, "github.com/a/b", "v1.1.0", "v1.0.0", "v1.1.0"),
    (lines.pin_gradle_dependency, GRADLE, "org.x:core", "1.3", "core:1.2", "core:1.3"),
    (lines.pin_gradle_dependency, GRADLE, "junit:junit", "4.13.2", "junit:4.12", "junit:4.13.2"),
    (trees.pin_php_package, COMPOSER, "monolog/monolog", "^2.9", '"^3.0"', '"^2.9"'),
    (trees.pin_php_package, COMPOSER, "phpunit/phpunit", "9.6.13", '"^10"', '"9.6.13"'),
    (trees.pin_crate, CARGO, "serde", "=1.0.195", '"1.0" # keep', '"=1.0.195" # keep'),
    (trees.pin_crate, CARGO, "tokio", "1.36", 'version = "1.0"', 'version = "1.36"'),
    (trees.pin_maven_dependency, POM, "junit:junit", "4.13.2", "4.12", "4.13.2"),
]


@pytest.mark.parametrize(
    ("pin", "text", "name", "version", "change"),
    [(pin, text, name, version, (old, new)) for pin, text, name, version, old, new in PINNED],
    ids=[f"{pin.__name__}-{name}" for pin, _, name, *_ in PINNED],
)
def test_one_version_changes_and_nothing_else(
    pin: Callable[[str, str, str], str], text: str, name: str, version: str, change: tuple[str, str]
) -> None:
    """Options, features, scopes and comments stay."""
    assert text.count(change[0]) == 1
    expected = text.replace(*change)
    assert pin(text, name, version) == expected
    assert pin(text.replace("\n", "\r\n"), name, version) == expected.replace("\n", "\r\n")


REFUSED: list[tuple[Callable[[], str], str]] = [
    (lambda: lines.remove_gem(GEMFILE, "rail"), "no line names rail"),
    (lambda: lines.remove_gem("gem 'a',\n  '1'\n", "a"), "more than one plain line"),
    (lambda: lines.pin_gem("gem 'a'\ngem 'a'\n", "a", "1"), "named 2 times"),
    (lambda: lines.pin_gem(GEMFILE, "pg", "1', git: 'x"), "not a version"),
    (lambda: lines.remove_go_module(GO_MOD, "github.com/lib"), "no line names"),
    (
        lambda: lines.pin_go_module(f"{GO_MOD}replace github.com/a/b => ../b\n", "github.com/a/b", "v1.1.0"),
        "replaces",
    ),
    (lambda: lines.pin_go_module(GO_MOD, "github.com/a/b", "v1 // x"), "not a version"),
    (lambda: lines.remove_gradle_dependency(GRADLE, "old:old"), "no line names"),
    (lambda: lines.pin_gradle_dependency(GRADLE, "org.y:y", "2"), "not written where"),
    (lambda: lines.pin_gradle_dependency(GRADLE, "org.z:z", "2"), "not written where"),
    (lambda: trees.remove_php_package(COMPOSER, "x/y"), "0 times"),
    (lambda: trees.pin_php_package(COMPOSER, "a/b", '1", "c/d": "2'), "not a version"),
    (lambda: trees.remove_crate(CARGO, "serd"), "does not ask for"),
    (lambda: trees.remove_crate("[dependencies\n", "serde"), "cannot be read"),
    (lambda: trees.pin_crate(CARGO, "local", "1"), "without a version"),
    (lambda: trees.remove_maven_dependency(POM, "g:x"), "0 times"),
    (lambda: trees.pin_maven_dependency(POM, "org.x:core", "2"), "not written where"),
    (lambda: trees.pin_maven_dependency(POM, "junit:junit", "1</version>"), "not a version"),
    (lambda: remove_system_package(DOCKERFILE, "make"), "does other things too"),
    (lambda: remove_system_package(DOCKERFILE, "cur"), "no install"),
    (
        lambda: remove_system_package(
            "FROM debian\nRUN apt-get install -y a \\\n  # why\n  b \\\n  c\n", "b"
        ),
        "touching a comment",
    ),
]


@pytest.mark.parametrize(("change", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_what_is_not_clear_is_left_alone(change: Callable[[], str], why: str) -> None:
    """Another name, a line that goes on, a version kept elsewhere, text that would smuggle something in."""
    with pytest.raises(ManifestError, match=why):
        change()


def test_a_first_package_of_an_apk_line_goes() -> None:
    """With the blank behind it."""
    text = "FROM alpine:3.20\nRUN apk add --no-cache curl git\n"
    assert remove_system_package(text, "curl") == "FROM alpine:3.20\nRUN apk add --no-cache git\n"
    assert remove_system_package(text, "git") == "FROM alpine:3.20\nRUN apk add --no-cache curl\n"


NAMES = st.lists(st.from_regex(r"[a-z]{1,6}/[a-z]{1,6}", fullmatch=True), min_size=1, max_size=6, unique=True)


@settings(deadline=None)
@given(NAMES, st.data(), st.sampled_from([None, 2, 4]))
def test_any_composer_file_stays_what_it_was_but_for_one(
    names: list[str], data: st.DataObject, indent: int | None
) -> None:
    """First, middle, last or only one, on one line or many."""
    text = json.dumps({"require": dict.fromkeys(names, "^1"), "extra": {"x": 1}}, indent=indent)
    gone = data.draw(st.sampled_from(names))
    left = json.loads(trees.remove_php_package(text, gone))
    assert left == {"require": {name: "^1" for name in names if name != gone}, "extra": {"x": 1}}
