"""The policy file: every problem names line, field and what would be valid; rules are read afresh."""

import re
import typing
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from activities.adapters.policy_file import PolicySource, check_policy, load_policy
from workflows.allow_list import allowed
from workflows.errors import OrchestratorError
from workflows.models.policy import Policy, ProjectPolicy, ServicePolicy, Trust
from workflows.models.policy_rules import MaintenanceWindow, Override
from workflows.models.verification import HttpProbe
from workflows.overrides import expired_notes

EXAMPLE = Path(__file__).parents[2] / "deploy" / "policy.example.yaml"

GOOD = """\
version: 1
projects:
  shop:
    workspace: /srv/shop
    services:
      api:
        allow: [api/requirements.txt]
        protected: true
approvals:
  trust: unsigned
  approver_roles: [sre]
roles:
  sre: [ada]
"""


def _write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _code(call: object, *args: object) -> str:
    with pytest.raises(OrchestratorError) as caught:
        call(*args)  # type: ignore[operator]
    return caught.value.code


def test_the_example_is_valid_and_complete() -> None:
    """The documented example loads, and shows every key that the schema has, at its place."""
    policy = load_policy(EXAMPLE)
    assert policy.projects["shop"].services["api"].protected
    assert check_policy(EXAMPLE) == ()
    assert _missing_keys(EXAMPLE.read_text()) == set()


def test_a_key_that_the_example_does_not_show_is_noticed() -> None:
    """Each key, taken out of the example everywhere, is missed."""
    text = EXAMPLE.read_text()
    for key in ("timezone", "ignore_maintenance_windows", "quorum", "vantage", "requires_approval_when"):
        without = re.sub(rf"\b{key}:", f"no_{key}:", text)
        assert {name.partition(".")[2] for name in _missing_keys(without)} == {key}


def _missing_keys(text: str) -> set[str]:
    """``Model.field`` of the schema for which no mapping of that model in the file has the key."""
    shown: dict[type[BaseModel], set[str]] = {}
    _collect(YAML(typ="safe").load(text), Policy, shown)
    assert {Policy, ProjectPolicy, ServicePolicy, MaintenanceWindow, Override, HttpProbe} <= set(shown)
    return {
        f"{model.__name__}.{field}"
        for model, keys in shown.items()
        for field in model.model_fields
        if field not in keys
    }


def _collect(node: object, kind: object, shown: dict[type[BaseModel], set[str]]) -> None:
    """Which keys each model's mappings have, followed by the schema's own types."""
    arguments = [part for part in typing.get_args(kind) if part is not type(None)]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        assert isinstance(node, dict)
        shown.setdefault(kind, set()).update(node)
        for name, field in kind.model_fields.items():
            if name in node:
                _collect(node[name], field.annotation, shown)
    elif typing.get_origin(kind) is dict:
        assert isinstance(node, dict)
        for value in node.values():
            _collect(value, arguments[1], shown)
    elif typing.get_origin(kind) is tuple:
        assert isinstance(node, list)
        for value in node:
            _collect(value, arguments[0], shown)
    elif arguments and typing.get_origin(kind) is not Literal:
        _collect(node, arguments[0], shown)


def test_the_example_states_the_real_defaults() -> None:
    """Where the example says "default: VALUE", an empty policy has that value."""
    default = Policy()
    text = EXAMPLE.read_text()
    assert f"default: {default.approvals.trust.value}" in text
    assert f"time_limit_seconds: {default.approvals.time_limit_seconds:.0f}" in text
    risks = ", ".join(default.requires_approval_when)
    assert f"requires_approval_when: [{risks}]  # default: these five" in text
    for name, value in default.limits.model_dump(exclude={"repairs_per_day"}).items():
        assert any(
            line.strip().startswith(f"{name}: {value}") and f"default: {value}" in line
            for line in text.splitlines()
        ), name


