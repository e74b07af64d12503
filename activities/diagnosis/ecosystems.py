"""Every ecosystem, in the order in which they are asked about a line; what no package cures comes last."""

from activities.diagnosis import declines, node, python, system, system_python
from activities.diagnosis.reading import Ecosystem

ECOSYSTEMS: tuple[Ecosystem, ...] = (
    system_python.ECOSYSTEM,
    python.ECOSYSTEM,
    node.ECOSYSTEM,
    system.ECOSYSTEM,
    declines.ECOSYSTEM,
    node.LAST,
)
