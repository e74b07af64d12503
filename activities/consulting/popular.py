"""What the knowledge base says of a name: whether it has it, and which well-known one may be meant."""

from __future__ import annotations

from activities.consulting.asking import Tool
from activities.consulting.near_names import near_popular
from activities.diagnosis.knowledge import known_distribution
from activities.diagnosis.node.knowledge import is_known, popular_near
from activities.diagnosis.python.package_index import is_popular, popular_distributions
from activities.manifests.names import canonical


def on_record(tool: Tool, name: str) -> bool:
    """Whether the knowledge base has a package of exactly this name; an import called so is none."""
    if tool is Tool.NPM:
        return is_known(name)
    known = known_distribution(name)
    if is_popular(name):
        return True
    return known is not None and canonical(known.name) == canonical(name)


def well_known_near(tool: Tool, name: str) -> str:
    """The popular package that `name` could be mistaken for; '' for none, and for a name on record."""
    if on_record(tool, name):
        return ""
    return (
        (popular_near(name) or "")
        if tool is Tool.NPM
        else near_popular(name, frozenset(popular_distributions()))
    )
