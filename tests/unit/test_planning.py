"""The instruction grammar: what is understood, what is refused, and what can never pass (FR-002)."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from workflows.errors import OrchestratorError
from workflows.models.request import Intent, IntentKind
from workflows.package_names import python_package, python_version, system_package
from workflows.planning import parse_instruction, parse_patch_request

SHOP = ("api", "worker", "redis")
K = IntentKind

UNDERSTOOD = [
    ("repair the missing dependency for the API service", K.REPAIR, "api", None, None),
    ("Repair missing dependency for the api service.", K.REPAIR, "api", None, None),
    ("please fix the import error in worker!", K.REPAIR, "worker", None, None),
    ("heal the broken api", K.REPAIR, "api", None, None),
    ("install the missing dependency for api", K.REPAIR, "api", None, None),
    ("add the missing python packages to worker", K.REPAIR, "worker", None, None),
    ("fix api", K.REPAIR, "api", None, None),
    ("fix the api's requirements", K.REPAIR, "api", None, None),
    ("repair the missing redis package of the api service", K.REPAIR, "api", None, None),
    ("repair the missing redis in api", K.REPAIR, "api", None, None),
    ("repair the api service of the shop project", K.REPAIR, "api", None, None),
    ("add flask to api", K.ADD_PACKAGE, "api", "flask", None),
    ("install flask in the api service", K.ADD_PACKAGE, "api", "flask", None),
    ("add redis to api", K.ADD_PACKAGE, "api", "redis", None),
    ("Add the missing package `flask` to the `API` service.", K.ADD_PACKAGE, "api", "flask", None),
    ("add uvicorn[standard] to api", K.ADD_PACKAGE, "api", "uvicorn[standard]", None),
    ("add flask>=3 to api", K.ADD_PACKAGE, "api", "flask", ">=3"),
    ("add flask >= 3, < 4 to api", K.ADD_PACKAGE, "api", "flask", ">=3,<4"),
    ("add flask 3.0.1 to api", K.ADD_PACKAGE, "api", "flask", "==3.0.1"),
    ("add flask version 3.0 to the requirements of api", K.ADD_PACKAGE, "api", "flask", "==3.0"),
    ("pip install python-dateutil in worker", K.ADD_PACKAGE, "worker", "python-dateutil", None),
    ("add the python package PyYAML to worker", K.ADD_PACKAGE, "worker", "PyYAML", None),
    ("add system package libpq5 to api", K.ADD_SYSTEM_PACKAGE, "api", "libpq5", None),
    ("install the apt package g++ in api", K.ADD_SYSTEM_PACKAGE, "api", "g++", None),
    ("add libpq5 system package to api", K.ADD_SYSTEM_PACKAGE, "api", "libpq5", None),
    ("apt-get install libpq5=15.6-0+deb12u1 in api", K.ADD_SYSTEM_PACKAGE, "api", "libpq5", "15.6-0+deb12u1"),
    ("pin flask to 2.3.3 in api", K.PIN_PACKAGE, "api", "flask", "2.3.3"),
    ("pin the flask package to version 2.3.3 in the api service", K.PIN_PACKAGE, "api", "flask", "2.3.3"),
    ("pin flask in api to 2.3.3", K.PIN_PACKAGE, "api", "flask", "2.3.3"),
    ("pin flask==2.3.3 in api", K.PIN_PACKAGE, "api", "flask", "==2.3.3"),
    ("pin urllib3 to <2 for worker", K.PIN_PACKAGE, "worker", "urllib3", "<2"),
    ("rebuild api", K.REBUILD, "api", None, None),
    ("Rebuild and restart the API container", K.REBUILD, "api", None, None),
    ("restart worker please", K.RESTART, "worker", None, None),
    ("could you restart the service worker?", K.RESTART, "worker", None, None),
    ("fix the nosuch", K.REPAIR, "nosuch", None, None),
    ("restart nosuch", K.RESTART, "nosuch", None, None),
    ("repair the missing dependency for the nosuch service", K.REPAIR, "nosuch", None, None),
]


def _code(call: object, *args: object, **kwargs: object) -> str:
    with pytest.raises(OrchestratorError) as caught:
        call(*args, **kwargs)  # type: ignore[operator]
    return caught.value.code


@pytest.mark.parametrize(("text", "kind", "service", "package", "version"), UNDERSTOOD)
def test_sentences_are_understood(
    text: str, kind: IntentKind, service: str, package: str | None, version: str | None
) -> None:
    """Every documented sentence, in the forms people type it."""
    got = parse_instruction(text, SHOP).model_copy(update={"ecosystem": None})
    assert got == Intent(kind=kind, service=service, package=package, version=version)


@pytest.mark.parametrize(
    "text",
    [
        "drop the database of api",
        "do not repair api",
        "add to api",
        "add the package to api",
        "add flask and redis to api",
        "add flask; rm -rf / to api",
        "add -r evil.txt to api",
        "add --index-url to api",
        "add git+ssh://example/x.git to api",
        "add flask @ file:///etc to api",
        "add flask==1;python_version>'2' to api",
        "add flask\nRUN id to api",
        "add system package libpq5 && id to api",
        "add system package libpq5- to api",
        "add system package -o=APT::x to api",
        "pin flask to latest in api",
        "pin flask==2 to 3 in api",
        "pin to 2 in api",
        "restart api after lunch",
        "restart everything",
        "repair everything",
        "restart all services",
        "repair api; rm -rf /",
        "repair api; restart store",
        "fix api && reboot",
        "repair $(hostname) api",
        "repair api | sh",
        "repair \x1b[2Japi",
        "repair \u202eapi",
        "??",
    ],
)
def test_other_sentences_are_refused(text: str) -> None:
    """What is not understood for certain, or could inject a line, is never run (I1)."""
    assert _code(parse_instruction, text, SHOP) == "unsupported_instruction"


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("repair the missing dependency", None),
        ("repair the missing dependency for api and worker", None),
        ("restart api, worker", None),
        ("repair the missing redis package", None),
        ("restart worker", "api"),
        ("repair the worker service", "api"),
        ("add flask to nosuch", "api"),
        ("rebuild", None),
    ],
)
def test_unclear_service_is_refused(text: str, service: str | None) -> None:
    """None, several or a contradiction: the operator is asked, never guessed for."""
    assert _code(parse_instruction, text, SHOP, service) == "ambiguous_service"


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("repair missing dependency", "api"),
        ("repair the missing redis package", "api"),
        ("repair it in production", "worker"),
        ("add flask", "api"),
        ("restart", "redis"),
        ("restart the API", "api"),
        ("repair", "nosuch"),
    ],
)
def test_explicit_service_wins(text: str, service: str) -> None:
    """The request's own field settles what the sentence leaves open."""
    assert parse_instruction(text, SHOP, service).service == service


