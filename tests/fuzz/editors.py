"""Editors of manifests and Dockerfiles, each with texts it knows."""

from __future__ import annotations

from collections.abc import Callable

from activities.manifests import (
    cargo_toml,
    composer_json,
    declared_lines,
    declared_trees,
    dockerfile,
    dockerfile_edits,
    dockerfile_pip,
    gemfile,
    go_mod,
    gradle,
    package_json,
    pipfile,
    pom_xml,
    pyproject,
    requirements,
    requirements_changes,
    setup_cfg,
)

Edit = Callable[[str], object]

_DOCKERFILE = (
    "# syntax=x\nFROM python:3.13-slim AS build\nARG A=1\n"
    "RUN apt-get update && apt-get install -y \\\n    curl=1 \\\n"
    "  # note\n    git\n"
    'RUN ["pip", "install", "flask"]\nRUN <<EOF\npip install redis\nEOF\n'
    "COPY --from=build /a /b\nCMD python app.py\n",
    "# escape=`\nFROM alpine:3.20\nRUN apk add --no-cache curl\nONBUILD RUN true\n",
    "FROM node:20\nRUN npm ci && npm install left-pad@1\nUSER node\n",
)
EDITORS: dict[str, tuple[tuple[Edit, ...], tuple[str, ...]]] = {
    "Dockerfile": (
        (
            lambda t: dockerfile.add_system_packages(t, ["libpq-dev"]),
            lambda t: dockerfile.add_pip_packages(t, ["redis"]),
            lambda t: dockerfile_edits.change_base_image(t, "python:3.12-slim"),
            lambda t: dockerfile_edits.replace_system_packages(t, {"curl": "wget"}),
            lambda t: dockerfile_edits.insert_command(t, "RUN true"),
            lambda t: dockerfile_pip.pin(t, "flask", "3.0.0"),
            lambda t: dockerfile_pip.remove(t, "redis"),
        ),
        _DOCKERFILE,
    ),
    "requirements.txt": (
        (
            lambda t: requirements.add(t, "redis"),
            lambda t: requirements.pin(t, "flask", "3.0.0"),
            requirements.declared,
            lambda t: requirements_changes.rename(t, "pil", "pillow"),
            lambda t: requirements_changes.remove(t, "flask"),
            requirements.includes,
        ),
        (
            "flask==3.0.0 ; python_version < '4' # web\n-r base.txt\n--hash=sha256:ab \\\n",
            "pil\nflask[async]>=2,<4\n-e .\n",
        ),
    ),
    "pyproject.toml": (
        (
            lambda t: pyproject.add(t, "redis"),
            lambda t: pyproject.pin(t, "flask", "3.0.0"),
            pyproject.declared,
        ),
        (
            '[project]\nname = "x"\ndependencies = ["flask>=2", # web\n "requests"]\n'
            '[tool.poetry.dependencies]\npython = "^3.11"\n',
            '[tool.poetry.dependencies]\nflask = {version = "^3", extras = ["async"]}\n',
        ),
    ),
    "Pipfile": (
        (
            lambda t: pipfile.add(t, "redis"),
            lambda t: pipfile.pin(t, "flask", "3.0.0"),
            lambda t: pipfile.remove(t, "flask"),
        ),
        ('[packages]\nflask = "*"\nrequests = {version = ">=2"}\n[dev-packages]\n',),
    ),
    "setup.cfg": (
        (
            lambda t: setup_cfg.add(t, "redis"),
            lambda t: setup_cfg.pin(t, "flask", "3.0.0"),
            setup_cfg.declared,
        ),
        ("[options]\ninstall_requires =\n    flask>=2\n    requests\n",),
    ),
    "package.json": (
        (
            lambda t: package_json.add(t, "express"),
            lambda t: package_json.remove(t, "left-pad"),
            package_json.declared,
            lambda t: package_json.pin(t, "left-pad", "1.3.0"),
            lambda t: package_json.move(t, "jest"),
        ),
        (
            "{\n"
            '  "name": "x",\n'
            '  "dependencies": {"left-pad": "^1.0.0"},\n'
            '  "devDependencies": {\n    "jest": "29"\n  }\n}\n',
        ),
    ),
    "Gemfile": (
        (lambda t: gemfile.add(t, "rack"), lambda t: declared_lines.remove_gem(t, "rails"), gemfile.declared),
        ('source "x"\ngem "rails", "~> 7.0"\ngroup :test do\n  gem \'rspec\'\nend\n',),
    ),
    "go.mod": (
        (
            lambda t: go_mod.add(t, "example.org/m", "v1.0.0"),
            lambda t: declared_lines.remove_go_module(t, "a.org/b"),
            go_mod.required,
        ),
        ("module x\n\ngo 1.22\n\nrequire (\n\ta.org/b v1.2.3 // indirect\n)\nreplace a.org/b => ../b\n",),
    ),
    "Cargo.toml": (
        (
            lambda t: cargo_toml.add(t, "serde"),
            lambda t: declared_trees.remove_crate(t, "rand"),
            cargo_toml.declared,
        ),
        ('[package]\nname = "x"\n[dependencies]\nrand = { version = "0.8", features = ["std"] }\n',),
    ),
    "composer.json": (
        (
            lambda t: composer_json.add(t, "a/b"),
            lambda t: declared_trees.remove_php_package(t, "c/d"),
            composer_json.declared,
        ),
        ('{"require": {"php": ">=8", "c/d": "^1.0"}}\n',),
    ),
    "pom.xml": (
        (lambda t: pom_xml.add(t, "g:a", "1.0"), lambda t: declared_trees.remove_maven_dependency(t, "h:b")),
        (
            "<project>\n  <dependencies>\n    <dependency><groupId>h</groupId><artifactId>b</artifactId>"
            "</dependency>\n  </dependencies>\n</project>\n",
        ),
    ),
    "build.gradle": (
        (lambda t: gradle.add(t, "g:a", "1.0"), lambda t: declared_lines.remove_gradle_dependency(t, "h:b")),
        ("dependencies {\n    implementation 'h:b:1.0'\n    // note }\n}\n",),
    ),
}
