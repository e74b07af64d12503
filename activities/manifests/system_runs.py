"""Which package manager an image has, and the RUN that installs with it."""

from __future__ import annotations

import re

_DEBIAN_FAMILY = re.compile(
    r"^(?:debian|ubuntu|python|node|ruby|golang|php|rust|perl|pypy|buildpack-deps|openjdk|eclipse-temurin|maven"
    r"|gradle|postgres|redis|nginx|httpd|mysql|mongo|erlang|elixir|julia|r-base|gcc|haskell|tomcat|jenkins|uv)$"
)
_SUITES = re.compile(
    r"bookworm|bullseye|buster|stretch|trixie|debian|ubuntu|xenial|bionic|jammy|noble|focal|-slim\b"
)
_RED_HAT = re.compile(
    r"(?:^|/)(?:centos|fedora|rockylinux|almalinux|amazonlinux|oraclelinux|scientificlinux|redhat|ubi\d*)"
    r"(?:$|[:/-])|(?:^|/)ubi\d*/"
)
_YUM_ONLY = re.compile(r"(?:centos:(?:centos)?[67]|amazonlinux:(?:1|2)\b|oraclelinux:[67]|scientificlinux)")
_NEITHER = re.compile(r"distroless|scratch|busybox|windows")


_OWN_USERS = (
    (re.compile(r"(?:^|/)jenkins/(?:jenkins|inbound-agent|agent|ssh-agent)(?:$|[:@])"), "jenkins"),
    (re.compile(r"(?:^|/)bitnami(?:legacy)?/"), "1001"),
    (re.compile(r"(?:^|/)(?:cimg|circleci)/"), "circleci"),
    (re.compile(r"(?:^|/)selenium/"), "seluser"),
    (re.compile(r"(?:^|/)jupyter/"), "${NB_UID}"),
    (re.compile(r"(?:^|/)apache/airflow(?:$|[:@])"), "airflow"),
    (re.compile(r"(?:^|/)apache/superset(?:$|[:@])"), "superset"),
    (re.compile(r"(?:^|/)apache/spark(?:-py)?(?:$|[:@])"), "spark"),
    (re.compile(r"(?:^|/)elasticsearch(?:$|[:@])|(?:^|/)elasticsearch/elasticsearch"), "elasticsearch"),
    (re.compile(r"(?:^|/)nginxinc/nginx-unprivileged(?:$|[:@])"), "nginx"),
)
"""Images that do not run as root, and whom they run as; from their own Dockerfiles."""


def user_of_image(image: str) -> str:
    """Whom an image runs as by default, '' for root or an image that is not on record."""
    return next((user for pattern, user in _OWN_USERS if pattern.search(image)), "")


def manager_of_image(image: str) -> str | None:
    """`apt`, `apk` or `yum` by an image's name, None where the name does not tell."""
    plain = image.split("@", 1)[0]
    path, _, tag = plain.rpartition(":") if ":" in plain.rsplit("/", 1)[-1] else (plain, "", "")
    if _NEITHER.search(image):
        return None
    if "alpine" in image:
        return "apk"
    if _RED_HAT.search(plain):
        return "yum"
    if re.search(r"oracle|-ol\d", image):
        return None
    known = _DEBIAN_FAMILY.match(path.rsplit("/", 1)[-1])
    return "apt" if known or _SUITES.search(f"{path}:{tag}") else None


def install_run(manager: str, image: str, names: list[str], escape: str, end: str) -> str:
    """A RUN that installs `names` (in this order), with line end; `escape` continues a line."""
    if manager == "apk":
        return f"RUN apk add --no-cache {' '.join(names)}{end}"
    if manager == "yum":
        tool = _red_hat_tool(image)
        return f"RUN {tool} install -y {' '.join(names)} {escape}{end}    && {tool} clean all{end}"
    packages = "".join(f" {escape}{end}        {name}" for name in names)
    return (
        f"RUN apt-get update {escape}{end}    && apt-get install -y --no-install-recommends{packages}"
        f" {escape}{end}    && rm -rf /var/lib/apt/lists/*{end}"
    )


def _red_hat_tool(image: str) -> str:
    if re.search(r"ubi\d*-minimal|ubi-minimal|micro", image):
        return "microdnf"
    return "yum" if _YUM_ONLY.search(image) else "dnf"
