"""The Compose project and the one service a run may change, as measured by preflight."""

from workflows.models.base import Model


class ComposeProject(Model):
    """How Compose must be called: exactly as the running containers say it was (COMPOSE fact 2)."""

    name: str
    working_dir: str
    config_files: tuple[str, ...]
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    """Names of variables that Compose may see from the worker's environment."""


class BuildSpec(Model):
    """Where the service's image comes from; both paths are absolute."""

    context: str
    dockerfile: str
    target: str | None = None
    """The stage Compose builds; None for the last one."""


class Target(Model):
    """The one service of the run, and where its files may be written."""

    project: ComposeProject
    service: str
    image: str
    """The image reference Compose gives the service."""
    build: BuildSpec | None = None
    workspace: str
    """Absolute directory; every path of a diff is relative to it."""
    allow: tuple[str, ...] = ()
    """Globs relative to the workspace: ``*`` stays inside a path segment, ``**`` crosses them."""
    forbidden: tuple[str, ...] = ()
    """Absolute paths that no policy can allow, with all below them: the policy file, the state directory."""
    scale: int = 1
    """Replicas measured (or configured, where no container exists)."""
    config_hash: str = ""
    shares_image_with: tuple[str, ...] = ()
    """Other services of the image: a plain ``up`` after the run recreates them too, which is no surprise."""
