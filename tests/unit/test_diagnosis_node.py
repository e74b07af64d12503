"""Node's rules, family by family: what the tools say, and what is made of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from activities.diagnosis.diagnose import Decision
from activities.diagnosis.evidence import Phase
from activities.diagnosis.node.images import suitable, with_release
from activities.diagnosis.node.knowledge import (
    api_since,
    builtin_since,
    newest_node_for_sass,
    package_of_command,
    popular_near,
    types_package,
)
from activities.diagnosis.node.packages import name_in
from tests.unit.node_told import answer, told

RUNNING = [
    ("Error: Cannot find module 'cors'\nRequire stack:\n- /app/server.js\n", "cors"),
    ("Error: Cannot find module '@nestjs/jwt/dist/x'\n", "@nestjs/jwt"),
    ("Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'pg' imported from /app/a.mjs\n", "pg"),
    ("api-1  | Error: Cannot find module 'redis'\n", "redis"),
    ('[Nest] 1  - ERROR [PackageLoader] The "class-validator" package is missing. Please, make sure to install it\n', "class-validator"),
    ("Error: Please install mysql2 package manually\n", "mysql2"),
    (
        "DriverPackageNotInstalledError: Postgres package has not been found installed. "
        "Try to install it: npm install pg --save\n",
        "pg",
    ),
    ('Error: unable to determine transport target for "pino-pretty"\n', "pino-pretty"),
    ("> svc@1.0.0 start\n> ts-node src/index.ts\n\nsh: 1: ts-node: not found\n", "ts-node"),
    ("$ nest start\n/bin/sh: nest: not found\n", "@nestjs/cli"),
]  # fmt: skip


@pytest.mark.parametrize(("log", "name"), RUNNING, ids=lambda value: value[:40])
def test_a_running_service_names_the_package_it_lacks(log: str, name: str) -> None:
    """In Node's own words and in those of frameworks and shells."""
    assert answer(told(log, phase=Phase.RUN)) == ("add_node_package", (name,))


BUILDING = [
    ("ERROR in ./src/a.js\nModule not found: Error: Can't resolve 'axios' in '/app/src'\n", "axios"),
    ("./pages/index.js\nModule not found: Can't resolve 'swr'\n", "swr"),
    ("Cannot find module: 'lodash'. Make sure this package is installed.\n", "lodash"),
    ("These dependencies were not found:\n\n* vue-router in ./src/main.js\n", "vue-router"),
    ('[vite]: Rollup failed to resolve import "dayjs/plugin/utc" from "/app/src/a.ts".\n', "dayjs"),
    ('✘ [ERROR] Could not resolve "zod"\n', "zod"),
    ("Error: Preprocessor dependency \"sass\" not found. Did you install it?\n", "sass"),
    ("error during build:\nError: terser not found. Since Vite v3, terser has become an optional dependency.\n", "terser"),
    ("src/a.ts(1,8): error TS2307: Cannot find module 'helmet' or its corresponding type declarations.\n", "helmet"),
    ("error TS2688: Cannot find type definition file for 'jest'.\n", "@types/jest"),
    (
        "a.ts(1,1): error TS2580: Cannot find name 'process'. Do you need to install type definitions for node? "
        "Try `npm i --save-dev @types/node`.\n",
        "@types/node",
    ),
    ("Couldn't find preset \"es2015\" relative to directory \"/app\"\n", "babel-preset-es2015"),
    ('ESLint couldn\'t find the config "airbnb" to extend from.\n', "eslint-config-airbnb"),
    ("Module not found: Error: Can't resolve 'buffer' in '/app/node_modules/x'\n", "buffer"),
]  # fmt: skip


@pytest.mark.parametrize(("log", "name"), BUILDING, ids=lambda value: value[:40])
def test_a_build_names_the_package_it_lacks(log: str, name: str) -> None:
    """Bundlers, compilers and their plugins."""
    assert answer(told(log)) == ("add_node_package", (name,))


