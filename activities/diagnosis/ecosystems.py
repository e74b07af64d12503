"""Every ecosystem, in the order in which they are asked about a line; what no package cures comes last."""

from activities.diagnosis import declines, go, java, node, php, python, ruby, rust, system, system_python
from activities.diagnosis.reading import Ecosystem

ECOSYSTEMS: tuple[Ecosystem, ...] = (
    system_python.ECOSYSTEM,
    python.ECOSYSTEM,
    node.ECOSYSTEM,
    go.ECOSYSTEM,
    system.ECOSYSTEM,
    ruby.ECOSYSTEM,
    php.ECOSYSTEM,
    java.ECOSYSTEM,
    rust.ECOSYSTEM,
    declines.ECOSYSTEM,
    node.LAST,
)
