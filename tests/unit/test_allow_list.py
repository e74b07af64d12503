"""Which paths a run may write (SPEC FR-003, I1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.allow_list import allowed, default_allow_list

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