LEFT_ALONE = [
    ("run", "Error: Cannot find module './config'\n", "own_module"),
    ("run", "Error: Cannot find module '/app/dist/main'\n", "own_module"),
    ("run", "Error: Cannot find module 'src/users/user.entity'\n", "own_module"),
    ("run", "Error: Cannot find module 'acme-internal-thing'\n", "unknown_package"),
    ("run", "Error: Cannot find module 'C:\\\\app\\\\a.js'\n", "own_module"),
    ("run", "Error: Cannot find module 'semver'\nRequire stack:\n- /usr/local/lib/node_modules/npm/lib/x.js\n", "broken_tool"),
    ("build", "Module not found: Error: Can't resolve 'crypto' in '/app/src'\n", "builtin"),
    ("build", "a.ts(1,8): error TS2307: Cannot find module './b' or its corresponding type declarations.\n", "own_module"),
    ("build", "a.ts(3,5): error TS2322: Type 'string' is not assignable to type 'number'.\n", "type_error"),
    ("build", 'npm error Missing script: "build"\n', "missing_script"),
    ("build", "npm ERR! code E403\nnpm ERR! 403 403 Forbidden - GET https://host.invalid/@a%2fb\n", "private_package"),
    ("build", "npm error enoent Could not read package.json: Error: ENOENT: no such file or directory, open '/package.json'\n", "no_package_json"),
    ("run", "Error [ERR_PACKAGE_PATH_NOT_EXPORTED]: Package subpath './v4' is not defined by \"exports\" in /app/x\n", "not_exported"),
    ("run", "Error: The module '/app/a.node'\nwas compiled against a different Node.js version using\n", "other_abi"),
    ("run", "Error [ERR_REQUIRE_ESM]: require() of ES Module /app/src/a.js from /app/b.js not supported.\n", "own_esm"),
    (
        "run",
        "Error [ERR_REQUIRE_ESM]: require() of ES Module /app/node_modules/p-limit/index.js from "
        "/app/node_modules/thing/a.js not supported.\n",
        "esm_of_dependency",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("phase", "log", "rule"), LEFT_ALONE, ids=lambda value: value[:40])
def test_what_no_manifest_cures_is_left_alone(phase: str, log: str, rule: str) -> None:
    """With the true cause named."""
    diagnosis = told(log, phase=Phase(phase))
    assert diagnosis.decision is Decision.DECLINE
    assert diagnosis.findings[0].rule == f"node.{rule}"


IMAGES = [
    ("node:12", 'error a@1.0.0: The engine "node" is incompatible with this module. Expected version ">=14". Got "12.1.0"\n', "node:14"),
    ("node:16-alpine3.11", "npm ERR! notsup Required: {\"node\":\">=18.17\"}\nnpm ERR! notsup Actual:   {\"npm\":\"8.1.0\",\"node\":\"v16.0.0\"}\n", "node:18-alpine"),
    ("node:14", "ReferenceError: AbortController is not defined\n    at a (/app/a.js:1:1)\n", "node:16"),
    ("node:16", "TypeError: crypto$2.getRandomValues is not a function\n", "node:18"),
    ("node:10-slim", "/app/node_modules/a/b.js:3\n  a?.b\n   ^\nSyntaxError: Unexpected token '.'\n", "node:14-slim"),
    ("node", "Error: error:0308010C:digital envelope routines::unsupported\n", "node:16"),
    ("node:12-stretch", "ReferenceError: primordials is not defined\n", "node:10-stretch"),
    ("node:18", "The Angular CLI requires a minimum Node.js version of v20.19 or v22.12.\nNode.js version v18.1.0 detected.\n", "node:20"),
    ("node:12", "Error: Cannot find module 'node:fs'\n", "node:14"),
    ("mhart/alpine-node:12", "TypeError: a.replaceAll is not a function\n", "mhart/alpine-node:16"),
]  # fmt: skip


@pytest.mark.parametrize(("image", "log", "new"), IMAGES, ids=lambda value: value[:40])
def test_another_node_is_named(image: str, log: str, new: str) -> None:
    """Of the same variant, and only as far away as it must be."""
    assert answer(told(log, image=image)) == ("change_base_image", (new,))


@pytest.mark.parametrize("log", [log for _, log, _ in IMAGES[2:6]])
def test_a_node_that_is_new_enough_is_not_changed(log: str) -> None:
    """Then the message has another cause."""
    assert told(log, image="node:22" if "0308010C" not in log else "node:16").decision is Decision.DECLINE


def test_node_from_other_packages_is_changed_there(tmp_path: Path) -> None:
    """A Dockerfile that takes Node from NodeSource has the release in its URL."""
    text = "FROM debian:bookworm\nRUN curl -sL https://host.invalid/setup_12.x | bash -\nRUN npm ci\n"
    log = "/app/node_modules/a/b.js:3\n  a ??= 1\n    ^^^\nSyntaxError: Unexpected token '??='\n"
    found = told(log, context=tmp_path, files={"Dockerfile": text}).findings[0]
    assert (str(found.kind), found.names, found.replaces) == ("change_node_version", ("16",), "setup_12.x")


COMMANDS = [
    ("npm ERR! cipm can only install packages with an existing package-lock.json or npm-shrinkwrap.json\n", "RUN npm ci", "npm install"),
    ("npm ERR! code ERESOLVE\nnpm ERR! peer react@\"^16\" from a@1.0.0\n", "RUN npm i", "npm i --legacy-peer-deps"),
    ("error This project's package.json defines \"packageManager\": \"yarn@4.1.0\". However the current global version\n", "RUN yarn", "corepack enable"),
    ("> ng build\n\n/bin/sh: 1: ng: not found\n", "ENV NODE_ENV=production\nRUN npm ci\nRUN npm run build", "npm ci --include=dev"),
    ("Error: Cannot find module 'tinyify'\n", "RUN npm install --production\nRUN npm run build", "npm install"),
    ("/bin/sh: 1: pnpm: not found\n", "RUN pnpm install", "npm install -g pnpm"),
    ("$ jest\n/bin/sh: 1: jest: not found\n", "RUN yarn test", "yarn install"),
]  # fmt: skip


@pytest.mark.parametrize(("log", "run", "command"), COMMANDS, ids=lambda value: value[:40])
def test_a_command_of_the_dockerfile_is_the_cause(log: str, run: str, command: str, tmp_path: Path) -> None:
    """The command to use, in the Dockerfile's own spelling."""
    diagnosis = told(log, context=tmp_path, files={"Dockerfile": f"FROM node:20\nCOPY . .\n{run}\n"})
    assert answer(diagnosis) == ("edit_run_command", (command,))


SYSTEM = [
    ("gyp ERR! find Python You need to install the latest version of Python.\n", "node:18-alpine", ("python3", "make", "g++")),
    (
        "Traceback (most recent call last):\n  File \"/app/node_modules/node-gyp/gyp/gyp_main.py\", line 42, in <module>\n"
        "    import gyp\nModuleNotFoundError: No module named 'distutils'\ngyp ERR! configure error \n"
        "gyp ERR! stack Error: `gyp` failed with exit code: 1\n",
        "node:20-alpine",
        ("py3-setuptools",),
    ),
    ("gyp ERR! stack Error: not found: make\n", "node:18-slim", ("make", "g++")),
    ("npm ERR! code ENOENT\nnpm ERR! syscall spawn git\nnpm ERR! path git\n", "node:18-alpine", ("git",)),
    ("/bin/sh: npm: not found\n", "alpine", ("npm", "nodejs")),
    ("/usr/bin/env: 'node': No such file or directory\n", "python:3.12", ("nodejs",)),
]  # fmt: skip


@pytest.mark.parametrize(("log", "image", "names"), SYSTEM, ids=lambda value: value[:40])
def test_what_the_operating_system_lacks(log: str, image: str, names: tuple[str, ...]) -> None:
    """By the names of the image's own packages."""
    assert answer(told(log, image=image)) == ("add_system_package", names)


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ("x/lib/y.js", "x"), ("@a/b/c", "@a/b"), ("./x", ""), ("/x", ""), ("@/x", ""), ("~/x", ""), ("#x", ""),
        ("@a", ""), ("style-loader!css-loader", "css-loader"), ("a?raw", "a"), ("..", ""), ("", ""), ("a\\b", ""),
    ],
)  # fmt: skip
def test_the_package_in_a_request(request_: str, name: str) -> None:
    """Scopes, subpaths, loaders and queries."""
    assert name_in(request_) == name


