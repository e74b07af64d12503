"""A log without its story: build or running service."""

import pytest

from activities.diagnosis.evidence import Phase
from activities.diagnosis.phase_guess import guess_phase

BUILD = {
    "buildkit": '#9 12.41 error: boom\n#9 ERROR: process "/bin/sh -c make" did not complete successfully\n',
    "buildkit-summary": " > [api 4/7] RUN pip install -r requirements.txt:\n0.913 something odd\n",
    "legacy": "Step 3/9 : RUN make\n ---> Running in 12ab34cd56ef\nboom\n",
    "legacy-end": "boom\nThe command '/bin/sh -c make' returned a non-zero code: 2\n",
    "apt": "E: Unable to locate package python-pip\n",
    "apk": "ERROR: unable to select packages:\n  libgl (no such package):\n",
    "pip": "ERROR: No matching distribution found for flsk\n",
    "pip-old": "Command errored out with exit status 1: python setup.py egg_info\n",
    "npm": "npm error code ERESOLVE\nnpm error ERESOLVE unable to resolve dependency tree\n",
    "npm-ci": "npm ERR! `npm ci` can only install packages when your package.json is in sync\n",
    "gyp": "gyp ERR! find Python\n",
    "go": "main.go:3:8: no required module provides package github.com/gin-gonic/gin\n",
    "bundler": "An error occurred while installing pg (1.5.4), and Bundler cannot continue.\n",
    "rust": "error[E0432]: unresolved import `serde`\n",
    "maven": "[ERROR] Failed to execute goal org.apache.maven.plugins:maven-compiler-plugin\n",
    "composer": "Your requirements could not be resolved to an installable set of packages.\n",
    "header": "src/a.c:1:10: fatal error: zlib.h: No such file or directory\n",
    "buildkit-times": "138.7 Error: error:0308010C:digital envelope routines::unsupported\n",
    "go-version": "go: go.mod requires go >= 1.23 (running go 1.20; GOTOOLCHAIN=local)\n",
    "java": "/app/src/App.java:4: error: cannot find symbol\n",
    "php-extension": "  Problem 1\n    - mpdf/mpdf v8.0.0 requires ext-gd * -> it is missing.\n",
    "cargo": "error: linker `cc` not found\n",
    "bundler-platform": 'Your bundle only supports platforms ["x86_64-darwin-19"]\n',
    "vite": 'error during build:\n[vite]: Rollup failed to resolve import "a" from "b".\n',
    "timestamps": "2026-11-26T10:00:00.123456789Z Step 1/2 : FROM scratch\n",
    "colours": "\x1b[91mE: Unable to locate package x\x1b[0m\n",
}
RUN = {
    "traceback": 'Traceback (most recent call last):\n  File "/app/a.py", line 1\nValueError: x\n',
    "node": "Error: Cannot find module 'mongoose'\nRequire stack:\n- /app/server.js\n",
    "npm-start": 'npm error Missing script: "start"\n',
    "compose-old": "web_1  | npm ERR! code E404\n",
    "docker-file": '{"log":"npm ERR! code E404\\n","stream":"stderr","time":"t"}\n',
    "compose": "api-1  | Traceback (most recent call last):\n",
    "installed-then-served": "Collecting flask\nSuccessfully installed\nListening on 0.0.0.0:80\nboom\n",
    "oci": "Error response from daemon: failed to create task for container: exec: not found\n",
    "frozen": '  File "<frozen importlib._bootstrap>", line 1204, in _gcd_import\nKeyError: 1\n',
    "logger": "[ERROR] 2026-11-26 payment failed\n",
    "go-panic": "panic: x\n\t/go/pkg/mod/github.com/a/b@v1/c.go:12 +0x1d\n",
    "go-log": "main.go:12: cannot connect\n",
    "dev-server": "> svc@1.0.0 dev\n> ng serve\n\nsh: 1: ng: not found\n",
    "empty": "",
    "prose": "something went wrong\n",
}


@pytest.mark.parametrize("name", BUILD)
def test_tools_of_a_build_are_known(name: str) -> None:
    """Their words appear in no service's log."""
    assert guess_phase(BUILD[name]) is Phase.BUILD


@pytest.mark.parametrize("name", RUN)
def test_everything_else_is_a_running_service(name: str) -> None:
    """Also where an installer spoke before the service did."""
    assert guess_phase(RUN[name]) is Phase.RUN


def test_many_more_lines_cost_nothing() -> None:
    """Only the end is looked at."""
    assert guess_phase("E: broken\n" + "fine\n" * 100_000) is Phase.RUN
