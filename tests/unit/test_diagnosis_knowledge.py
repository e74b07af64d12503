"""The knowledge files: complete, well-formed, and asked in the right way."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from activities.diagnosis import knowledge
from workflows.models.finding import FindingKind


def table(name: str) -> dict[str, object]:
    """A knowledge file as it is on disk."""
    loaded: dict[str, object] = json.loads(
        files("activities.diagnosis.data").joinpath(name).read_text("utf-8")
    )
    return loaded


@pytest.mark.parametrize(
    ("module", "distribution"),
    [
        ("yaml", "PyYAML"),
        ("PIL.Image", "Pillow"),
        ("cv2", "opencv-python-headless"),
        ("bs4", "beautifulsoup4"),
        ("sklearn.linear_model", "scikit-learn"),
        ("dotenv", "python-dotenv"),
        ("jwt", "PyJWT"),
        ("psycopg2.extras", "psycopg2-binary"),
        ("MySQLdb", "mysqlclient"),
        ("requests", "requests"),
        ("google.protobuf", "protobuf"),
        ("google.cloud.storage", "google-cloud-storage"),
        ("rest_framework", "djangorestframework"),
        ("Crypto.Cipher", "pycryptodome"),
    ],
)
def test_famous_names_are_known(module: str, distribution: str) -> None:
    """The longest dotted prefix on record decides."""
    found = knowledge.distribution_of(module)
    assert found is not None
    assert found.name == distribution


@pytest.mark.parametrize(
    "module", ["app", "config", "utils", "google", "azure", "settings", "models", "core"]
)
def test_names_that_may_be_anybodys_are_not_known(module: str) -> None:
    """No guess for generic and namespace names."""
    assert knowledge.distribution_of(module) is None


def test_every_entry_is_a_valid_requirement_and_no_standard_module() -> None:
    """A typing error in the data would otherwise be found in somebody's build."""
    imports = table("python_imports.json")["imports"]
    assert isinstance(imports, dict)
    assert len(imports) > 300
    for module, value in imports.items():
        assert re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", module)
        assert not Requirement(value).extras
        assert not knowledge.is_standard(module, "3.13")


def test_a_release_that_lost_the_module_is_excluded() -> None:
    """pkg_resources left setuptools; the finding must not install a release without it."""
    found = knowledge.distribution_of("pkg_resources")
    assert found == knowledge.Distribution("setuptools", "<82")


def test_messages_and_causes_compile_and_have_one_id_each() -> None:
    """Every pattern is a regular expression, every kind one that an editor serves."""
    known = knowledge.messages()
    assert len({message.id for message in known}) == len(known)
    for message in known:
        groups = re.compile(message.pattern).groups
        if message.kind == FindingKind.ADD_SYSTEM_PACKAGE:
            assert message.apt
        else:
            assert message.kind == FindingKind.ADD_PYTHON_PACKAGE
            assert message.names or groups >= 1
    causes = knowledge.causes()
    assert len({cause.id for cause in causes}) == len(causes)
    assert all(re.compile(cause.pattern) for cause in causes)


def test_every_file_says_where_its_facts_come_from() -> None:
    """Provenance travels with the data."""
    names = [
        entry.name for entry in files("activities.diagnosis.data").iterdir() if entry.name.endswith(".json")
    ]
    assert len(names) >= 6
    for name in names:
        assert len(str(table(name)["about"])) > 40


@pytest.mark.parametrize(
    ("soname", "manager", "release", "package"),
    [
        ("libglib-2.0.so.0", "apt", "trixie", "libglib2.0-0t64"),
        ("libglib-2.0.so.0", "apt", "bookworm", "libglib2.0-0"),
        ("libglib-2.0.so.0", "apt", "", "libglib2.0-0"),
        ("libglib-2.0.so.0", "apk", "", "glib"),
        ("libGL.so.1", "apt", "trixie", "libgl1"),
        ("libpq.so.5", "apt", "", "libpq5"),
        ("libnope.so.9", "apt", "", None),
        ("libGL.so.1", "yum", "", None),
    ],
)
def test_libraries_follow_the_release(soname: str, manager: str, release: str, package: str | None) -> None:
    """Debian 13 renamed packages; where the release is unknown the old name works on both."""
    assert knowledge.library_package(soname, manager, release) == package


@pytest.mark.parametrize(
    ("image", "release"),
    [
        ("python:3.13-slim-trixie", "trixie"),
        ("python:3.13-slim", ""),
        ("debian:12", "bookworm"),
        ("ubuntu:24.04", "noble"),
    ],
)
def test_the_release_is_read_only_where_it_is_stated(image: str, release: str) -> None:
    """A tag without a code name moves over time."""
    assert knowledge.release_of(image) == release


def test_the_standard_library_is_that_of_the_target() -> None:
    """cgi is standard in 3.12 and gone in 3.13."""
    assert knowledge.is_standard("cgi", "3.12")
    assert not knowledge.is_standard("cgi", "3.13")
    assert knowledge.is_standard("tomllib", "3.11")
    assert not knowledge.is_standard("tomllib", "3.10")
    assert knowledge.is_standard("json", "9.99")


def test_what_a_package_brings_along_is_followed_to_the_end() -> None:
    """Flask-Migrate brings Flask, which brings Werkzeug, which brings MarkupSafe."""
    found = knowledge.brought_along_by({"flask-migrate"})
    assert {"flask", "werkzeug", "markupsafe", "sqlalchemy"} <= found
    implied = table("implied.json")["implied"]
    assert isinstance(implied, dict)
    for name, others in implied.items():
        assert [canonicalize_name(one) for one in [name, *others]] == [name, *others]
