"""Which paths a run may write (SPEC FR-003, I1)."""

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.allow_list import allowed, default_allow_list, forbidden, pattern_problem, plain

SERVICE = default_allow_list("services/api", "services/api/Dockerfile.prod")


@pytest.mark.parametrize(
    ("path", "patterns", "expected"),
    [
        ("services/api/Dockerfile.prod", SERVICE, True),
        ("services/api/requirements.txt", SERVICE, True),
        ("services/api/requirements-dev.txt", SERVICE, True),
        ("services/api/deep/er/package.json", SERVICE, True),
        ("services/api/composer.lock", SERVICE, True),
        ("services/api/app.py", SERVICE, False),
        ("services/api/.env", SERVICE, False),
        ("services/api/requirements.txt.bak", SERVICE, False),
        ("services/other/requirements.txt", SERVICE, False),
        ("services/apiX/requirements.txt", SERVICE, False),
        ("requirements.txt", SERVICE, False),
        ("compose.yaml", default_allow_list(".", "Dockerfile"), False),
        ("docker-compose.yml", default_allow_list("", "Dockerfile"), False),
        ("requirements.txt", default_allow_list("", "Dockerfile"), True),
        ("../requirements.txt", ("**",), False),
        ("a/../requirements.txt", ("**",), False),
        ("/requirements.txt", ("**",), False),
        ("a//requirements.txt", ("**",), False),
        ("./requirements.txt", ("**",), False),
        ("a\\requirements.txt", ("**",), False),
        ("requirements.txt\0", ("**",), False),
        ("", ("**",), False),
        ("a/b.txt", ("*.txt",), False),
        ("a/b.txt", ("**/*.txt",), True),
        ("b.txt", ("**/*.txt",), True),
        ("a/b", ("a/**",), True),
        ("a", ("a/**",), False),
        ("ab", ("a?",), True),
        ("a/", ("a?",), False),
        ("a1", ("a[0-9]",), True),
        ("ax", ("a[!0-9]",), True),
        ("a1", ("a[!0-9]",), False),
        ("a\nb", ("a*",), False),
        ("aab", ("a.b",), False),
        ("a/b", ("a[!0-9]b",), False),
        ("a/b", ("a[+-9]b",), False),
        ("a^b", ("a[^x]b",), True),
        ("ayb", ("a[^x]b",), False),
        ("a]b", ("a[]x]b",), True),
        ("ayb", ("a[!]x]b",), True),
        ("a]b", ("a[!]x]b",), False),
        ("ayb", ("a[z-a]b",), False),
        ("a[b", ("a[[]b",), True),
    ],
)
def test_paths_and_patterns(path: str, patterns: tuple[str, ...], expected: bool) -> None:
    """A star stays inside a segment, two cross them; what is not a plain relative path never matches."""
    assert allowed(path, patterns) is expected


@given(st.text("ab*?[]!.^-\\", min_size=1, max_size=8))
def test_a_literal_dockerfile_name_allows_exactly_itself(name: str) -> None:
    """Glob characters in the service's own paths are data, not patterns."""
    patterns = default_allow_list("", f"docker/{name}")[:1]
    writable = "\\" not in name and not name.endswith(".")
    assert allowed(f"docker/{name}", patterns) is writable
    assert not allowed(f"docker/{name}x", patterns)


@given(st.text(max_size=30), st.text("ab/*?[]!.", min_size=1, max_size=12))
def test_no_pattern_lets_a_path_out(path: str, pattern: str) -> None:
    """Whatever the pattern: absolute paths and those with empty or dotted segments are refused."""
    if allowed(path, (pattern,)):
        assert not path.startswith("/")
        assert not {"", ".", ".."} & set(path.split("/"))


@pytest.mark.parametrize(
    "path",
    [
        ".git/config", ".GIT/hooks/x", "api/.git/x", ".git", ".git./x", "git~1/x", ".g\u200cit/x",
        ".git::$DATA/x", "\uff0egit/x", ".env", ".ENV.production", "api/.envrc",
        ".env/x", "compose.yaml", "COMPOSE.YML", "docker-compose.yml",
        "docker-compose.override.yaml", "compose.prod.yaml", "a/compose-dev.yml",
    ],
)  # fmt: skip
def test_no_pattern_allows_what_is_forbidden(path: str) -> None:
    """Not ``**``, not the path itself, in no spelling that some file system takes for the same name."""
    assert forbidden(path) or not plain(path)
    assert not allowed(path, ("**", path, "*", "*/*", ".*/**", ".git/**"))


@pytest.mark.parametrize(
    "path",
    ["composer.json", "git/x", ".gitignore", "environment.yml", "api/compose.py", "a.git/x", ".github/x"],
)
def test_what_only_looks_forbidden_is_not(path: str) -> None:
    """Neighbours in the alphabet."""
    assert not forbidden(path)
    assert allowed(path, ("**",))


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", "characters"),
        ("a" * 1025, "characters"),
        ("*a" * 17, "stars"),
        ("a/" * 128 + "a", "segments"),
        ("/etc/*", "relative"),
        ("a/../*", "relative"),
        ("./a", "relative"),
        ("a//b", "relative"),
    ],
)
def test_a_pattern_out_of_bounds_matches_nothing(pattern: str, words: str) -> None:
    """Whoever checks a policy can say why."""
    assert words in (pattern_problem(pattern) or "")
    assert not allowed(pattern or "a", (pattern,))


@pytest.mark.parametrize(
    "pattern", ["*a" * 16, "a*" * 15 + "b", "**/" * 7 + "*b", "[!b]*" * 16, "*" * 16 + "b"]
)
def test_no_pattern_is_slow(pattern: str) -> None:
    """What drives a backtracking matcher into the night is answered at once."""
    begun = time.process_time()
    for path in ("a" * 200, "/".join(["a" * 19] * 200), "/".join("a" * 2000)):
        allowed(path, (pattern,))
    assert time.process_time() - begun < 1.0


NAME = st.text("ab.-", min_size=1, max_size=6).filter(lambda name: not name.endswith("."))


@given(NAME, st.text("ab.-*?", min_size=1, max_size=8).filter(lambda p: p not in {".", "..", "**"}))
def test_a_segment_matches_as_fnmatch_says(name: str, pattern: str) -> None:
    """The standard library is the reference for stars and question marks inside one segment."""
    assert allowed(name, (pattern,)) is fnmatch.fnmatchcase(name, pattern)
