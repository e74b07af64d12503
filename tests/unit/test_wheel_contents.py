"""What a wheel makes importable, from its file list and its sources."""

from __future__ import annotations

import io
import zipfile

import pytest

from activities.adapters.inside.wheel_contents import has, place_of


def wheel(files: dict[str, str]) -> zipfile.ZipFile:
    """A wheel of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return zipfile.ZipFile(buffer)


PACKAGE = wheel(
    {
        "one.py": "import os as system\nX: int = 1\nif X:\n    def late(): pass\n",
        "lazy.py": "def __getattr__(name):\n    return {'shown': 1}[name]\n",
        "broken.py": "def (",
        "native.cpython-313-x86_64-linux-gnu.so": "",
        "top/__init__.py": "from .inner import *\nfrom other import taken\n",
        "top/inner.py": "class Deep: pass\n",
        "space/only/mod.py": "",
        "d-1.data/purelib/moved.py": "",
    }
)


@pytest.mark.parametrize(
    ("module", "place"),
    [
        ("one", "one.py"),
        ("native", "native.cpython-313-x86_64-linux-gnu.so"),
        ("top.inner", "top/inner.py"),
        ("space.only", "space/only/mod.py"),
        ("moved", "d-1.data/purelib/moved.py"),
        ("nothing", ""),
        ("on", ""),
    ],
)
def test_where_a_module_is(module: str, place: str) -> None:
    """By its whole name: source, extension, namespace, or unpacked from the wheel's data."""
    assert place_of(PACKAGE, module) == place


@pytest.mark.parametrize(
    ("module", "attribute", "answer"),
    [
        ("one", "", True),
        ("one", "system", True),
        ("one", "X", True),
        ("one", "late", True),
        ("one", "os", False),
        ("lazy", "shown", None),
        ("lazy", "other", False),
        ("broken", "x", None),
        ("native", "x", None),
        ("nothing", "x", False),
        ("top", "taken", True),
        ("top", "Deep", True),
        ("top", "inner", True),
        ("top", "Shallow", False),
    ],
)
def test_whether_a_module_has_a_name(module: str, attribute: str, answer: bool | None) -> None:
    """None is for what its text cannot tell."""
    assert has(PACKAGE, module, attribute) is answer
