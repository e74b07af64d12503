"""Imports read without parsing: never fewer than the parser finds."""

import ast
import posixpath
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.diagnosis.python.imports import imported_names
from activities.diagnosis.python.scan import missing_distributions
from activities.diagnosis.source_tree import SourceTree, read_tree

ROOT = Path(__file__).parents[2]
STANDARD = Path(sysconfig.get_path("stdlib"))

TABLE = {
    "import os": {"os"},
    "import os.path, sys as system  # and more": {"os.path", "sys"},
    "if x: import yaml": {"yaml"},
    "a = 1; import yaml": {"yaml"},
    "import a, \\\n    b": {"a", "b"},
    "from yaml import load": {"yaml", "yaml.load"},
    "from a.b import (c, # not d)\n    e as f,\n)": {"a.b", "a.b.c", "a.b.e"},
    "from a import b, \\\n    c": {"a", "a.b", "a.c"},
    "from \\\n    a import b": {"a", "a.b"},
    "from . import models": {"shop", "shop.models"},
    "from .models import Order": {"shop.models", "shop.models.Order"},
    "from ..other import thing": {"other", "other.thing"},
    "from a import *": {"a"},
    "\tfrom a import b\r\n": {"a", "a.b"},
}


@pytest.mark.parametrize("text", TABLE)
def test_every_form_of_an_import(text: str) -> None:
    """As the language writes it: lists, aliases, parentheses, continuations, dots."""
    assert TABLE[text] <= set(imported_names(text, "shop/app.py"))


@pytest.mark.parametrize(
    "text", ["# import yaml", "x = 'import yaml'", "reimport yaml", "important yaml", ""]
)
def test_words_that_are_no_statement(text: str) -> None:
    """A comment, a string on one line and longer words."""
    assert set(imported_names(text, "app.py")) == set()


def parsed_names(text: str, path: str) -> Iterator[str]:
    """The same as the parser has it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folders = [part for part in posixpath.dirname(path).split("/") if part]
            kept = folders[: max(0, len(folders) - node.level + 1)] if node.level else []
            base = ".".join([*kept, node.module or ""]).strip(".")
            yield from [base] if base else []
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names if alias.name != "*")


def test_nothing_that_the_parser_finds_is_missed() -> None:
    """On this project and on a part of the standard library."""
    files = [*ROOT.glob("activities/**/*.py"), *sorted(STANDARD.glob("*.py"))[:120]]
    for file in files:
        text = file.read_text(encoding="utf-8")
        missed = set(parsed_names(text, "a/b/c.py")) - set(imported_names(text, "a/b/c.py"))
        assert missed == set(), file


def test_a_module_is_found_from_every_directory() -> None:
    """By each tail of its path, package or module."""
    tree = SourceTree(Path("/x"), ("a/b/c.py", "a/c/__init__.py", "c.py", "a/bc.py"))
    assert tree.find("c") == ["a/b/c.py", "a/c/__init__.py", "c.py"]
    assert tree.find("b.c") == ["a/b/c.py"]
    assert tree.find("a.c") == ["a/c/__init__.py"]
    assert tree.find("d") == []


@pytest.mark.parametrize(("declared", "missing"), [({"psycopg2"}, []), (set(), ["psycopg2-binary"])])
def test_a_distribution_of_the_modules_own_name_provides_it(
    tmp_path: Path, declared: set[str], missing: list[str]
) -> None:
    """psycopg2 is not missing where it is declared, though psycopg2-binary is what would be added."""
    (tmp_path / "app.py").write_text("import psycopg2\n")
    found = missing_distributions(read_tree(tmp_path), (), declared, "3.13")
    assert [one.distribution.name for one in found] == missing
