"""Every sentence an operator may say, in the forms people type it: what it is read as (FR-002)."""

import pytest

from workflows.models.request import Ecosystem, Intent, IntentKind
from workflows.planning import parse_instruction

SERVICES = ("api", "worker", "redis", "shop-web", "db")
ALSO = {
    "backend": frozenset({"api"}),
    "example.org/shop/backend:2": frozenset({"api"}),
    "shop-api-1": frozenset({"api"}),
    "postgres": frozenset({"db"}),
    "python": frozenset({"api", "worker"}),
}
K, E = IntentKind, Ecosystem

ADDED = [
    ("add flask to api", "api", "flask", None, None),
    ("Add Flask to the API service, please.", "api", "Flask", None, None),
    ("could you install flask in api?", "api", "flask", None, None),
    ("I want you to add flask to api", "api", "flask", None, None),
    ("install the library requests into the worker container", "worker", "requests", None, None),
    ("add the requests dependency to worker", "worker", "requests", None, None),
    ("add celery[redis]>=5.3 to worker", "worker", "celery[redis]", ">=5.3", None),
    ("add redis to api", "api", "redis", None, None),
    ("add kubernetes to api", "api", "kubernetes", None, None),
    ("add a package called numpy to api", "api", "numpy", None, None),
    ("add package numpy version 1.26 to api", "api", "numpy", "==1.26", None),
    ("add django-environ to api", "api", "django-environ", None, None),
    ("add the python package docker to api", "api", "docker", None, E.PYTHON),
    ("pip3 install flask==3.0.0 in api", "api", "flask", "==3.0.0", E.PYTHON),
    ("install flask with pip in api", "api", "flask", None, E.PYTHON),
    ("install flask via pip in api", "api", "flask", None, E.PYTHON),
    ("add npm package express to shop-web", "shop-web", "express", None, E.NODE),
    ("add the npm package express to the shop web", "shop-web", "express", None, E.NODE),
    ("add the node module express to shop_web", "shop-web", "express", None, E.NODE),
    ("add express with npm to shop-web", "shop-web", "express", None, E.NODE),
    ("npm install express in shop-web", "shop-web", "express", None, E.NODE),
    ("yarn add express@4.18.2 in shop-web", "shop-web", "express", "4.18.2", E.NODE),
    ("pnpm add @types/express@^4 in shop-web", "shop-web", "@types/express", "^4", E.NODE),
    ("add @types/node to shop-web", "shop-web", "@types/node", None, E.NODE),
    ("add express@4 to shop-web", "shop-web", "express", "4", E.NODE),
    ("add npm package express 4.18.x to shop-web", "shop-web", "express", "4.18.x", E.NODE),
    ("add gem nokogiri to api", "api", "nokogiri", None, E.RUBY),
    ("add the nokogiri gem to api", "api", "nokogiri", None, E.RUBY),
    ("add the ruby gem rails ~> 7.1 to api", "api", "rails", "~> 7.1", E.RUBY),
    ("gem install pg in api", "api", "pg", None, E.RUBY),
    ("bundle add pg in api", "api", "pg", None, E.RUBY),
    ("add go module github.com/lib/pq to api", "api", "github.com/lib/pq", None, E.GO),
    ("go get github.com/lib/pq@v1.10.9 in api", "api", "github.com/lib/pq", "v1.10.9", E.GO),
    ("add go.uber.org/zap to api", "api", "go.uber.org/zap", None, E.GO),
    ("add golang.org/x/sync v0.6.0 to api", "api", "golang.org/x/sync", "v0.6.0", E.GO),
    ("add composer package monolog/monolog to api", "api", "monolog/monolog", None, E.PHP),
    ("composer require monolog/monolog:^3.5 in api", "api", "monolog/monolog", "^3.5", E.PHP),
    ("add the php package ext-gd to api", "api", "ext-gd", None, E.PHP),
    ("add guzzlehttp/guzzle to api", "api", "guzzlehttp/guzzle", None, E.PHP),
    ("add crate serde to api", "api", "serde", None, E.RUST),
    ("add the serde crate to api", "api", "serde", None, E.RUST),
    ("cargo add tokio@1.36 in api", "api", "tokio", "1.36", E.RUST),
    ("add maven artifact junit:junit to api", "api", "junit:junit", None, E.JAVA),
    ("add org.postgresql:postgresql:42.7.1 to api", "api", "org.postgresql:postgresql", "42.7.1", E.JAVA),
    (
        "add the gradle dependency com.google.guava:guava to api",
        "api",
        "com.google.guava:guava",
        None,
        E.JAVA,
    ),
]


