"""Node's rules with a project to look at: package.json, Dockerfile, sources and aliases decide."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from activities.diagnosis.diagnose import Decision, scan
from activities.diagnosis.evidence import Evidence, Phase
from tests.unit.node_told import DOCKERFILE, PLAIN, answer, told
from workflows.models.finding import FindingOrigin

PATHS = [
    ("Error: Cannot find module 'webpack-cli/bin/config-yargs'\n", {}, "webpack-cli@^3.3.12"),
    ("These dependencies were not found:\n\n* core-js/modules/es6.array.iterator in ./src/a.js\n", {}, "core-js@^2.6.12"),
    ("Error: Cannot find module 'uuid/v4'\n", {"uuid": "^9.0.0"}, "uuid@^3.4.0"),
    ("Error [ERR_PACKAGE_PATH_NOT_EXPORTED]: Package subpath './v4' is not defined by \"exports\" in /app/node_modules/uuid/package.json\n", {"uuid": "^9.0.0"}, "uuid@^3.4.0"),
    ("Module not found: Error: Can't resolve 'react-dom/client' in '/app/src'\n", {"react-dom": "^17.0.2"}, "react-dom@^18.2.0"),
]  # fmt: skip


@pytest.mark.parametrize(("log", "asked", "name"), PATHS, ids=lambda value: str(value)[:40])
def test_a_path_that_only_some_releases_have(
    log: str, asked: dict[str, str], name: str, tmp_path: Path
) -> None:
    """The package is there, and its release is the cause."""
    files = {"package.json": json.dumps({"dependencies": asked}, indent=2)} if asked else {}
    diagnosis = told(log, context=tmp_path if asked else None, files=files)
    assert answer(diagnosis) == ("change_node_version_pin", (name,))


def test_an_unknown_path_of_a_declared_package_is_left_alone(tmp_path: Path) -> None:
    """Building again would change nothing."""
    files = {"package.json": json.dumps(PLAIN), "Dockerfile": DOCKERFILE}
    log = "Error: Cannot find module 'express/lib/gone'\n"
    found = told(log, phase=Phase.RUN, context=tmp_path, files=files).findings[0]
    assert found.rule == "node.no_such_path"


def test_an_option_and_node_env_are_both_answered(tmp_path: Path) -> None:
    """Without the option NODE_ENV alone would still leave them out."""
    text = "FROM node:20\nENV NODE_ENV=production\nRUN npm ci --only=production\nRUN npm run build\n"
    files = {"package.json": json.dumps({"devDependencies": {"typescript": "^5"}}), "Dockerfile": text}
    found = told("> tsc\n\nsh: tsc: not found\n", context=tmp_path, files=files).findings[0]
    assert (found.names, found.replaces) == (("npm ci --include=dev",), "npm ci --only=production")


def test_a_service_without_package_json_gets_packages_in_its_dockerfile(tmp_path: Path) -> None:
    """Proven and scanned ones alike."""
    files = {
        "Dockerfile": "FROM node:20\nRUN npm install express\nCOPY a.js .\nCMD node a.js\n",
        "a.js": "require('express')\nrequire('cors')\nrequire('morgan')\n",
    }
    diagnosis = told("Error: Cannot find module 'cors'\n", phase=Phase.RUN, context=tmp_path, files=files)
    found = [(finding.names[0], finding.target) for finding in diagnosis.findings]
    assert found == [("cors", "Dockerfile"), ("morgan", "Dockerfile")]


def test_an_image_that_installs_by_itself_is_left_alone(tmp_path: Path) -> None:
    """`onbuild` images and images of one's own may bring the packages along."""
    for image in ("node:8-onbuild", "acme/base:1"):
        files = {"Dockerfile": f"FROM {image}\nCOPY . .\nRUN yarn test\n"}
        found = told("$ jest\n/bin/sh: 1: jest: not found\n", context=tmp_path, files=files).findings[0]
        assert found.rule != "node.never_installed"


def test_a_development_dependency_that_runs_is_moved(tmp_path: Path) -> None:
    """Left out of the image by the install, needed by the service."""
    manifest = {**PLAIN, "devDependencies": {"nodemon": "^3.0.0"}, "scripts": {"start": "nodemon a.js"}}
    files = {
        "package.json": json.dumps(manifest, indent=2),
        "Dockerfile": DOCKERFILE.replace("install", "ci --omit=dev"),
    }
    log = "> nodemon a.js\n\nsh: 1: nodemon: not found\n"
    diagnosis = told(log, phase=Phase.RUN, context=tmp_path, files=files)
    assert answer(diagnosis) == ("move_node_package", ("nodemon",))


