"""Every ecosystem, in the order in which they are asked about a line; what no package cures comes last."""

from activities.diagnosis import declines
from activities.diagnosis.languages import go, java, php, ruby, rust
from activities.diagnosis.node import rules as node
from activities.diagnosis.python import rules as python
from activities.diagnosis.reading import Ecosystem
from activities.diagnosis.system import python as system_python
from activities.diagnosis.system import rules as system

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