def test_a_good_policy_loads(tmp_path: Path) -> None:
    """Values arrive typed."""
    policy = load_policy(_write(tmp_path, GOOD))
    assert policy.approvals.trust is Trust.UNSIGNED
    assert policy.roles_for(policy.projects["shop"].services["api"]) == ("sre",)
    assert policy.roles_for(ServicePolicy(approver_roles=("dba",))) == ("dba",)


API = "projects.shop.services.api"
PROBLEMS = [
    ("  shop:\n    workspace: /srv/shop", "  shop:\n    workspce: /srv/shop", 4, "projects.shop.workspce",
     "did you mean 'workspace'?"),
    ("version: 1", "version: 2", 1, "version", "Valid: 1"),
    ("version: 1", "verison: 1", 1, "verison", "did you mean 'version'?"),
    ("/srv/shop", "srv/shop", 4, "projects.shop.workspace", "an absolute directory"),
    ("workspace: /srv/shop", "workspace: /", 4, "projects.shop.workspace", "no workspace"),
    ("[api/requirements.txt]", "[ok.txt, /etc/passwd]", 7, "~.allow[1]", "leaves the"),
    ("[api/requirements.txt]", "[api/../../x]", 7, "~.allow[0]", "leaves the workspace"),
    ("[api/requirements.txt]", "api/*", 7, "~.allow", "globs relative"),
    ("protected: true", "protected: maybe", 8, "~.protected", "true or false"),
    ("trust: unsigned", "trust: none", 10, "approvals.trust", "'signed' or 'unsigned'"),
    ("  approver_roles: [sre]", "  approver_roles: [sr]", 11, "approvals.approver_roles[0]",
     "did you mean 'sre'?"),
    ("  approver_roles: [sre]", "  quorum: 1", 8, "~.protected", "no role may approve"),
    ("  approver_roles: [sre]", "  approver_roles: [sre]\n  quorum: 2", 8, "~.protected",
     "1 people can approve, but quorum is 2"),
    ("  sre: [ada]", "  sre: ada", 13, "roles.sre", "a list of people"),
    ("  shop:\n", "  '../shop':\n", 3, "projects.../shop", ""),
    ("roles:\n", "approvals:\n", 12, "", "duplicate key"),
    ("    workspace: /srv/shop", "\tworkspace: /srv/shop", 4, "", "not valid YAML"),
    ("[ada]", "[ada", 13, "", "not valid YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "field", "says"), PROBLEMS)
def test_problems_name_line_field_and_remedy(
    tmp_path: Path, old: str, new: str, line: int, field: str, says: str
) -> None:
    """One fault in a good file is reported exactly once, where it is."""
    assert old in GOOD
    path = _write(tmp_path, GOOD.replace(old, new, 1))
    found = [p for p in check_policy(path) if p.field == field.replace("~", API)]
    assert len(found) == 1, [str(p) for p in check_policy(path)]
    assert abs(found[0].line - line) <= (1 if "YAML" in found[0].problem else 0)
    assert says in str(found[0])
    with pytest.raises(OrchestratorError, match="policy_invalid") as caught:
        load_policy(path)
    assert str(path) in str(caught.value)


WINDOW = "days: [mon], start: '22:00', end: '04:00', timezone: Europe/Berlin"
OVERRIDE = "project: shop, service: api, allow: [x], until: 2030-01-31T18:00:00Z, reason: why, by: ada"
RULES = f"""\
requires_approval_when: [llm]
overrides:
  - {{{OVERRIDE}}}
projects:
  shop:
    workspace: /srv/shop
    maintenance_windows:
      - {{{WINDOW}}}
    services:
      api:
        repairs_per_day: 3
roles: {{sre: [ada]}}
"""
WINDOWS, LATE = "projects.shop.maintenance_windows[0]", "overrides[0]"
RULE_PROBLEMS = [
    ("[llm]", "[llmm]", 1, "requires_approval_when[0]", "operator_patch"),
    ("[llm]", "[llm, llm]", 1, "requires_approval_when[1]", "twice"),
    ("[ada]", "[]", 1, "requires_approval_when", "0 people can approve, but quorum is 1"),
    ("project: shop", "project: shpo", 3, f"{LATE}.project", "did you mean 'shop'?"),
    ("service: api", "service: apy", 3, f"{LATE}.service", "did you mean 'api'?"),
    ("allow: [x], ", "", 3, LATE, "the override changes nothing"),
    ("allow: [x]", "allow: [../x]", 3, f"{LATE}.allow[0]", "leaves the workspace"),
    ("allow: [x]", "allow: [/etc/x]", 3, f"{LATE}.allow[0]", "leaves the workspace"),
    ("allow: [x]", "repairs_per_day: 2", 3, f"{LATE}.repairs_per_day", "is not more than the 3"),
    ("allow: [x]", "repairs_per_day: 0", 3, f"{LATE}.repairs_per_day", "1 or more"),
    ("18:00:00Z", "18:00:00", 3, f"{LATE}.until", "an instant with its zone"),
    ("until: 2030-01-31T18:00:00Z, ", "", 3, f"{LATE}.until", "an instant with its zone"),
    ("reason: why, ", "", 3, f"{LATE}.reason", "a sentence that says why"),
    ("reason: why", "reason: ' '", 3, f"{LATE}.reason", "a sentence that says why"),
    (", by: ada", "", 3, f"{LATE}.by", "who decided it"),
    ("by: ada", "by: ada, protected: false", 3, f"{LATE}.protected", "unknown key"),
    ("[mon]", "[monday]", 8, f"{WINDOWS}.days[0]", "a list of mon"),
    ("[mon]", "[]", 8, f"{WINDOWS}.days", "a list of mon"),
    ("'22:00'", "'25:00'", 8, f"{WINDOWS}.start", "a time of day"),
    ("'22:00'", "22", 8, f"{WINDOWS}.start", "a time of day"),
    ("end: '04:00', ", "", 8, f"{WINDOWS}.end", "a time of day"),
    ("Europe/Berlin", "Europe/Berln", 8, f"{WINDOWS}.timezone", "did you mean 'Europe/Berlin'?"),
    ("Europe/Berlin", "../etc/passwd", 8, f"{WINDOWS}.timezone", "not known"),
    ("Europe/Berlin", "Europe", 8, f"{WINDOWS}.timezone", "not known"),
    ("Berlin}", "Berlin, zone: UTC}", 8, f"{WINDOWS}.zone", "timezone"),
    ("repairs_per_day: 3", "repairs_per_day: none", 11, f"{API}.repairs_per_day", "1 or more"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "field", "says"), RULE_PROBLEMS)
def test_problems_of_windows_overrides_and_risk_rules(
    tmp_path: Path, old: str, new: str, line: int, field: str, says: str
) -> None:
    """File, line, field, and what would be valid, for each of them; the file is good without the fault."""
    assert check_policy(_write(tmp_path, RULES)) == ()
    assert old in RULES
    found = check_policy(_write(tmp_path, RULES.replace(old, new, 1)))
    assert [(p.line, p.field) for p in found] == [(line, field)], [str(p) for p in found]
    assert says in str(found[0])


def test_an_override_that_is_over_is_a_note_not_a_problem(tmp_path: Path) -> None:
    """A file must not become invalid by the passing of time: nothing could be repaired any more."""
    path = _write(tmp_path, RULES.replace("2030-", "2020-"))
    assert check_policy(path) == ()
    (note,) = expired_notes(load_policy(path).overrides, datetime.now(UTC))
    assert "overrides[0] is over since 2020-01-31 18:00+00:00" in note


def test_every_rule_is_in_the_digest(tmp_path: Path) -> None:
    """An approval is bound to the windows, budgets, risks and exceptions it was given under."""
    base = load_policy(_write(tmp_path, RULES)).digest
    changes = [("[llm]", "[shared_image]"), ("[mon]", "[tue]"), ("[x]", "[y]"), ("why", "other"),
               ("2030-", "2031-"), ("_day: 3", "_day: 4"), ("'22:00'", "'21:00'")]  # fmt: skip
    digests = {load_policy(_write(tmp_path, RULES.replace(old, new, 1))).digest for old, new in changes}
    assert len(digests | {base}) == len(changes) + 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"- a\n- b\n", "not a mapping"),
        (b"version: 1\n# \xff\n", "not UTF-8"),
        (b"a: &a [1]\nversion: *nosuch\n", "not valid YAML"),
        (b"version: &v [*v]\n", ""),
        (b"x: " + b"y" * 1_100_000, "larger than"),
        (b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
            b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % (n, n, *[n - 1] * 10) for n in b"bcdefgh"
        ), "multiply"),
        (b"projects: {p: {workspace: /p, services: {api: {<<: {proteted: true}}}}}\n", "'protected'"),
    ],
)  # fmt: skip
def test_hostile_and_broken_files_are_problems_not_crashes(tmp_path: Path, content: bytes, says: str) -> None:
    """Whatever is in the file, the answer is a problem that names the file."""
    problems = check_policy(_write(tmp_path, content))
    assert problems
    assert says in str(problems[0])


