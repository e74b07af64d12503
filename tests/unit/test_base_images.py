"""Which image to build on instead."""

import pytest

from activities.diagnosis.system import base_images


@pytest.mark.parametrize(
    ("image", "wanted", "newer"),
    [
        ("python:3.4", ">=3.6", "python:3.6"),
        ("python:3.5-slim", ">=3.6", "python:3.6-slim"),
        ("python:3.6-slim-stretch", ">=3.8", "python:3.8-slim-bookworm"),
        ("python:3.7-alpine3.9", ">=3.9,<4", "python:3.9-alpine"),
        ("docker.io/library/python:3.5.2", ">=3.8", "docker.io/library/python:3.8"),
        ("python:2.7", ">=3.6", None),
        ("python:3.9", ">=3.6", "python:3.6"),
        ("python:3.6", "nonsense", None),
        ("mycorp/python:3.5", ">=3.6", None),
        ("node:8", ">=3.6", None),
        ("python:latest", ">=3.6", None),
    ],
)
def test_a_python_that_satisfies(image: str, wanted: str, newer: str | None) -> None:
    """Same variant, oldest that fits; never from Python 2 to 3, never another's image."""
    assert base_images.python_image(image, wanted) == newer


@pytest.mark.parametrize(
    ("image", "release", "served"),
    [
        ("ubuntu:13.10", "saucy", "ubuntu:18.04"),
        ("ubuntu:21.10", "impish", "ubuntu:22.04"),
        ("debian:stretch", "stretch", "debian:bookworm"),
        ("debian:buster-slim", "buster", "debian:bookworm-slim"),
        ("python:3.7-slim-buster", "buster", "python:3.7-slim-bookworm"),
        ("python:3.6.8", "stretch", "python:3.6-bullseye"),
        ("node:14-buster", "buster", "node:14-bullseye"),
        ("node:8-stretch", "stretch", None),
        ("debian:bookworm", "bookworm", None),
        ("ubuntu:24.04", "noble", None),
        ("mycorp/base:1", "buster", None),
        ("centos:8", "", "almalinux:8"),
    ],
)
def test_a_release_that_left_the_mirrors(image: str, release: str, served: str | None) -> None:
    """The same version on a suite that is served, or nothing."""
    assert base_images.served_instead(image, release) == served


@pytest.mark.parametrize(
    ("image", "other"),
    [
        ("vault:latest", "hashicorp/vault:latest"),
        ("python3:3.9", "python:3.9"),
        ("python:latest-slim", "python:slim"),
        ("nvidia/cuda:11.4.0-base-ubuntu20.04", "nvidia/cuda:11.4.3-base-ubuntu20.04"),
        ("nvidia/cuda:10.2-base-ubuntu18.04", None),
        ("nvidia/cuda:11.4.3-base-ubuntu20.04", None),
        ("mycorp/thing:1", None),
    ],
)
def test_an_image_that_moved(image: str, other: str | None) -> None:
    """Only where it is on record."""
    assert base_images.moved(image) == other


@pytest.mark.parametrize(
    ("image", "other"),
    [
        ("python:3.13-slim-buster", "python:3.13-slim-trixie"),
        ("node:18-bullseye-slimm", None),
        ("node:18-bullseye", None),
        ("python:3.11-slim-bookworm", None),
    ],
)
def test_a_suite_that_a_version_never_had(image: str, other: str | None) -> None:
    """A misspelt variant is not cured by another suite."""
    assert base_images.suite_exists(image) == other


def test_a_floating_tag_is_pinned_to_what_still_has_the_packages() -> None:
    """Only official images and only tags without a suite move."""
    assert base_images.release_with(["openjdk-11-jdk"], "python:3.10") == "python:3.10-bullseye"
    assert base_images.release_with(["openjdk-11-jdk"], "debian:stable-slim") == "debian:bullseye-slim"
    assert base_images.release_with(["openjdk-11-jdk"], "python:3.10-bookworm") is None
    assert base_images.release_with(["openjdk-11-jdk"], "mycorp/x:1") is None
    assert base_images.release_with(["no-such-package"], "debian") is None
    assert base_images.older_release("ubuntu") == "ubuntu:18.04"
    assert base_images.older_release("ubuntu:22.04") is None
    assert base_images.alpine_with(["php7", "php7-fpm"], "alpine") == "alpine:3.15"
    assert base_images.alpine_with(["php7"], "alpine:3.19") is None


def test_references_are_cut_as_docker_cuts_them() -> None:
    """A port is no tag; a digest is left out."""
    assert base_images.reference("host:5000/a/b") == ("host:5000/a/b", "")
    assert base_images.reference("host:5000/a/b:1") == ("host:5000/a/b", "1")
    assert base_images.reference("python:3@sha256:" + "0" * 64) == ("python", "3")
