"""The error catalogue as a page for operators: ``python -m workflows.error_table > deploy/ERRORS.md``."""

from workflows.errors import CATALOGUE

_HEAD = """\
# Error codes

Every failure of a run carries one of these codes. `<word>` stands for a fact of the case. "Again" says
whether the orchestrator tries such a step again by itself before it gives up.

| Code | What happened | What to do | Again |
|---|---|---|---|
"""


_AGAIN = {True: "yes", False: "no"}


def error_table() -> str:
    """Markdown, one row per code, in alphabetical order."""
    rows = [
        f"| `{code}` | {plain(entry.cause)} | {plain(entry.remedy)} | {_AGAIN[entry.retryable]} |"
        for code, entry in sorted(CATALOGUE.items())
    ]
    return _HEAD + "\n".join(rows) + "\n"


def plain(text: str) -> str:
    """A sentence of the catalogue for a table's cell; facts become ``<words>``."""
    return text.replace("!r}", "}").replace("{", "<").replace("}", ">").replace("|", "\\|")


if __name__ == "__main__":
    print(error_table(), end="")  # noqa: T201 - this is what the module is for