def test_every_problem_is_reported_in_the_order_of_the_file(tmp_path: Path) -> None:
    """One look at the answer is enough to correct the whole file."""
    text = GOOD.replace("version: 1", "version: x").replace("trust: unsigned", "trust: y")
    lines = [p.line for p in check_policy(_write(tmp_path, text))]
    assert lines == [1, 10]


def test_a_policy_inside_a_workspace_is_refused(tmp_path: Path) -> None:
    """A run must not be able to change its own rules; links do not hide it."""
    workspace = tmp_path / "shop"
    workspace.mkdir()
    path = _write(workspace, GOOD.replace("/srv/shop", str(workspace)))
    assert "lies inside the workspace" in str(check_policy(path)[0])
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    assert "lies inside the workspace" in str(check_policy(link)[0])


def test_unreadable_files(tmp_path: Path) -> None:
    """Missing or a directory: another code than a wrong content."""
    assert _code(load_policy, tmp_path / "none.yaml") == "policy_unreadable"
    assert _code(check_policy, tmp_path) == "policy_unreadable"


def test_an_empty_policy_permits_no_project(tmp_path: Path) -> None:
    """A file that says nothing is not zero configuration."""
    source = PolicySource(path=_write(tmp_path, "# nothing yet\n"))
    assert source.policy() == Policy()
    assert _code(source.name, None) == "unknown_project"


