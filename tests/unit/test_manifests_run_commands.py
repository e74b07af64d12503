"""A command put into a Dockerfile: before the call that needs it, behind the sources, or last."""

from __future__ import annotations

import pytest

from activities.manifests.dockerfile_edits import insert_command
from activities.manifests.errors import ManifestError

BUILD = "FROM golang:1 AS b\nCOPY . .\nRUN go vet . \\\n    && go build .\n\n"
BUILD += "FROM debian\nCOPY --from=b /a /a\nCMD /a\n"
NO_COPY = 'FROM php:8-fpm # app\nRUN apt-get update\nUSER www-data\nCMD ["php-fpm"]\n'


@pytest.mark.parametrize(
    ("text", "command", "ahead_of", "expected"),
    [
        (BUILD, "go mod vendor", "go build", "COPY . .\nRUN go mod vendor\nRUN go vet"),
        (BUILD, "x", "", "COPY --from=b /a /a\nRUN x\nCMD /a"),
        (NO_COPY, "docker-php-ext-install gd", "", "update\nRUN docker-php-ext-install gd\nUSER"),
        ("FROM php:8", "x", "", "FROM php:8\nRUN x\n"),
    ],
)
def test_a_command_stands_where_it_is_needed(text: str, command: str, ahead_of: str, expected: str) -> None:
    """As a RUN of its own; every other line stays."""
    edited = insert_command(text, command, ahead_of)
    assert expected in edited
    assert set(text.splitlines()) <= set(edited.splitlines())
    assert "\n" not in insert_command(text.replace("\n", "\r\n"), command, ahead_of).replace("\r\n", "") or (
        "\n" not in text
    )


@pytest.mark.parametrize(
    ("text", "command", "ahead_of"),
    [(BUILD, "x\nRUN evil", ""), (BUILD, " ", ""), (BUILD, "x", "cargo build"), ("# nothing\n", "x", "")],
)
def test_no_clear_place_or_command_is_refused(text: str, command: str, ahead_of: str) -> None:
    """One line, and a place that exists."""
    with pytest.raises(ManifestError):
        insert_command(text, command, ahead_of)