@pytest.mark.parametrize(("text", "service", "package", "version", "ecosystem"), ADDED)
def test_packages_are_added(
    text: str, service: str, package: str, version: str | None, ecosystem: Ecosystem | None
) -> None:
    """Names, versions and whose package it is, where the sentence or the shape of the name says so."""
    got = parse_instruction(text, SERVICES, also=ALSO)
    assert got == Intent(
        kind=K.ADD_PACKAGE, service=service, package=package, version=version, ecosystem=ecosystem
    )


REMOVED = [
    ("remove flask from api", "api", "flask", None),
    ("uninstall flask from the api service", "api", "flask", None),
    ("pip uninstall flask in api", "api", "flask", E.PYTHON),
    ("please delete the redis package from api", "api", "redis", None),
    ("remove the dependency flask from api", "api", "flask", None),
    ("remove redis from worker", "worker", "redis", None),
    ("npm uninstall left-pad in shop-web", "shop-web", "left-pad", E.NODE),
    ("yarn remove left-pad in shop-web", "shop-web", "left-pad", E.NODE),
    ("remove the npm package @babel/core from shop-web", "shop-web", "@babel/core", E.NODE),
    ("remove gem byebug from api", "api", "byebug", E.RUBY),
    ("remove the go module github.com/lib/pq from api", "api", "github.com/lib/pq", E.GO),
    ("composer remove monolog/monolog in api", "api", "monolog/monolog", E.PHP),
    ("remove the crate serde from api", "api", "serde", E.RUST),
    ("remove maven dependency junit:junit from api", "api", "junit:junit", E.JAVA),
]


@pytest.mark.parametrize(("text", "service", "package", "ecosystem"), REMOVED)
def test_packages_are_removed(text: str, service: str, package: str, ecosystem: Ecosystem | None) -> None:
    """Whatever its version."""
    got = parse_instruction(text, SERVICES, also=ALSO)
    assert got == Intent(kind=K.REMOVE_PACKAGE, service=service, package=package, ecosystem=ecosystem)


PINNED = [
    ("pin flask to 2.3.3 in api", "flask", "2.3.3", None),
    ("pin flask at 2.3.3 in api", "flask", "2.3.3", None),
    ("upgrade flask to 3.1 in api", "flask", "3.1", None),
    ("update flask to version 3.1 in api", "flask", "3.1", None),
    ("bump flask in api to 3.1", "flask", "3.1", None),
    ("downgrade urllib3 to <2 in api", "urllib3", "<2", None),
    ("downgrade the package urllib3 to 1.26.18 for api", "urllib3", "1.26.18", None),
    ("pin sqlalchemy to >=1.4,<2 in api", "sqlalchemy", ">=1.4,<2", None),
    ("pin express to ^4.18 in api", "express", "^4.18", None),
    ("pin rails to ~> 7.1 in api", "rails", "~> 7.1", None),
    ("upgrade the npm package express to 5.0.1 in api", "express", "5.0.1", E.NODE),
    ("downgrade gem nokogiri to 1.15.5 in api", "nokogiri", "1.15.5", E.RUBY),
    ("pin the go module github.com/lib/pq to v1.10.8 in api", "github.com/lib/pq", "v1.10.8", E.GO),
    ("upgrade monolog/monolog to ^3.0 in api", "monolog/monolog", "^3.0", E.PHP),
    ("pin crate serde to =1.0.195 in api", "serde", "=1.0.195", E.RUST),
    ("pin org.postgresql:postgresql to 42.7.1 in api", "org.postgresql:postgresql", "42.7.1", E.JAVA),
]


@pytest.mark.parametrize(("text", "package", "version", "ecosystem"), PINNED)
def test_versions_are_changed(text: str, package: str, version: str, ecosystem: Ecosystem | None) -> None:
    """Pin, upgrade and downgrade to a version that is said are one thing."""
    got = parse_instruction(text, SERVICES, also=ALSO)
    assert got == Intent(
        kind=K.PIN_PACKAGE, service="api", package=package, version=version, ecosystem=ecosystem
    )


UPGRADED = [
    ("upgrade flask in api", "flask", None),
    ("update flask in api", "flask", None),
    ("upgrade flask to the latest version in api", "flask", None),
    ("update the npm package express to latest in api", "express", E.NODE),
    ("bump the gem rails in api", "rails", E.RUBY),
    ("upgrade redis in api", "redis", None),
    ("upgrade github.com/lib/pq in api", "github.com/lib/pq", E.GO),
]


