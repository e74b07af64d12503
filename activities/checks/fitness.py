"""Whether this service can be helped in the way that is asked (DESIGN: stacks refused or gated)."""

from pathlib import Path

from activities.adapters.compose_model import ComposeModel, ComposeService
from workflows.errors import OrchestratorError
from workflows.models.request import IntentKind
from workflows.models.snapshot import ServiceSnapshot
from workflows.models.target import Target


def refuse_unfit(service: ComposeService, kind: IntentKind, snapshot: ServiceSnapshot) -> None:
    """Refuse what cannot end as asked; a restart needs an image, everything else local sources.

    Raises:
        OrchestratorError: ``image_missing``, ``image_only_service``, ``dockerfile_inline``,
            ``build_context_remote``, ``build_context_missing``.
    """
    if kind is IntentKind.RESTART:
        if snapshot.image_id is None:
            raise OrchestratorError("image_missing", service=service.name, image=service.image)
        return
    context = service.build_context
    if context is None:
        raise OrchestratorError("image_only_service", service=service.name)
    if service.dockerfile_inline:
        raise OrchestratorError("dockerfile_inline", service=service.name)
    if not Path(context).is_absolute():
        raise OrchestratorError("build_context_remote", service=service.name, context=_without_login(context))
    if not Path(context).is_dir():
        raise OrchestratorError("build_context_missing", service=service.name, context=context)


def refuse_shared_namespace(model: ComposeModel, service: ComposeService) -> None:
    """Refuse a service in whose namespaces another one lives: that one would lose them for good.

    Raises:
        OrchestratorError: ``shared_namespace`` with the names.
    """
    container = service.container_name or f"{model.name}-{service.name}-1"
    modes = {f"service:{service.name}", f"container:{container}"}
    names = sorted(
        other.name
        for other in model.services.values()
        if other.name != service.name and modes & {other.network_mode, other.ipc, other.pid}
    )
    if names:
        raise OrchestratorError(
            "shared_namespace", service=service.name, names=", ".join(names), recreate=" ".join(names)
        )


def cautions(service: ComposeService, target: Target) -> tuple[str, ...]:
    """What the operator should know although the run can go on."""
    found = []
    if service.develop_watch:
        found.append(
            f"{service.name} has develop.watch: a running `docker compose watch` may rebuild it "
            "during the run"
        )
    if target.shares_image_with:
        found.append(
            f"{', '.join(target.shares_image_with)} runs the image of {service.name} too: the next plain "
            "`docker compose up` recreates it from what this run builds"
        )
    if target.build is not None and not target.allow:
        found.append(
            f"the build context {target.build.context} is outside the workspace {target.workspace}: "
            "no file of it may be changed"
        )
    return tuple(found)


def _without_login(address: str) -> str:
    """A remote address without the credentials it may carry (I5)."""
    scheme, separator, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}" if separator else address
