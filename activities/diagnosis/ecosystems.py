"""Every ecosystem, in the order in which they are asked about a line; what no package cures comes last."""

from activities.diagnosis import declines, go, java, libraries, node, php, python, ruby, rust
from activities.diagnosis.reading import Ecosystem

ECOSYSTEMS: tuple[Ecosystem, ...] = (
    python.ECOSYSTEM,
    node.ECOSYSTEM,
    go.ECOSYSTEM,
    ruby.ECOSYSTEM,
    php.ECOSYSTEM,
    java.ECOSYSTEM,
    rust.ECOSYSTEM,
    libraries.ECOSYSTEM,
    declines.ECOSYSTEM,
    node.LAST,
)
