"""The operating system's rules: what compilers, shells, package managers and registries say."""

from pathlib import Path

import pytest

from activities.diagnosis.diagnose import Decision
from activities.diagnosis.evidence import Phase
from tests.unit.system_asking import NO_FILE, NODE, PY_ALPINE, SLIM, UBUNTU, ask

COMPILING = [
    (UBUNTU, f"a.c:3:10: fatal error: ncurses.h: {NO_FILE}", "libncurses-dev"),
    (UBUNTU, f"a.cpp:1:10: fatal error: boost/asio.hpp: {NO_FILE}", "libboost-dev"),
    (UBUNTU, "x.c:2:10: fatal error: 'openssl/ssl.h' file not found", "libssl-dev"),
    (UBUNTU, f"a.cpp:5:10: fatal error: Eigen/Dense: {NO_FILE}", "libeigen3-dev"),
    (UBUNTU, f"a.c:1:10: fatal error: systemd/sd-daemon.h: {NO_FILE}", "libsystemd-dev"),
    (UBUNTU, "/usr/bin/ld: cannot find -lpq", "libpq-dev"),
    (UBUNTU, f"/usr/bin/ld: cannot find -lsqlite3: {NO_FILE}", "libsqlite3-dev"),
    (UBUNTU, "No package 'dbus-1' found", "libdbus-1-dev pkg-config"),
    (
        UBUNTU,
        'meson.build:1:0: ERROR: Dependency "gtk4" not found, tried pkgconfig',
        "libgtk-4-dev pkg-config",
    ),
    (
        UBUNTU,
        "CMake Error at a.cmake:1 (message):\n  Could NOT find CURL (missing: X)",
        "libcurl4-openssl-dev",
    ),
    (UBUNTU, "configure: error: libxml2 not found. Please check your installation.", "libxml2-dev"),
    (UBUNTU, "/bin/sh: 1: flex: not found", "flex"),
    (UBUNTU, "/bin/bash: line 1: bison: command not found", "bison"),
    (UBUNTU, "make: yasm: Command not found", "yasm"),
    (UBUNTU, f"tar (child): xz: Cannot exec: {NO_FILE}", "xz-utils"),
    (SLIM, "error: can't find Rust compiler", "build-essential cargo"),
    (SLIM, "Package 'mariadb' not found\nCan not find valid pkg-config name.", "default-libmysqlclient-dev"),
    (SLIM, f"m.c:1:10: fatal error: magic.h: {NO_FILE}", "libmagic-dev"),
    (PY_ALPINE, f"fatal error: sys/queue.h: {NO_FILE}", "bsd-compat-headers"),
    (PY_ALPINE, f"fatal error: linux/limits.h: {NO_FILE}", "linux-headers"),
    (PY_ALPINE, "/bin/sh: bash: not found", "bash"),
    ("FROM centos:7\nRUN make\n", "/bin/sh: make: command not found", "make"),
    ("FROM fedora:40\nRUN make\n", f"fatal error: openssl/ssl.h: {NO_FILE}", "openssl-devel"),
]


@pytest.mark.parametrize(("dockerfile", "log", "packages"), COMPILING)
def test_what_a_build_lacks(tmp_path: Path, dockerfile: str, log: str, packages: str) -> None:
    """Header, library, description or tool: the package that holds it, under this manager's name."""
    result = ask(tmp_path, log, dockerfile)
    assert result.decision is Decision.FIX, result.reason
    assert result.findings[0].kind == "add_system_package"
    assert set(packages.split()) <= set(result.findings[0].names)


PY_CALL = 'Traceback (most recent call last):\n  File "/app/a.py", line 1, in <module>\n    run()\n'
RUNNING = [
    (SLIM, f"ImportError: libxcb.so.1: cannot open shared object file: {NO_FILE}", "libxcb1"),
    (
        NODE,
        f"a: error while loading shared libraries: libnss3.so: cannot open shared object file: {NO_FILE}",
        "libnss3",
    ),
    (
        "FROM alpine\n",
        f"Error loading shared library ld-linux-x86-64.so.2: {NO_FILE} (needed by /a)",
        "gcompat",
    ),
    (NODE, "Error: spawn ffmpeg ENOENT", "ffmpeg"),
    (SLIM, PY_CALL + f"FileNotFoundError: [Errno 2] {NO_FILE}: 'pdftotext'", "poppler-utils"),
    (SLIM, PY_CALL + f"FileNotFoundError: [Errno 2] {NO_FILE}: 'java'", "default-jre-headless"),
    ("FROM eclipse-temurin:17-jre\n", 'Cannot run program "dot": error=2', "graphviz"),
    ("FROM alpine:3.19\n", "panic: time: missing Location in call to Time.In", "tzdata"),
    ("FROM debian:bookworm-slim\n", "x509: certificate signed by unknown authority", "ca-certificates"),
    (SLIM, "/bin/sh: 1: ping: not found", "iputils-ping"),
    (NODE, 'exec: "curl": executable file not found in $PATH: unknown', "curl"),
    ("FROM alpine\n", 'exec: \\"curl\\": executable file not found in $PATH', "curl"),
]


