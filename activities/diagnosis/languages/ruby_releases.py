"""Ruby's releases: bounds that the Gemfile or a gem sets, and methods that a newer Ruby dropped."""

from __future__ import annotations

import re

from activities.diagnosis.data_files import data_file
from activities.diagnosis.languages.line_rules import Rule, rule
from activities.diagnosis.languages.toolchain import Tool, other_image, release_in, tool_image
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Refusal, Verdict
from activities.diagnosis.versions import number

TOOL = Tool(r"(?:^|/)(?:ruby|jruby|rails|passenger-ruby\w*)\b", r"\b(?:bundle|gem|rake|rails|bin/setup)\b")
_RUBY_PATH = re.compile(r"/(?:lib/)?ruby/(?:gems/)?(\d+\.\d+)\.\d+/")


def _specified_ruby(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """The Gemfile states the Ruby it wants."""
    wanted = re.search(r"\d+(?:\.\d+)*", found[2])
    reason = f"the image has Ruby {found[1]}, and the Gemfile specifies {found[2]}"
    image = tool_image(project, TOOL)
    if not image or wanted is None:
        return Refusal("ruby.version", f"{reason}; which image brings Ruby is not known", (place.line,))
    return other_image("ruby.version", image, wanted[0], (place.line,), reason)


def _needs_ruby(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """A gem that does not install on this Ruby; RubyGems may have named the release that does above."""
    if any("The last version of" in line.plain for line in place.before(2)):
        return None
    wanted = next((group for group in found.groups() if group), "").rstrip(".")
    version = ".".join(wanted.split(".")[:2])
    if not tool_image(project, TOOL):
        return Refusal("ruby.version", f"a gem needs Ruby {wanted} or newer", (place.line,))
    reason = f"a gem needs Ruby {wanted} or newer: {found[0].strip()}"
    return other_image("ruby.version", tool_image(project, TOOL), version, (place.line,), reason)


def _bounded_ruby(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """A gem's bounds on Ruby; the nearest release inside them, newer or older than the image's."""
    bounds = re.findall(r"(>=|<|~>)\s*(\d+\.\d+)", found["want"])
    low = max((number(v) for mark, v in bounds if mark != "<"), default=())
    high = min((number(v) for mark, v in bounds if mark == "<"), default=(99,))
    fitting = [r for r in data_file("ruby.json")["releases"] if low <= number(r) < high]
    newer = [release for release in fitting if number(release) >= number(found["have"])]
    reason = f"a gem needs Ruby {found['want']}, and the image has {found['have']}"
    image = tool_image(project, TOOL)
    if not fitting or not image:
        return Refusal("ruby.version", reason, (place.line,))
    return other_image("ruby.version", image, newer[0] if newer else fitting[-1], (place.line,), reason)


def _solving(_: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """Bundler's story of why nothing fits; where the Ruby is the reason, another one is the cure."""
    near = " ".join(line.plain.strip() for line in (*place.before(15), place.line))
    have = re.search(r"current Ruby version is = (\d+\.\d+)", near)
    want = re.search(r"depends on Ruby ((?:>=|<|~>)[^a-z]+)", near)
    if have is None or want is None:
        return None
    story = re.compile(r"(?P<want>.*)\|(?P<have>.*)").match(f"{want[1].strip(' ,')}|{have[1]}")
    return _bounded_ruby(story, place, project) if story else None


def _removed_method(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """A method that a newer Ruby dropped; the last Ruby that has it cures gem and application alike."""
    removed: dict[str, str] = data_file("ruby.json")["removed"]
    release = next((r for pattern, r in removed.items() if re.search(pattern, place.line.plain)), "")
    if not release:
        return None
    image = tool_image(project, TOOL)
    present = ruby_version(project)
    if not image or (present and present <= number(release)):
        return None
    reason = f"Ruby {release} is the last that has it: {found[0].strip()}"
    return other_image("ruby.removed", image, release, (place.line,), reason)


def ruby_version(project: Project) -> tuple[int, ...]:
    """From the paths in the evidence, else from the image; () where unknown."""
    for source in project.evidence.sources:
        found = _RUBY_PATH.findall(source.text)
        if found:
            return number(found[-1])
    return release_in(tool_image(project, TOOL))[:2]


RULES: tuple[Rule, ...] = (
    rule(r"uninitialized constant|undefined method|cannot load such file", _removed_method),
    rule(r"Your Ruby version is (\S+), but your Gemfile specified (.+)$", _specified_ruby),
    rule(
        r"requires ruby version (?P<want>[^,\s][^;]*?), which is incompatible with the current version, ruby"
        r" (?P<have>\d+\.\d+)",
        _bounded_ruby,
    ),
    rule(
        r"requires [Rr]uby version >= ?([\d.]+)|depends on Ruby >= ([\d.]+)"
        r"|requires ruby version (?:[~<>= ]*)([\d.]+).*which is incompatible",
        _needs_ruby,
    ),
    rule(r"version solving has failed", _solving),
)
"""Tried in order, before the other rules of Ruby."""
