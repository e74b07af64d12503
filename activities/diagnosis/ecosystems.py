"""Every ecosystem, in the order in which they are asked about a line; what no package cures comes last."""

from activities.diagnosis import declines, libraries, python
from activities.diagnosis.reading import Ecosystem

ECOSYSTEMS: tuple[Ecosystem, ...] = (
    python.ECOSYSTEM,
    libraries.ECOSYSTEM,
    declines.ECOSYSTEM,
)