@pytest.mark.parametrize(("dockerfile", "log", "packages"), RUNNING)
def test_what_a_running_service_lacks(tmp_path: Path, dockerfile: str, log: str, packages: str) -> None:
    """Libraries, tools that the program or the health check calls, time zones, certificates."""
    result = ask(tmp_path, log, dockerfile, Phase.RUN)
    assert result.decision is Decision.FIX, result.reason
    assert result.findings[0].names == tuple(packages.split())


APT = "FROM {}\nRUN apt-get update && apt-get install -y {}\n"
APK = "FROM {}\nRUN apk add {}\n"
NONE = "  {0} (no such package):\n    required by: world[{0}]\n"
NO_RELEASE = "E: The repository '{} Release' does not have a Release file."
MANAGERS = [
    (APK.format("alpine:3.7", "openssl-dev"), "ERROR: unsatisfiable constraints:\n  openssl-dev-1.0.2o-r0:\n"
     "    conflicts:\n      libressl-dev-2.6.5-r0[pc:libssl=1.0.2o]\n    satisfies: world[openssl-dev]",
     "replace_system_package", "openssl-dev libressl-dev"),
    (APT.format("debian:bookworm", "netcat"), "E: Package 'netcat' has no installation candidate",
     "replace_system_package", "netcat netcat-openbsd"),
    (APT.format("debian:bookworm", "build-base"), "E: Unable to locate package build-base",
     "replace_system_package", "build-base build-essential"),
    (APT.format("ubuntu:latest", "python-pip"), "E: Unable to locate package python-pip",
     "change_base_image", "ubuntu:18.04"),
    (APT.format("ubuntu:22.04", "python-pip"), "E: Unable to locate package python-pip",
     "replace_system_package", "python-pip python3-pip"),
    (APT.format("python:3.10", "openjdk-11-jre"), "E: Unable to locate package openjdk-11-jre",
     "change_base_image", "python:3.10-bullseye"),
    (APT.format("debian:12", "curl=1"), "E: Version '1' for 'curl' was not found",
     "change_system_package_pin", "curl"),
    ("FROM debian:12\nRUN apt-get install -y curl\n",
     "Step 2/2 : RUN apt-get install -y curl\nE: Unable to locate package curl", "edit_run_command",
     "apt-get update|apt-get install"),
    (APT.format("ubuntu:21.10", "x"), NO_RELEASE.format("http://a/ubuntu impish"),
     "change_base_image", "ubuntu:22.04"),
    (APK.format("alpine", "nodejs-npm"), "ERROR: unable to select packages:\n" + NONE.format("nodejs-npm"),
     "replace_system_package", "nodejs-npm npm"),
    (APK.format("alpine", "php7"), "ERROR: unable to select packages:\n" + NONE.format("php7"),
     "change_base_image", "alpine:3.15"),
    (APK.format("alpine:3.10", "ruby=2.5.7-r0"),
     "ERROR: unable to select packages:\n  ruby-2.5.9-r0:\n    breaks: world[ruby=2.5.7-r0]",
     "change_system_package_pin", "ruby"),
    ("FROM centos:8\nRUN yum install -y git\n",
     "Error: Failed to download metadata for repo 'appstream': No URLs in mirrorlist",
     "change_base_image", "almalinux:8"),
    ("FROM fedora:40\nRUN dnf install -y libssl-dev\n", "Error: Unable to find a match: libssl-dev",
     "replace_system_package", "libssl-dev openssl-devel"),
    ("FROM vault:latest\n", "manifest for vault:latest not found: manifest unknown", "change_base_image",
     "hashicorp/vault:latest"),
    ("FROM python:3.5\nRUN pip install x\n", "Package 'a' requires a different Python: 3.5.9 not in '>=3.6'",
     "change_base_image", "python:3.6"),
]  # fmt: skip


@pytest.mark.parametrize(("dockerfile", "log", "kind", "names"), MANAGERS)
def test_what_a_package_manager_or_registry_does_not_find(
    tmp_path: Path, dockerfile: str, log: str, kind: str, names: str
) -> None:
    """Renamed, gone, pinned away, its release retired; the edit is tried before it is promised."""
    result = ask(tmp_path, log, dockerfile)
    assert result.decision is Decision.FIX, result.reason
    wanted = tuple(names.split("|") if "|" in names else names.split())
    assert (result.findings[0].kind, result.findings[0].names) == (kind, wanted)


