"""Dockerfile edits beyond adding: exchanged packages, pins, base images, commands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.manifests import dockerfile, dockerfile_edits
from activities.manifests.errors import ManifestError

DIGEST = "@sha256:" + "a" * 64
STYLED = """# syntax=docker/dockerfile:1
FROM debian:bookworm  # not a comment for Docker
RUN apt-get update && \\
    apt-get install -y \\
        # the client
        netcat \\
        curl=7.88.1-10 \\
    && rm -rf /var/lib/apt/lists/*
"""


@pytest.mark.parametrize(
    ("text", "pairs", "result"),
    [
        (
            "FROM a\nRUN apt-get install -y netcat\n",
            {"netcat": "nc2"},
            "FROM a\nRUN apt-get install -y nc2\n",
        ),
        ("FROM a\r\nRUN apk add py-pip\r\n", {"py-pip": "py3-pip"}, "FROM a\r\nRUN apk add py3-pip\r\n"),
        ("FROM a\nRUN apt install a=1 b\n", {"a": "c"}, "FROM a\nRUN apt install c b\n"),
        (
            "FROM a\nRUN apk add python python3 git\n",
            {"python": "python3"},
            "FROM a\nRUN apk add python3 git\n",
        ),
        (
            "FROM a\nRUN apk add git python python3\n",
            {"python": "python3"},
            "FROM a\nRUN apk add git python3\n",
        ),
        (
            "FROM a\nRUN <<EOF\napt-get update\napt-get install -y x\nEOF\n",
            {"x": "y"},
            "FROM a\nRUN <<EOF\napt-get update\napt-get install -y y\nEOF\n",
        ),
        (
            "FROM a\nRUN apk add --virtual .b gcc python\n",
            {"python": "python3"},
            "FROM a\nRUN apk add --virtual .b gcc python3\n",
        ),
        (
            "# escape=`\nFROM a\nRUN apk add `\n  # why\n  python `\n  git\n",
            {"python": "python3"},
            "# escape=`\nFROM a\nRUN apk add `\n  # why\n  python3 `\n  git\n",
        ),
        (STYLED, {"netcat": "netcat-openbsd"}, STYLED.replace("netcat ", "netcat-openbsd ")),
    ],
)
def test_packages_are_exchanged_where_they_stand(text: str, pairs: dict[str, str], result: str) -> None:
    """Comments, order, continuation and line ends stay; a pin of the old name goes."""
    assert dockerfile_edits.replace_system_packages(text, pairs) == result


@pytest.mark.parametrize("old", ["missing", "RUN", "apt-get"])
def test_a_package_that_no_install_names_is_not_exchanged(old: str) -> None:
    """Variables and scripts hide packages; then nothing is edited."""
    with pytest.raises(ManifestError, match="no install"):
        dockerfile_edits.replace_system_packages("FROM a\nRUN apt-get install -y $PKGS\n", {old: "x"})


def test_a_name_that_is_a_command_is_refused() -> None:
    """What comes out of a log never becomes shell."""
    with pytest.raises(ManifestError, match="not a valid package name"):
        dockerfile_edits.replace_system_packages("FROM a\nRUN apk add b\n", {"b": "c;rm -rf /"})


@pytest.mark.parametrize(
    ("text", "pins", "result"),
    [
        (STYLED, {"curl": ""}, STYLED.replace("curl=7.88.1-10", "curl")),
        (STYLED, {"curl": "=7.88.*"}, STYLED.replace("=7.88.1-10", "=7.88.*")),
        ("FROM a\nRUN apk add 'b=~1.0' c\n", {"b": ""}, "FROM a\nRUN apk add b c\n"),
        ("FROM a\nRUN apk add b=1-r0 bb=1-r0\n", {"b": ""}, "FROM a\nRUN apk add b bb=1-r0\n"),
    ],
)
def test_pins_are_loosened(text: str, pins: dict[str, str], result: str) -> None:
    """Only of the package named, and not of one whose name begins alike."""
    assert dockerfile_edits.pin_system_packages(text, pins) == result


def test_a_package_without_pin_has_none_to_change() -> None:
    """The cause lies elsewhere then."""
    with pytest.raises(ManifestError, match="pins"):
        dockerfile_edits.pin_system_packages("FROM a\nRUN apk add b\n", {"b": ""})


@pytest.mark.parametrize(
    ("text", "new", "old", "result"),
    [
        ("FROM python:3.4\n", "python:3.6", None, "FROM python:3.6\n"),
        ("from  python:3.4   AS build \r\n", "python:3.6", None, "from  python:3.6   AS build \r\n"),
        (
            "FROM --platform=$BUILDPLATFORM python:3.4 AS b\n",
            "python:3.6",
            None,
            "FROM --platform=$BUILDPLATFORM python:3.6 AS b\n",
        ),
        (f"FROM a:1{DIGEST}\n", "a:2", None, "FROM a:2\n"),
        ("ARG V=3.4\nFROM python:${V}-slim\n", "python:3.6-slim", None, "ARG V=3.6\nFROM python:${V}-slim\n"),
        ('ARG V="3.4"\nFROM python:$V\n', "python:3.6", None, 'ARG V="3.6"\nFROM python:$V\n'),
        ("ARG V=3.4\nFROM python:$V\n", "pypy:3", None, "ARG V=3.4\nFROM pypy:3\n"),
        (
            "FROM go:1 AS b\nFROM alpine:3.1\nCOPY --from=b /a /a\n",
            "go:2",
            "go:1",
            "FROM go:2 AS b\nFROM alpine:3.1\nCOPY --from=b /a /a\n",
        ),
        ("FROM a:1 AS b\nFROM a:1\nFROM b\n", "a:2", "a:1", "FROM a:2 AS b\nFROM a:2\nFROM b\n"),
    ],
)
def test_base_images_are_changed(text: str, new: str, old: str | None, result: str) -> None:
    """The right stage, through a build argument where it can say it, options and names kept."""
    assert dockerfile_edits.change_base_image(text, new, old) == result


@pytest.mark.parametrize(
    ("text", "new", "old", "reason"),
    [
        ("FROM a:1\n", "b:2", "c:1", "no stage"),
        ("RUN true\n", "b:2", None, "no FROM"),
        ("FROM a:1\n", "b:2 AS x", None, "not a valid image"),
        ("FROM a:1\n", "b:2\nRUN rm", None, "not a valid image"),
        ("ARG V=1\nFROM a:$V AS x\nFROM b:$V\n", "a:2", "a:1", "no clear place"),
    ],
)
def test_base_images_are_not_guessed(text: str, new: str, old: str | None, reason: str) -> None:
    """A shared build argument would change a stage that was not meant."""
    with pytest.raises(ManifestError, match=reason):
        dockerfile_edits.change_base_image(text, new, old)


def test_a_command_is_replaced_where_it_runs() -> None:
    """Once, with other blanks between its words, in shell form or heredoc."""
    text = "FROM a\nRUN npm  ci --quiet && x\nCOPY . .\n"
    assert dockerfile_edits.replace_command(text, "npm ci", "npm install") == text.replace(
        "npm  ci", "npm install"
    )
    here = "FROM a\nRUN <<E\nnpm ci\nE\n"
    assert dockerfile_edits.replace_command(here, "npm ci", "yarn") == here.replace("npm ci", "yarn")


@pytest.mark.parametrize(
    "text", ["FROM a\nRUN npm ci\nRUN npm ci\n", "FROM a\nRUN npm cid\n", 'FROM a\nCMD ["npm", "ci"]\n']
)
def test_a_command_that_is_not_there_just_once_is_left(text: str) -> None:
    """Twice, as part of another word, or in exec form."""
    with pytest.raises(ManifestError, match="places in this Dockerfile"):
        dockerfile_edits.replace_command(text, "npm ci", "npm install")


def test_a_command_is_inserted_before_the_one_that_needs_it() -> None:
    """In a RUN of its own; without one to come before, after the last copy."""
    text = "FROM a\nCOPY . .\nRUN yarn build\n"
    before = dockerfile_edits.insert_command(text, "yarn install", "yarn build")
    assert before == "FROM a\nCOPY . .\nRUN yarn install\nRUN yarn build\n"
    assert dockerfile_edits.insert_command(text, "yarn install") == before
    assert dockerfile_edits.insert_command("FROM a\r\nCOPY . .", "x") == "FROM a\r\nCOPY . .\r\nRUN x\r\n"


def test_an_index_is_read_in_the_step_that_installs() -> None:
    """A layer of its own would be cached; an install that has its update is left."""
    text = "FROM a\nRUN apt-get update\nRUN apt-get install -y x\n"
    result = "FROM a\nRUN apt-get update\nRUN apt-get update && apt-get install -y x\n"
    assert dockerfile_edits.insert_command(text, "apt-get update", "apt-get install") == result
    sudo = dockerfile_edits.insert_command("FROM a\nRUN sudo apt install x\n", "apt-get update")
    assert sudo == "FROM a\nRUN sudo apt-get update && sudo apt install x\n"
    with pytest.raises(ManifestError, match="every install"):
        dockerfile_edits.insert_command(result.replace("RUN apt-get update\n", "", 1), "apt-get update")


def test_a_command_of_two_lines_is_refused() -> None:
    """A line end would begin another instruction."""
    with pytest.raises(ManifestError, match="one line"):
        dockerfile_edits.insert_command("FROM a\nCOPY . .\n", "x\nUSER root")


@pytest.mark.parametrize(
    ("image", "run"),
    [
        ("fedora:40", "RUN dnf install -y git \\\n    && dnf clean all\n"),
        ("centos:7", "RUN yum install -y git \\\n    && yum clean all\n"),
        ("registry.example/ubi9/ubi-minimal", "RUN microdnf install -y git \\\n    && microdnf clean all\n"),
    ],
)
def test_red_hats_managers_install_in_their_words(image: str, run: str) -> None:
    """By the image's name; an install that is there is extended in its own."""
    assert dockerfile.add_system_packages(f"FROM {image}\n", ["git"]) == f"FROM {image}\n{run}"
    text = f"FROM {image}\nRUN yum -y install make\n"
    assert dockerfile.add_system_packages(text, ["git"]) == text.replace("make", "make git")


@pytest.mark.parametrize(
    ("image", "user"),
    [
        ("jenkins/jenkins:lts", "jenkins"),
        ("bitnami/redis:7-debian-12", "1001"),
        ("cimg/python:3.12-debian", "circleci"),
    ],
)
def test_an_image_that_is_not_root_becomes_so_for_the_install(image: str, user: str) -> None:
    """And is itself again after it; where the file switches to root itself, that is enough."""
    text = dockerfile.add_system_packages(f"FROM {image}\n", ["git"])
    assert text.startswith(f"FROM {image}\nUSER root\nRUN ")
    assert text.endswith(f"\nUSER {user}\n")
    own = f"FROM {image}\nUSER root\nRUN apt-get update\n"
    assert dockerfile.add_system_packages(own, ["git"]).count("USER") == 1


NAMES = st.from_regex(r"[a-z][a-z0-9+.-]{1,12}", fullmatch=True)


@given(st.lists(NAMES, min_size=1, max_size=6, unique=True), NAMES, st.sampled_from(["\n", "\r\n"]))
def test_an_exchange_changes_one_word_only(names: list[str], new: str, end: str) -> None:
    """Whatever else the file holds comes back byte for byte."""
    lead = f"FROM debian:bookworm{end}# note{end}RUN apt-get install -y"
    text = f"{lead} {' '.join(names)}{end}CMD x{end}"
    result = dockerfile_edits.replace_system_packages(text, {names[0]: new})
    if new in names[1:]:
        assert result.split() == text.replace(f" {names[0]} ", " ", 1).split()
    else:
        assert result == f"{lead} {' '.join([new, *names[1:]])}{end}CMD x{end}"
    assert result.count(end) == text.count(end)