@pytest.mark.parametrize(
    ("text", "services", "expected"),
    [
        ("repair the API service", ("shop-api", "worker"), "shop-api"),
        ("repair the shop api", ("shop-api", "worker"), "shop-api"),
        ("restart SHOP-API", ("shop-api", "api"), "shop-api"),
        ("restart api", ("shop-api", "api"), "api"),
        ("restart Api", ("api", "Api"), "Api"),
        ("restart the app", ("app", "db"), "app"),
        ("repair the api service", ("api", "service"), "api"),
        ("repair the api_v2.1", ("api_v2.1", "api"), "api_v2.1"),
    ],
)
def test_services_match_as_whole_words(text: str, services: tuple[str, ...], expected: str) -> None:
    """Any case, parts of a name only where nothing else fits, never a substring."""
    assert parse_instruction(text, services).service == expected


def test_a_part_shared_by_two_names_is_ambiguous() -> None:
    """ "API" could be either of two services that end in it."""
    assert _code(parse_instruction, "restart the API", ("shop-api", "admin-api")) == "ambiguous_service"


def test_only_buildable_service_is_the_default() -> None:
    """A sentence without a name means the one service that can be built, if there is exactly one."""
    assert parse_instruction("repair it", SHOP, buildable=("api",)).service == "api"
    assert parse_instruction("restart", ("db",), buildable=()).service == "db"
    assert _code(parse_instruction, "repair it", SHOP, buildable=("api", "worker")) == "ambiguous_service"
    assert _code(parse_instruction, "repair it", SHOP, buildable=()) == "ambiguous_service"