@pytest.mark.parametrize(
    ("wanted", "present", "found"),
    [
        (">=18", "16", "18"), ("^12.20.0 || >=14", "10", "12"), (">= 14.x <17", "12", "14"), ("<=14", "18", "14"),
        (">=10 <= 12", "8", "10"), ("16.13.x", "18", "16.13"), ("nonsense", "18", ""), ("4 || 6", "12", "6"),
    ],
)  # fmt: skip
def test_the_nearest_release_line_is_chosen(wanted: str, present: str, found: str) -> None:
    """Upwards first; npm's ranges as people write them."""
    assert suitable(wanted, present) == found


@pytest.mark.parametrize(
    ("image", "major", "new"),
    [
        ("node", "16", "node:16"), ("node:lts-alpine", "16", "node:16-alpine"),
        ("docker.io/library/node:20.1.0-bookworm-slim", "14", "docker.io/library/node:14-buster-slim"),
        ("node:8-stretch", "20", "node:20-bookworm"), ("mhart/alpine-node:10", "20", None), ("nginx", "20", None),
    ],
)  # fmt: skip
def test_an_image_reference_keeps_its_variant(image: str, major: str, new: str | None) -> None:
    """Debian releases that a Node is not published for are changed with it."""
    assert with_release(image, major) == new


def test_the_knowledge_answers() -> None:
    """One question for each table."""
    assert package_of_command("ng") == "@angular/cli"
    assert package_of_command("rm") is None
    assert types_package("@babel/core") == "@types/babel__core"
    assert builtin_since("fs/promises") == "14.0.0"
    assert builtin_since("test") is None
    assert api_since("(0 , fs_1.rmSync)") == "14.14.0"
    assert newest_node_for_sass("4.14.1") == 14
    assert popular_near("expresss-sesion") == "express-session"
    assert popular_near("my-company-logger") is None


def test_hostile_lines_cost_no_time() -> None:
    """No pattern goes exponential on what a container can print."""
    beginnings = (
        "npm install --save ", "Cannot find module '", "404 '", "error TS2307: ", "Please install ", "YN0035: ",
        "No matching version found for ", "requires Node ", "TypeError: ", "The requested module '", "sh: ",
    )  # fmt: skip
    tails = ("a" * 1900 + "!", "a " * 900, "a@" * 900, "'" * 1900, "1 " * 900, "/a" * 900)
    log = "".join(f"Error: {start}{tail}\n" for start in beginnings for tail in tails)
    begun = time.monotonic()
    told(log, phase=Phase.RUN)
    assert time.monotonic() - begun < 5