def test_digest_ignores_comments_and_layout(tmp_path: Path) -> None:
    """Approvals hold while the rules are the same, and no longer."""
    first = load_policy(_write(tmp_path, GOOD)).digest
    assert load_policy(_write(tmp_path, "# hello\n\n" + GOOD)).digest == first
    assert load_policy(_write(tmp_path, GOOD.replace("ada", "eve"))).digest != first


def test_globs_of_a_policy_match_as_the_allow_list_reads_them(tmp_path: Path) -> None:
    """The schema accepts nothing that the matcher would not understand."""
    policy = load_policy(_write(tmp_path, GOOD.replace("api/requirements.txt", "api/**/*.txt")))
    allow = policy.projects["shop"].services["api"].allow or ()
    assert allowed("api/a/b/x.txt", allow)
    assert not allowed("worker/x.txt", allow)


class TestPolicySource:
    """Which projects there are, with and without a policy file."""

    def test_zero_configuration_has_one_implicit_project(self, tmp_path: Path) -> None:
        """The project directory, under the name Compose gives it."""
        source = PolicySource(project_dir=tmp_path, implicit_names=("shop",))
        assert source.zero_config
        assert source.name(None) == source.name("shop") == "shop"
        assert source.project("shop") == ProjectPolicy(workspace=str(tmp_path))
        assert source.policy() == Policy()
        assert _code(source.name, "shpo") == "unknown_project"

    def test_several_names_of_one_directory_must_be_chosen_from(self, tmp_path: Path) -> None:
        """The same files started with -p blue and -p green are two projects."""
        source = PolicySource(project_dir=tmp_path, implicit_names=("blue", "green"))
        assert source.name("green") == "green"
        with pytest.raises(OrchestratorError, match="blue, green"):
            source.name(None)

    def test_without_policy_and_directory_there_is_no_project(self) -> None:
        """The answer says so instead of guessing the current directory."""
        with pytest.raises(OrchestratorError, match="No project is configured"):
            PolicySource(implicit_names=("shop",)).name(None)

    def test_policy_names_the_projects(self, tmp_path: Path) -> None:
        """One needs no name, several do; close matches are offered."""
        one = PolicySource(path=_write(tmp_path, GOOD))
        assert one.name(None) == "shop"
        with pytest.raises(OrchestratorError, match="did you mean 'shop'"):
            one.project("shpo")
        two = PolicySource(
            path=_write(tmp_path, GOOD.replace("projects:\n", "projects:\n  a: {workspace: /a}\n"))
        )
        assert two.name("a") == "a"
        assert _code(two.name, None) == "unknown_project"

    def test_directory_chooses_among_the_policys_projects(self, tmp_path: Path) -> None:
        """With both, the directory must be in a workspace; of nested ones the innermost counts."""
        outer, inner = tmp_path / "w", tmp_path / "w" / "apps" / "shop"
        (inner / "deploy").mkdir(parents=True)
        text = f"projects:\n  outer: {{workspace: {outer}}}\n  inner: {{workspace: {inner}}}\n"
        (tmp_path / "etc").mkdir()
        path = _write(tmp_path / "etc", text)
        assert PolicySource(path=path, project_dir=inner / "deploy").name(None) == "inner"
        assert PolicySource(path=path, project_dir=outer).name(None) == "outer"
        assert _code(PolicySource(path=path, project_dir=outer).name, "inner") == "unknown_project"
        with pytest.raises(OrchestratorError, match="in no workspace"):
            PolicySource(path=path, project_dir=tmp_path / "etc").name(None)

    def test_rules_are_read_afresh(self, tmp_path: Path) -> None:
        """An edit counts for the next question, a deletion never falls back to zero configuration."""
        path = _write(tmp_path, GOOD)
        source = PolicySource(path=path)
        before = source.policy().digest
        _write(tmp_path, GOOD.replace("protected: true", "protected: false"))
        assert source.policy().digest != before
        path.unlink()
        assert _code(source.policy) == "policy_unreadable"


