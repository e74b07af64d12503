"""Which services of a project run, or build, one and the same image. Pure."""

from activities.adapters.compose_model import ComposeModel
from activities.adapters.docker_images import split_reference


def image_users(model: ComposeModel, service: str) -> tuple[str, ...]:
    """Other services of the image that a service's build makes, under any of its names; sorted."""
    one = model.services[service]
    names = _names(one.image, *one.build_tags)
    return tuple(
        sorted(
            other.name
            for other in model.services.values()
            if other.name != service and names & _names(other.image, *other.build_tags)
        )
    )


def _names(*references: str) -> set[tuple[str, str]]:
    return {split_reference(reference) for reference in references}