def test_a_declared_package_means_an_old_image(tmp_path: Path) -> None:
    """Nothing to write: the image is built again."""
    files = {"package.json": json.dumps(PLAIN), "Dockerfile": DOCKERFILE}
    diagnosis = told("Error: Cannot find module 'express'\n", phase=Phase.RUN, context=tmp_path, files=files)
    assert answer(diagnosis) == ("rebuild", ())


def test_a_misspelt_name_is_corrected_only_where_one_is_meant(tmp_path: Path) -> None:
    """One popular package a typing slip away, declared by the project itself."""
    log = "npm ERR! 404  'lodahs@^4.0.0' is not in this registry.\n"
    wrong = {"package.json": json.dumps({"dependencies": {"lodahs": "^4.0.0"}}, indent=2)}
    assert answer(told(log, context=tmp_path, files=wrong)) == ("rename_node_package", ("lodahs", "lodash"))
    other = {"package.json": json.dumps({"dependencies": {"a": "^4.0.0"}}, indent=2)}
    assert told(log, context=tmp_path, files=other).decision is Decision.DECLINE


def test_names_of_the_project_are_no_packages(tmp_path: Path) -> None:
    """Aliases of tsconfig and of bundlers, base folders and workspaces."""
    files = {
        "package.json": json.dumps({**PLAIN, "workspaces": ["packages/*"]}),
        "packages/a/package.json": json.dumps({"name": "uuid"}),
        "tsconfig.json": '{\n // why\n "compilerOptions": {"baseUrl": "./lib", "paths": {"lodash/*": ["./x/*"]}}}',
        "lib/axios.ts": "",
        "vite.config.ts": "export default { resolve: { alias: { 'moment': '/src' } } }",
    }
    for name in ("uuid", "lodash/x", "axios", "moment"):
        log = f"Module not found: Error: Can't resolve '{name}' in '/app/src'\n"
        found = told(log, context=tmp_path, files=files)
        assert found.findings[0].rule == "node.own_module", name


def test_the_package_goes_to_the_manifest_beside_the_importing_file(tmp_path: Path) -> None:
    """A project of several packages."""
    files = {
        "package.json": json.dumps({"name": "root"}, indent=2),
        "web/package.json": json.dumps({"name": "web"}, indent=2),
    }
    log = "Error: Cannot find module 'cors'\nRequire stack:\n- /srv/web/server.js\n"
    assert told(log, phase=Phase.RUN, context=tmp_path, files=files).findings[0].target == "web/package.json"


def test_versions_follow_the_project(tmp_path: Path) -> None:
    """Published together, asked for together; types carry the release line of what they describe."""
    manifest = {"dependencies": {"react": "^17.0.2", "express": "4.18.2", "@angular/core": "~15.1.0"}}
    files = {"package.json": json.dumps(manifest, indent=2)}
    expected = {"react-dom": "^17.0.2", "@types/express": "^4.0.0", "@angular/forms": "^15.0.0"}
    for name, version in expected.items():
        log = f"Error: Cannot find module '{name}'\n"
        found = told(log, phase=Phase.RUN, context=tmp_path, files=files).findings[0]
        assert (found.names, found.version) == ((name,), version)


def test_the_scan_finds_what_the_sources_import(tmp_path: Path) -> None:
    """Certain imports only; what a lock file installs, types and own files are no needs."""
    sources = {
        "src/a.ts": "import cors from 'cors'\nimport type { X } from 'axios'\nimport './b'\nimport fs from 'node:fs'\n",
        "src/b.js": "try { require('redis') } catch {}\nfunction f() { require('pg') }\nconst m = require('ms')\n",
        "src/c.jsx": "const uuid = require('uuid').v4\nexport * from 'zod'\nimport('dayjs')\n",
        "src/d.test.js": "import jest from 'supertest'\n",
        "node_modules/x/index.js": "require('lodash')\n",
    }  # fmt: skip
    files = {"package.json": json.dumps(PLAIN), "package-lock.json": '{"packages": {"node_modules/ms": {}}}'}
    for name, text in {**sources, **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = scan(Evidence(context=tmp_path, base_image="node:20"))
    assert {finding.names[0] for finding in found} == {"cors", "uuid", "zod"}
    assert {finding.origin for finding in found} == {FindingOrigin.SCAN}
    assert found[0].quotes[0].text == "import cors from 'cors'"
