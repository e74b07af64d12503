"""Imports that a JavaScript or TypeScript file makes for certain, read with tree-sitter's grammars.

Only what runs whenever the file is loaded counts: `import`, `export ... from`, and `require()` outside
functions, conditions and `try`. Dynamic imports, `import type` and names put together at run time are none.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import tree_sitter_javascript
import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

_ENDINGS = {
    ".js": "javascript", ".jsx": "javascript", ".mjs": "javascript", ".cjs": "javascript",
    ".ts": "typescript", ".mts": "typescript", ".cts": "typescript", ".tsx": "tsx",
}  # fmt: skip
_STATEMENTS = frozenset(
    {
        "program",
        "expression_statement",
        "lexical_declaration",
        "variable_declaration",
        "variable_declarator",
        "export_statement",
        "assignment_expression",
        "call_expression",
        "member_expression",
        "arguments",
        "await_expression",
        "parenthesized_expression",
        "object",
        "pair",
        "array",
        "new_expression",
        "sequence_expression",
        "as_expression",
        "non_null_expression",
    }
)
"""Nodes whose content is evaluated whenever they are."""


def endings() -> tuple[str, ...]:
    """Endings of the files that can be read."""
    return tuple(_ENDINGS)


def imports_of(path: str, text: str) -> list[tuple[str, int]]:
    """(request, line from 1) of every certain import, in order; of broken code what can be read."""
    language = next((name for ending, name in _ENDINGS.items() if path.endswith(ending)), "")
    if not language or path.endswith((".d.ts", ".d.mts", ".d.cts")):
        return []
    tree = _parser(language).parse(text.encode("utf-8", "surrogateescape"))
    return list(_certain(tree.root_node))


@cache
def _parser(language: str) -> Parser:
    grammars = {
        "javascript": tree_sitter_javascript.language,
        "typescript": tree_sitter_typescript.language_typescript,
        "tsx": tree_sitter_typescript.language_tsx,
    }
    return Parser(Language(grammars[language]()))


def _certain(root: Node) -> Iterator[tuple[str, int]]:
    todo = [root]
    while todo:
        node = todo.pop()
        request = _request(node)
        if request is not None:
            yield request, node.start_point[0] + 1
        elif node.type in _STATEMENTS:
            todo += reversed(node.named_children)


def _request(node: Node) -> str | None:
    """What a node asks for, None where it asks for nothing by itself."""
    if node.type == "import_statement" or (
        node.type == "export_statement" and node.child_by_field_name("source")
    ):
        return None if _is_type_only(node) else _string(node.child_by_field_name("source"))
    if node.type != "call_expression":
        return None
    called, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    if called is None or arguments is None or called.type != "identifier" or called.text != b"require":
        return None
    return _string(arguments.named_children[0]) if arguments.named_child_count == 1 else None


def _is_type_only(node: Node) -> bool:
    """`import type ...` and `export type ...` are gone once compiled."""
    return any(child.type == "type" for child in node.children)


def _string(node: Node | None) -> str | None:
    """The value of a plain string."""
    if node is None or node.type != "string":
        return None
    return (node.text or b"").decode("utf-8", "replace")[1:-1]
