"""What Compose makes of a project's files, as typed facts. Values of variables are not among them."""

import json
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from workflows.errors import OrchestratorError


def _names(value: object) -> object:
    return tuple(value) if isinstance(value, dict) else value


class ComposeMount(BaseModel):
    """One mount of a service."""

    model_config = ConfigDict(frozen=True)

    type: str = "volume"
    """``bind``, ``volume`` or ``tmpfs``."""
    source: str | None = None
    target: str

    @property
    def anonymous(self) -> bool:
        """A volume without a name: Compose carries it from container to container."""
        return self.type == "volume" and self.source is None


class _Build(BaseModel):
    context: str = "."
    dockerfile: str | None = None
    dockerfile_inline: str | None = None
    target: str | None = None
    tags: tuple[str, ...] = ()


class _Healthcheck(BaseModel):
    disable: bool = False
    test: list[str] | str | None = None


class _Develop(BaseModel):
    watch: list[object] = []


class _Deploy(BaseModel):
    replicas: int | None = None


class _RawService(BaseModel):
    image: str | None = None
    build: _Build | None = None
    container_name: str | None = None
    network_mode: str | None = None
    ipc: str | None = None
    pid: str | None = None
    scale: int | None = None
    deploy: _Deploy | None = None
    depends_on: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    profiles: tuple[str, ...] = ()
    healthcheck: _Healthcheck | None = None
    develop: _Develop | None = None
    volumes: tuple[ComposeMount, ...] = ()


class _RawModel(BaseModel):
    name: str
    services: dict[str, _RawService] = {}


class ComposeService(BaseModel):
    """One service as Compose resolved it."""

    model_config = ConfigDict(frozen=True)

    name: str
    image: str
    """The reference Compose runs; ``<project>-<service>`` where the file names none."""
    names_image: bool = False
    """Whether the compose file itself says ``image:``."""
    build_context: str | None = None
    """Absolute directory or a remote address; None for a service that is not built."""
    dockerfile: str | None = None
    """As written: relative to the context, or absolute."""
    dockerfile_inline: bool = False
    build_target: str | None = None
    """The stage of the Dockerfile that becomes the image; None: the last one."""
    build_tags: tuple[str, ...] = ()
    """Further names that a build gives the image."""
    container_name: str | None = None
    network_mode: str | None = None
    ipc: str | None = None
    pid: str | None = None
    scale: int = 1
    depends_on: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    has_healthcheck: bool = False
    """In the compose file; the image may bring its own."""
    develop_watch: bool = False
    volumes: tuple[ComposeMount, ...] = ()


class ComposeModel(BaseModel):
    """The whole project."""

    model_config = ConfigDict(frozen=True)

    name: str
    services: dict[str, ComposeService]
    unset: tuple[str, ...] = ()
    """Variables the files use that nothing sets; Compose puts blanks in their place."""
    secret_values: frozenset[str] = Field(default=frozenset(), repr=False, exclude=True)
    """Values that must be masked wherever they turn up (I5); never stored."""


def parse_model(text: str, unset: tuple[str, ...], secrets: frozenset[str]) -> ComposeModel:
    """Read the JSON of ``docker compose config``.

    Raises:
        OrchestratorError: ``compose_invalid`` where this is not what Compose 2.30+ prints.
    """
    try:
        raw = _RawModel.model_validate(json.loads(text))
    except (ValueError, ValidationError) as error:  # its text quotes values: say what kind only
        detail = f"docker compose config printed something unexpected ({type(error).__name__})"
        raise OrchestratorError("compose_invalid", detail=detail) from None
    services = {name: _service(raw.name, name, service) for name, service in raw.services.items()}
    return ComposeModel(name=raw.name, services=services, unset=unset, secret_values=secrets)


def _service(project: str, name: str, raw: _RawService) -> ComposeService:
    build = raw.build
    replicas = raw.deploy.replicas if raw.deploy is not None else None
    check = raw.healthcheck
    return ComposeService(
        name=name,
        image=raw.image or f"{project}-{name}",
        names_image=raw.image is not None,
        build_context=build.context if build else None,
        dockerfile=(build.dockerfile or "Dockerfile") if build else None,
        dockerfile_inline=bool(build and build.dockerfile_inline),
        build_target=build.target if build else None,
        build_tags=build.tags if build else (),
        container_name=raw.container_name,
        network_mode=raw.network_mode,
        ipc=raw.ipc,
        pid=raw.pid,
        scale=next((n for n in (raw.scale, replicas) if n is not None), 1),
        depends_on=raw.depends_on,
        profiles=raw.profiles,
        has_healthcheck=bool(check and not check.disable and check.test not in (["NONE"], "NONE")),
        develop_watch=bool(raw.develop and raw.develop.watch),
        volumes=raw.volumes,
    )