@pytest.mark.parametrize(("text", "package", "ecosystem"), UPGRADED)
def test_an_upgrade_without_a_version_leaves_it_open(
    text: str, package: str, ecosystem: Ecosystem | None
) -> None:
    """The newest that suits is looked up later, not invented here."""
    got = parse_instruction(text, SERVICES, also=ALSO)
    assert got == Intent(kind=K.UPGRADE_PACKAGE, service="api", package=package, ecosystem=ecosystem)


SYSTEM = [
    ("add system package libpq5 to api", K.ADD_SYSTEM_PACKAGE, "libpq5", None, None),
    ("install the os package curl in api", K.ADD_SYSTEM_PACKAGE, "curl", None, None),
    ("apt install libpq5 in api", K.ADD_SYSTEM_PACKAGE, "libpq5", None, E.APT),
    ("apt-get install libpq5=15.6-0+deb12u1 in api", K.ADD_SYSTEM_PACKAGE, "libpq5", "15.6-0+deb12u1", E.APT),
    ("install curl with apt-get in api", K.ADD_SYSTEM_PACKAGE, "curl", None, E.APT),
    ("add the debian package g++ to api", K.ADD_SYSTEM_PACKAGE, "g++", None, E.APT),
    ("apk add postgresql-dev in api", K.ADD_SYSTEM_PACKAGE, "postgresql-dev", None, E.APK),
    ("add apk package build-base to api", K.ADD_SYSTEM_PACKAGE, "build-base", None, E.APK),
    ("yum install gcc in api", K.ADD_SYSTEM_PACKAGE, "gcc", None, E.YUM),
    ("dnf install gcc in api", K.ADD_SYSTEM_PACKAGE, "gcc", None, E.YUM),
    ("remove system package gcc from api", K.REMOVE_SYSTEM_PACKAGE, "gcc", None, None),
    ("apt-get remove gcc in api", K.REMOVE_SYSTEM_PACKAGE, "gcc", None, E.APT),
    ("apk del build-base from api", K.REMOVE_SYSTEM_PACKAGE, "build-base", None, E.APK),
    ("uninstall the apt package vim from api", K.REMOVE_SYSTEM_PACKAGE, "vim", None, E.APT),
]


@pytest.mark.parametrize(("text", "kind", "package", "version", "ecosystem"), SYSTEM)
def test_system_packages(
    text: str, kind: IntentKind, package: str, version: str | None, ecosystem: Ecosystem | None
) -> None:
    """By the word "system", or by the tool that installs it."""
    got = parse_instruction(text, SERVICES, also=ALSO)
    assert got == Intent(kind=kind, service="api", package=package, version=version, ecosystem=ecosystem)


IMAGES = [
    ("use python:3.12-slim for api", "python:3.12-slim", None),
    ("use the image python:3.12-slim for api", "python:3.12-slim", None),
    ("use python:3.12-slim as the base image for api", "python:3.12-slim", None),
    ("use python:3.12-slim as base image in api", "python:3.12-slim", None),
    ("switch to node:20-alpine in api", "node:20-alpine", None),
    ("build api from debian:bookworm-slim", "debian:bookworm-slim", None),
    ("base api on debian:bookworm-slim", "debian:bookworm-slim", None),
    ("change the base image of api to node:20", "node:20", None),
    ("change base image to node:20-slim in api", "node:20-slim", None),
    (
        "Set the base image for the API service to python:3.13-slim-bookworm.",
        "python:3.13-slim-bookworm",
        None,
    ),
    ("replace the base image of api with golang:1.22", "golang:1.22", None),
    ("upgrade the base image of api to ruby:3.3", "ruby:3.3", None),
    ("change the base image tag of api to 3.12-slim", None, "3.12-slim"),
    ("change the base image of api to 3.12-slim", None, "3.12-slim"),
    ("use example.org:5000/base/python:3.12 for api", "example.org:5000/base/python:3.12", None),
    (f"use python@sha256:{'0a' * 32} for api", f"python@sha256:{'0a' * 32}", None),
    ("upgrade node to 20 in api", "node", "20"),
    ("upgrade nodejs to version 20 in api", "node", "20"),
    ("update Node.js to v20.11 in api", "node", "20.11"),
    ("upgrade api to python 3.12", "python", "3.12"),
    ("move api to python 3.12", "python", "3.12"),
    ("use python 3.12 in api", "python", "3.12"),
    ("downgrade python to 3.11 in api", "python", "3.11"),
    ("bump golang to 1.22 in api", "golang", "1.22"),
    ("upgrade java to 21 in api", "java", "21"),
    ("upgrade debian to 12 in api", "debian", "12"),
    ("update the python version of api to 3.12", "python", "3.12"),
    ("set the python version to 3.12 in api", "python", "3.12"),
    ("change python to 3.12 in api", "python", "3.12"),
    ("pin node to 20.11.1 in api", "node", "20.11.1"),
    ("pin the base image of api to python:3.12.4-slim", "python:3.12.4-slim", None),
]