LEFT_ALONE = [
    (APT.format("ubuntu:22.04", "x"), NO_RELEASE.format("https://p/x/ppa/ubuntu jammy"), "apt_package"),
    (APT.format("ubuntu:24.04", "x"), NO_RELEASE.format("http://a/ubuntu noble"),
     "apt_package"),
    (NODE, "npm ERR! request to https://a failed, reason: unable to get local issuer certificate",
     "certificate"),
    (NODE, 'failed to do request: "https://r/v2/a": x509: certificate signed by unknown authority',
     "certificate"),
    ("FROM debian:trixie\n", "/bin/sh: 1: apt-key: not found", "not_installable"),
    ("FROM alpine\n", "/bin/sh: apt-get: not found", "not_installable"),
    (NODE, "/bin/sh: 1: source: not found", "not_installable"),
    (NODE, "CMake 3.18 or higher is required.  You are running version 3.16.3", "too_old"),
    (UBUNTU, f"a.c:1:10: fatal error: mylib.h: {NO_FILE}", "unknown_header"),
    (UBUNTU, f"a.c:1:10: fatal error: config.h: {NO_FILE}", "unknown_header"),
    (UBUNTU, "/usr/bin/ld: cannot find -lourown", "link"),
    (UBUNTU, "sh: 1: our-own-tool: not found", "unknown_command"),
    (APT.format("debian:12", "x"), "E: Unable to locate package our-own-tool", "apt_package"),
    (APT.format("debian:12", "x"), "W: Temporary failure resolving 'a'\nE: Unable to locate package curl",
     "network"),
    (APK.format("alpine", "git"), "WARNING: temporary error\nERROR: unable to select packages:\n"
     + NONE.format("git"), "network"),
    ("FROM node:8-stretch\n", NO_RELEASE.format("http://a/debian stretch"),
     "apt_package"),
    ("FROM mycorp/base:1\n", "manifest for mycorp/base:1 not found: manifest unknown", "base_image"),
    ("FROM scratch\n", "x509: certificate signed by unknown authority", "certificate"),
    ("FROM alpine\nCOPY a b\n", 'failed to compute cache key: "/a": not found', "build_context"),
    (NODE, "Killed\nThe command '/bin/sh -c npm ci' returned a non-zero code: 137", "out_of_memory"),
    (NODE, "toomanyrequests: You have reached your pull rate limit.", "rate_limit"),
    (NODE, "curl: (22) The requested URL returned error: 502 Bad Gateway", "server_error"),
    (NODE, "Dockerfile parse error line 3: unknown instruction: &&", "dockerfile_syntax"),
    (NODE, "W: GPG error: x InRelease: couldn't be verified: NO_PUBKEY 2FD21310B49F6B46", "signature"),
    (NODE, "E: Unable to correct problems, you have held broken packages.", "held_packages"),
    (NODE, "x.tar.gz: FAILED\nsha256sum: WARNING: 1 computed checksum did NOT match", "checksum"),
    (NODE, "fatal: could not read Username for 'https://a/': No such device or address", "private_module"),
    (NODE, "no matching manifest for linux/arm64/v8 in the manifest list entries", "platform"),
    (NODE, "FAIL src/app.test.js\nTests:       1 failed, 3 passed, 4 total", "own_tests"),
]  # fmt: skip


@pytest.mark.parametrize(("dockerfile", "log", "rule"), LEFT_ALONE)
def test_what_no_change_of_ours_cures(tmp_path: Path, dockerfile: str, log: str, rule: str) -> None:
    """The true cause by name, with the line that says so."""
    result = ask(tmp_path, log, dockerfile)
    assert result.decision is Decision.DECLINE, result.findings
    assert result.findings[0].rule.split(".")[1] == rule, result.reason
    assert result.findings[0].quotes


@pytest.mark.parametrize(
    ("log", "rule"),
    [
        ('Bind for 0.0.0.0:80 failed: port is already allocated', "address_in_use"),
        ("Error: Database is uninitialized and superuser password is not specified.", "missing_setting"),
        ('nginx: [emerg] host not found in upstream "php" in a.conf:16', "connection_refused"),
        ('FATAL:  password authentication failed for user "postgres"', "authentication"),
        ('exec: "/entrypoint.sh": permission denied: unknown.', "permission_denied"),
        ('exec /app: exec format error', "exec_format"),
        ("/usr/bin/env: 'bash\\r': No such file or directory", "line_ends"),
        ("java.lang.OutOfMemoryError: Java heap space", "memory"),
        ("OSError: [Errno 28] No space left on device", "disk_full"),
        ("locale.Error: unsupported locale setting", "locale"),
    ],
)  # fmt: skip
def test_what_a_service_dies_of_beyond_its_image(tmp_path: Path, log: str, rule: str) -> None:
    """Ports, secrets, neighbours, memory, disks: nothing to install."""
    result = ask(tmp_path, log, NODE, Phase.RUN)
    assert result.decision is Decision.DECLINE, result.findings
    assert result.findings[0].rule.partition(".")[2] == rule, result.reason
