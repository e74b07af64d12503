"""Every ecosystem, in the order in which they are asked about a line; what no package cures comes last."""

from activities.diagnosis import declines, libraries, node, python
from activities.diagnosis.reading import Ecosystem

ECOSYSTEMS: tuple[Ecosystem, ...] = (
    python.ECOSYSTEM,
    node.ECOSYSTEM,
    libraries.ECOSYSTEM,
    declines.ECOSYSTEM,
    node.LAST,
)