@pytest.mark.parametrize(("text", "package", "version"), IMAGES)
def test_base_images(text: str, package: str | None, version: str | None) -> None:
    """A whole reference, a bare tag, or the version of what the image is made of."""
    got = parse_instruction(text, SERVICES, also=ALSO)
    assert got == Intent(kind=K.CHANGE_BASE_IMAGE, service="api", package=package, version=version)


PLAIN = [
    ("restart api", K.RESTART, "api"),
    ("restart backend", K.RESTART, "api"),
    ("restart the container shop-api-1", K.RESTART, "api"),
    ("restart the workers", K.RESTART, "worker"),
    ("restart shop_web", K.RESTART, "shop-web"),
    ("restart the shop web", K.RESTART, "shop-web"),
    ("restart postgres", K.RESTART, "db"),
    ("hello, please restart api", K.RESTART, "api"),
    ("rebuild api", K.REBUILD, "api"),
    ("build api", K.REBUILD, "api"),
    ("rebuild the image of api", K.REBUILD, "api"),
    ("the api is broken, please fix it", K.REPAIR, "api"),
    ("my api crashes, fix it", K.REPAIR, "api"),
    ("repair api and make sure it is healthy", K.REPAIR, "api"),
    ("pls repair the api and get it running again", K.REPAIR, "api"),
    ("fix api: exit code 1", K.REPAIR, "api"),
    ("fix the api: Error: write EPIPE", K.REPAIR, "api"),
    ("fix api error: read ECONNRESET", K.REPAIR, "api"),
    ("fix api: npm ERR! missing script: start", K.REPAIR, "api"),
    ('fix api: exec: "gunicorn": executable file not found in $PATH', K.REPAIR, "api"),
    ('repair api because the build fails with "E: Unable to locate package libpq"', K.REPAIR, "api"),
    (
        'fix the build of api: failed to solve: process "/bin/sh -c pip install -r requirements.txt" did not '
        "complete successfully: exit code: 1",
        K.REPAIR,
        "api",
    ),
    ("fix the failing health check of api", K.REPAIR, "api"),
    ("rebuild and restart the shop.web container", K.REBUILD, "shop-web"),
    ("repair api, it crashes on start", K.REPAIR, "api"),
    ("fix api: ModuleNotFoundError: No module named 'yaml'", K.REPAIR, "api"),
    ("fix ImportError: libGL.so.1: cannot open shared object file in api", K.REPAIR, "api"),
    ("fix the api so that it starts again", K.REPAIR, "api"),
    ("repair the failed build of api", K.REPAIR, "api"),
    ("repair the backend service", K.REPAIR, "api"),
    ("fix all missing dependencies of api", K.REPAIR, "api"),
    ("repair api: the install of the package failed", K.REPAIR, "api"),
    ("fix api, npm install fails", K.REPAIR, "api"),
    ("fix the api that fails to install its packages", K.REPAIR, "api"),
    ("heal api after the upgrade", K.REPAIR, "api"),
    ("fix api. It does not start since the last update", K.REPAIR, "api"),
    ("add the missing npm packages to shop-web", K.REPAIR, "shop-web"),
    ("install the missing gem in api", K.REPAIR, "api"),
    ("repair the missing redis package of api", K.REPAIR, "api"),
    ("fix api, error: cannot find module 'express'", K.REPAIR, "api"),
    ("repair api (exit code 1)", K.REPAIR, "api"),
    ("repair api \u2013 the health check is red", K.REPAIR, "api"),
]


@pytest.mark.parametrize(("text", "kind", "service"), PLAIN)
def test_services_by_all_their_names(text: str, kind: IntentKind, service: str) -> None:
    """Name, container, image, plural and other joints; error texts behind a repair do no harm."""
    assert parse_instruction(text, SERVICES, also=ALSO) == Intent(kind=kind, service=service)
