"""npm, yarn and pnpm in Dockerfiles: what they install, and edits of the commands and of the base image."""

from __future__ import annotations

import pytest

from activities.manifests.dockerfile import add_system_packages, parse
from activities.manifests.dockerfile_edits import change_base_image
from activities.manifests.errors import ManifestError
from activities.manifests.node_commands import (
    add_packages,
    insert_command,
    installing_stage,
    node_installs,
    replace_command,
)


def install(run: str, before: str = "") -> tuple[str, bool, bool, tuple[str, ...]]:
    """(tool and verb, development dependencies left out, global, packages) of one RUN."""
    (one,) = node_installs(parse(f"FROM node:20\n{before}RUN {run}\n"))
    return one.text, one.skips_dev, one.is_global, tuple(word.text for word in one.packages)


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("npm install", ("npm install", False, False, ())),
        ("npm ci --omit=dev", ("npm ci", True, False, ())),
        ("npm install --production && npm cache clean", ("npm install", True, False, ())),
        ("npm ci --only production", ("npm ci", True, False, ())),
        ("NODE_ENV=production npm install", ("npm install", True, False, ())),
        ("cd /app; yarn", ("yarn", False, False, ())),
        ("yarn install --production=false", ("yarn install", False, False, ())),
        ("yarn global add serve", ("yarn add", False, True, ("serve",))),
        ("npm i -g pm2@5 @nestjs/cli", ("npm i", False, True, ("pm2@5", "@nestjs/cli"))),
        ("pnpm install --frozen-lockfile --prod", ("pnpm install", True, False, ())),
        ("npm install express@4 ./local", ("npm install", False, False, ("express@4",))),
    ],
)
def test_installs_are_read(run: str, expected: tuple[str, bool, bool, tuple[str, ...]]) -> None:
    """In the spellings of everyday Dockerfiles."""
    assert install(run) == expected


@pytest.mark.parametrize(
    ("before", "skips"),
    [
        ("ENV NODE_ENV production\n", True),
        ("ARG NODE_ENV=production\nENV NODE_ENV $NODE_ENV\n", True),
        ("ENV NODE_ENV=development\n", False),
        ("ENV NODE_ENV=production\nENV NODE_ENV=development\n", False),
    ],
)
def test_node_env_leaves_development_dependencies_out(before: str, skips: bool) -> None:
    """As npm and yarn 1 do; the last value counts."""
    assert install("npm install", before)[1] is skips


def test_a_command_is_replaced_where_it_is_a_command() -> None:
    """`npm ci` in the middle of a script goes, its options stay, other words are left alone."""
    text = 'FROM node:20\n# npm ci\nRUN echo "npm ci" \\\n    && npm ci --omit=dev\nRUN npm cite\n'
    assert replace_command(text, "npm ci", "npm install") == text.replace("&& npm ci", "&& npm install")


def test_a_command_that_is_not_there_is_not_replaced() -> None:
    """The plan must not promise what it cannot write."""
    with pytest.raises(ManifestError, match="no RUN"):
        replace_command("FROM node:20\nRUN yarn\n", "npm ci", "npm install")


@pytest.mark.parametrize(
    ("command", "before"),
    [
        ("yarn install", "RUN yarn test"),
        ("corepack enable", "RUN yarn test"),
        ("npm install -g yarn", "RUN yarn test"),
    ],
)
def test_a_command_is_put_before_what_needs_it(command: str, before: str) -> None:
    """Behind the copies, with the file's own line ends."""
    text = "FROM node:20\r\nWORKDIR /app\r\nCOPY . .\r\nRUN yarn test\r\n"
    assert insert_command(text, command) == text.replace(before, f"RUN {command}\r\n{before}")


def test_an_install_goes_before_the_start_command_where_nothing_else_runs() -> None:
    """A Dockerfile that only copies and starts."""
    text = 'FROM node:20\nCOPY . .\nCMD ["node", "server.js"]\n'
    assert insert_command(text, "npm install") == text.replace("CMD", "RUN npm install\nCMD")


def test_a_package_joins_the_install_that_names_packages() -> None:
    """For services without package.json; a range is quoted for the shell."""
    text = "FROM node:20\nRUN npm install -g nodemon\nRUN npm install express cors\n"
    assert add_packages(text, ["pg@^8"]) == text.replace("express cors", "express cors 'pg@^8'")
    assert add_packages(text, ["cors"]) == text


def test_system_packages_go_to_the_stage_that_installs_and_before_it() -> None:
    """Not into the web server that serves the result, and not behind the failing install."""
    text = "FROM node:20-alpine AS build\nCOPY . .\nRUN npm ci\nRUN apk add curl\nFROM nginx:alpine\n"
    text += "COPY --from=build /a /b\n"
    stage = installing_stage(text)
    assert stage == "0"
    after = add_system_packages(text, ["python3"], stage=stage)
    assert after.index("python3") < after.index("npm ci")


@pytest.mark.parametrize(
    ("text", "old", "new", "expected"),
    [
        ("FROM node:16 AS a\nFROM node:16\n", "node:16", "node:18", "FROM node:18 AS a\nFROM node:18\n"),
        (
            "FROM --platform=linux/amd64 node\r\n",
            "node",
            "node:16",
            "FROM --platform=linux/amd64 node:16\r\n",
        ),
        (
            "ARG V=16\nFROM node:${V}-alpine\n",
            "node:16-alpine",
            "node:18-alpine",
            "ARG V=18\nFROM node:${V}-alpine\n",
        ),
    ],
)
def test_the_base_image_is_changed(text: str, old: str, new: str, expected: str) -> None:
    """In every stage that stands on it, or in the argument it is made of."""
    assert change_base_image(text, new, old) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FROM debian\n", "no stage"),
        ("FROM node:16\nRUN x\n", "not a valid image reference"),
    ],
)
def test_an_unclear_base_image_is_refused(text: str, words: str) -> None:
    """A stage that is not there; a reference with blanks."""
    new = "node:18 x" if words.startswith("not a") else "node:18"
    with pytest.raises(ManifestError, match=words):
        change_base_image(text, new, "node:16")


def test_a_generator_goes_behind_the_install() -> None:
    """What `npx` runs is a package's own command."""
    text = 'FROM node:20\nCOPY . .\nRUN npm ci\nRUN npm run build\nCMD ["npm", "start"]\n'
    assert insert_command(text, "npx prisma generate") == text.replace(
        "RUN npm run", "RUN npx prisma generate\nRUN npm run"
    )