KEY = "tMdVbMmT7oZ5TRJf1xO5n2GGVw1YvQbDnQmV1q4nC5U="
SIGNED = GOOD.replace("trust: unsigned", "trust: signed")


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (SIGNED, "projects.shop.services.api.protected", "only 0 of 1 approvers have a key"),
        (f"{SIGNED}approvers:\n  ada: {{public_key: x}}\n", "approvers.ada.public_key", "Ed25519"),
        (f"{GOOD}approvers:\n  eve: {{public_key: {KEY}}}\n", "approvers.eve", "no role"),
        (GOOD.replace("[ada]", "[ada, ' ADA ']"), "roles", "the same person"),
    ],
)
def test_nobody_who_cannot_sign_is_taken_for_an_approver(
    tmp_path: Path, text: str, field: str, words: str
) -> None:
    """A protected service must not wait for signatures that nobody can give (I2)."""
    (problem,) = check_policy(_write(tmp_path, text))
    assert problem.line > 0
    assert problem.field == field
    assert words.lower() in str(problem).lower()


@pytest.mark.parametrize(
    "extra", [f"approvers:\n  ada: {{public_key: {KEY}}}\n", "  shared_secret_file: /etc/secret\n"]
)
def test_a_key_or_the_shared_secret_is_enough(tmp_path: Path, extra: str) -> None:
    """Either lets an approver sign."""
    text = SIGNED.replace("\nroles:", f"\n{extra}roles:") if extra.startswith(" ") else SIGNED + extra
    assert check_policy(_write(tmp_path, text)) == ()
