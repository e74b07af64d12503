"""A corpus of hostile diffs through the whole plan and patch path: zero writes outside (I1, SPEC FR-003).

``tests/golden/hostile_diffs/expected.json`` says of each file which code refuses it, or exactly what it
writes, and whether the policy is the usual one or allows every path there is (``wide``).
"""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from tests.unit.hostile_tree import NARROW, WIDE, Seen, Steps, make_tree, witness
from workflows.errors import OrchestratorError

CORPUS = Path(__file__).parents[1] / "golden/hostile_diffs"
EXPECTED: dict[str, dict[str, Any]] = json.loads((CORPUS / "expected.json").read_text())


def without(seen: Seen, paths: set[str]) -> Seen:
    """The witness's list but for these files."""
    return {name: facts for name, facts in seen.items() if name not in paths}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One tree for all that is refused: after each of them it is what it was."""
    root = tmp_path_factory.mktemp("refused")
    make_tree(root / "tree")
    return root


async def run(root: Path, diff: str, allow: tuple[str, ...]) -> tuple[str | None, Seen, Seen]:
    """The refusal's code, and everything before and after."""
    steps = Steps(root / "tree/shop", root / "own-state")
    before, code = witness(root / "tree"), None
    try:
        await ActivityEnvironment().run(steps.plan_and_patch, diff, allow)
    except OrchestratorError as error:
        code = error.code
    return code, before, witness(root / "tree")


def test_every_file_of_the_corpus_is_judged() -> None:
    """No diff without its expectation, no expectation without its diff."""
    assert sorted(path.stem for path in CORPUS.glob("*.diff")) == sorted(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
async def test_a_hostile_diff(untouched: Path, tmp_path: Path, name: str) -> None:
    """Refused with its code and not a byte, name, mode or time changed; or exactly its own writes."""
    expected = EXPECTED[name]
    diff = (CORPUS / f"{name}.diff").read_bytes().decode("utf-8", "surrogateescape")
    allow = WIDE if expected.get("allow") == "wide" else NARROW
    root = untouched
    if "writes" in expected:
        root = tmp_path
        make_tree(root / "tree")
    code, before, after = await run(root, diff, allow)
    assert code == expected.get("refused")
    writes = {f"shop/{path}": text.encode() for path, text in expected.get("writes", {}).items()}
    assert without(after, set(writes)) == without(before, set(writes))
    for path, content in writes.items():
        assert (root / "tree" / path).read_bytes() == content


EDIT = "--- a/api/requirements.txt\n+++ b/api/requirements.txt\n"
FLOODS = {
    "10 MB of added lines": lambda: f"{EDIT}@@ -1,2 +1,1000002 @@\n # packages\n" + "+humanize\n" * 1_000_000,
    "one line of 10 MB": lambda: f"{EDIT}@@ -1 +1,2 @@\n # packages\n+{'x' * 10_000_000}\n",
    "100000 hunks": lambda: EDIT + "@@ -1 +1 @@\n-a\n+b\n" * 100_000,
    "50000 hunks in a megabyte": lambda: EDIT + "@@ -1 +1 @@\n-\n+\n" * 50_000,
    "100000 files": lambda: "".join(f"--- a/{n}\n+++ b/{n}\n@@ -1 +1 @@\n-a\n+b\n" for n in range(100_000)),
    "300 files": lambda: "".join(f"--- a/{n}\n+++ b/{n}\n@@ -1 +1 @@\n-a\n+b\n" for n in range(300)),
    "60000 lines": lambda: f"{EDIT}@@ -1 +1,60001 @@\n # packages\n" + "+a\n" * 60_000,
    "a megabyte of wide characters": lambda: f"{EDIT}@@ -1 +1,2 @@\n # packages\n+{'ß' * 600_000}\n",
    "a million empty lines": lambda: "\n" * 1_000_000 + EDIT,
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_is_refused_before_it_is_parsed(untouched: Path, name: str) -> None:
    """``diff_too_large`` in no time: the work is bounded by counting, not by reading."""
    diff = FLOODS[name]()
    begun = time.process_time()
    code, before, after = await run(untouched, diff, WIDE)
    assert code == "diff_too_large"
    assert time.process_time() - begun < 2.0
    assert after == before


@pytest.mark.parametrize("count", [1, 4_000])
async def test_what_is_just_not_too_large_is_still_read_fast(untouched: Path, count: int) -> None:
    """The largest diff that is read costs about a second, and then meets the policy's limits."""
    lines = "".join(f"+p{n}\n" for n in range(40_000 // count))
    hunks, ahead = "", 0
    for n in range(count):
        hunks += f"@@ -{n + 1},0 +{n + 2 + ahead},{40_000 // count} @@\n{lines}"
        ahead += 40_000 // count
    begun = time.process_time()
    code, before, after = await run(untouched, EDIT + hunks, WIDE)
    assert code in {"diff_too_large", "diff_invalid"}
    assert time.process_time() - begun < 10.0
    assert after == before