def test_patch_request_needs_only_a_service() -> None:
    """Where a patch is supplied the sentence is free, but the service must be clear."""
    assert parse_patch_request("make checkout work again in api", SHOP) == Intent(
        kind=K.OPERATOR_PATCH, service="api"
    )
    assert parse_patch_request("see ticket 12", SHOP, "worker").service == "worker"
    assert _code(parse_patch_request, "see ticket 12", SHOP) == "ambiguous_service"


def test_refusal_lists_the_services() -> None:
    """The operator reads what could be named."""
    with pytest.raises(OrchestratorError, match="api, redis, worker"):
        parse_instruction("rebuild", SHOP)


NAMES = st.from_regex(r"[A-Za-z0-9._\[\],-]{1,12}", fullmatch=True)
CLAUSES = st.from_regex(r"(==|!=|<=|>=|~=|<|>|===)[0-9a-z.*+!-]{1,8}", fullmatch=True)


@given(st.text(max_size=60) | st.builds(lambda n, c: n + ",".join(c), NAMES, st.lists(CLAUSES, max_size=2)))
@example("flask~=1")
@example("flask>=1.*")
@example("a==1+local.1")
@example("flask\n")
def test_accepted_python_packages_are_valid_requirements(text: str) -> None:
    """Whatever passes is read by `packaging` as the same name and specifier, and is one plain line."""
    spec = python_package(text)
    if spec is None:
        return
    requirement = Requirement(spec.name + (spec.version or ""))
    assert requirement.url is None
    assert requirement.marker is None
    assert spec.name.split("[")[0] == requirement.name
    assert requirement.specifier == SpecifierSet(spec.version or "")
    assert (spec.name + (spec.version or "")).isascii()
    assert not set(spec.name + (spec.version or "")) & set(" \n\r\t;#@/\\$`'\"&|(){}")


@given(st.text(max_size=20) | CLAUSES)
@example("v1.0")
@example("1.0\n")
def test_accepted_versions_are_valid(text: str) -> None:
    """A version passes only as PEP 440 has it."""
    version = python_version(text)
    if version is None:
        return
    if version[0].isdigit():
        Version(version)
    else:
        SpecifierSet(version)
    assert not set(version) & set(" \n\r\t;#@/\\$`'\"&|(){}")


@given(st.text(max_size=20) | st.from_regex(r"[a-z0-9+.=~:-]{1,14}", fullmatch=True))
@example("libpq5-")
@example("-y")
@example("a=1;id")
def test_accepted_system_packages_are_plain_tokens(text: str) -> None:
    """No option, no removal (`name-`), no shell character reaches an apt-get line."""
    spec = system_package(text)
    if spec is None:
        return
    assert not spec.name.startswith("-")
    assert not spec.name.endswith("-")
    assert set(spec.name + (spec.version or "")) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-:~"
    )


WORDS = st.sampled_from([
    "add", "install", "pin", "repair", "restart", "flask", "api", "to", "in", "the", ">=3", "system",
    "package", "worker", "and", ";", "--x", "1.0", "version", "for", "missing", "\n",
])  # fmt: skip


@given(st.lists(WORDS, max_size=9).map(" ".join) | st.text(max_size=80))
def test_any_text_gives_an_intent_or_a_catalogue_error(text: str) -> None:
    """No sentence crashes the parser, and an accepted one names one service and a safe package."""
    try:
        intent = parse_instruction(text, SHOP)
    except OrchestratorError as error:
        if error.code in {"unsupported_instruction", "ambiguous_service"}:
            return
        raise
    assert intent.service
    assert not set(intent.package or "") & set(" \n;@/\\$`'\"&|")
    assert not set(intent.version or "") & set(" \n;@/\\$`'\"&|")
