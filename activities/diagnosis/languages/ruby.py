"""Ruby's rules: gems that the Gemfile lacks, installs that were left out, and a Ruby of the wrong age."""

from __future__ import annotations

import re

from activities.diagnosis.data_files import data_file
from activities.diagnosis.evidence import Phase
from activities.diagnosis.languages import ruby_releases
from activities.diagnosis.languages.context_files import context_files, context_text, nearest
from activities.diagnosis.languages.line_rules import (
    Rule,
    command_need,
    from_table,
    judged,
    rule,
    system_need,
)
from activities.diagnosis.languages.ruby_releases import TOOL, ruby_version
from activities.diagnosis.languages.toolchain import (
    first_command,
    tool_image,
)
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Ecosystem, Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.diagnosis.versions import number
from workflows.models.finding import FindingKind

_BUNDLE = r"\bbundle\b(?: (?:install|check|config)\b)?"
_DECLARED = r"(?m)^\s*gem\s*\(?\s*['\"]{}['\"]"


def _load_error(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """A file that `require` did not find: the project's own, a moved library, or a gem."""
    feature, lines = found[1].strip("'\""), (place.line,)
    if feature.startswith(("/", "./", "../", "~")) or _own_file(feature, project):
        reason = f"{feature} is a file of the project itself that is not where it is required from"
        return Refusal("ruby.own_file", reason, lines)
    if feature.split("/")[0] == "bundler":
        return command_need("ruby.no_bundler", "gem install bundler", place, "Bundler is not installed")
    split = data_file("ruby.json")["split"].get(feature)
    distribution = project.package_manager == "apk" and "alpine" in project.base_image
    if split and distribution and not tool_image(project, TOOL):
        why = f"Alpine packages {feature} apart from Ruby itself, as {split}"
        return Need("system.ruby_split", FindingKind.ADD_SYSTEM_PACKAGE, (split,), lines, why)
    gem = _moved(feature, project) or _gem_of(feature)
    if gem:
        return _missing_gem(gem, feature, place, project)
    if feature in ("mkmf", "zlib", "openssl", "ffi_c"):
        return None
    return Refusal("ruby.unknown_feature", f"which gem provides {feature} is not known", lines)


def _own_file(feature: str, project: Project) -> bool:
    name = f"{feature.removesuffix('.rb')}.rb"
    return any(f"/{path}".endswith(f"/{name}") for path in context_files(project, ".rb"))


def _moved(feature: str, project: Project) -> str:
    """The gem of a library that this Ruby no longer loads by itself."""
    gem = data_file("ruby.json")["moved_features"].get(feature, feature.split("/", maxsplit=1)[0])
    since = next((r for r, gems in data_file("ruby.json")["moved"].items() if gem in gems), "")
    present = ruby_version(project)
    return str(gem) if since and (not present or present >= number(since)) else ""


def _gem_of(feature: str) -> str:
    """The gem that is known to provide a feature; the longest known prefix of its path decides."""
    known: dict[str, str] = data_file("ruby.json")["features"]
    parts = feature.removesuffix(".rb").split("/")
    names = ("/".join(parts[:size]) for size in range(len(parts), 0, -1))
    return next((known[name] for name in names if name in known), "")


def _missing_gem(gem: str, feature: str, place: Place, project: Project) -> Verdict:
    """Not in the Gemfile: add it there. In it: its install was left out. No Gemfile: `gem install`."""
    gemfile = nearest(project, "Gemfile")
    text = (context_text(project, gemfile) or "") if gemfile else ""
    if re.search(_DECLARED.format(re.escape(gem)), text):
        return _not_installed(gem, place, project)
    if project.context is not None and not gemfile and project.facts is not None:
        why = f"{feature} comes with the gem {gem}, and the project has no Gemfile"
        return command_need("ruby.missing_gem", f"gem install {gem}", place, why)
    why = f"{feature} comes with the gem {gem}, which the Gemfile does not ask for"
    return Need("ruby.missing_gem", FindingKind.ADD_RUBY_GEM, (gem,), (place.line,), why)


def _not_installed(gem: str, place: Place, project: Project) -> Verdict:
    """The Gemfile asks for it, the image does not have it."""
    if not _runs(project, r"\bbundle (?:_[\d.]+_ )?(?:install|update|check|\\?$)|\bbundle\s*(?:$|&&|;)"):
        why = f"the Gemfile asks for {gem or 'gems'}, but nothing installs what it asks for"
        return command_need("ruby.not_installed", "bundle install", place, why)
    if place.phase is Phase.BUILD:
        reason = f"{gem or 'a gem'} is in the Gemfile and `bundle install` runs, yet it is not found"
        return Refusal("ruby.not_installed", reason, (place.line,))
    why = f"{gem or 'a gem'} is in the Gemfile; the image is older than it: build it again"
    return Need("image.older_than_manifest", FindingKind.REBUILD, (), (place.line,), why)


def _runs(project: Project, pattern: str) -> bool:
    facts = project.facts
    runs = [i.body.chars for i in facts.instructions if i.keyword in ("RUN", "CMD")] if facts else []
    return any(re.search(pattern, body, re.MULTILINE) for body in runs)


def _gems_absent(found: re.Match[str], place: Place, project: Project) -> Verdict:
    named = re.sub(r"-[\d.]+$| \(.*$", "", next((group for group in found.groups() if group), ""))
    return _not_installed(named if re.match(r"^[\w.-]+$", named) else "", place, project)


def _bundler_version(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """Gemfile.lock names the Bundler it was written with."""
    why = f"Gemfile.lock was written with Bundler {found[1]}, which the image does not have"
    command = f"gem install bundler -v {found[1]}"
    return command_need("ruby.bundler_version", command, place, why, ahead_of=first_command(project, _BUNDLE))


def _last_supporting(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """RubyGems itself says which release still suits this Ruby."""
    gem, version = found[1], found[2]
    old = first_command(project, rf"gem install (?:-\S+ )*{re.escape(gem)}(?![\w-])")
    if project.facts is not None and not old:
        reason = f"this Ruby is too old for the newest {gem}; {version} is the last that suits it"
        return Refusal("ruby.gem_too_new", reason, (place.line,))
    why = f"this Ruby is too old for the newest {gem}; {version} is the last release that suits it"
    command = f"gem install {gem} -v {version}"
    return command_need("ruby.gem_too_new", command, place, why, replaces=old)


def _native(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """The end of a failed native build: what it printed before decides, else the gem's known needs."""
    for index in range(place.index - 1, max(-1, place.index - 250), -1):
        verdict = judged(_TABLE, Place(place.lines, index, place.phase), project)
        if isinstance(verdict, Need):
            return verdict
    identity = data_file("ruby.json")["native"].get(found[1])
    entry = next((e for e in data_file("ruby.json")["messages"] if e["id"] == identity), None)
    if entry is None or not any("extconf failed" in line.plain for line in place.before(250)):
        return Refusal("ruby.native", f"the gem {found[1]} did not build", (place.line,), generic=True)
    return system_need(f"ruby.{identity}", entry, place, project, TOOL)


def _no_make(_: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """No make or compiler while a gem is built: such an image has none of the tools."""
    near = (*place.before(60), *place.after(30))
    if not any(re.search(r"native extension|extconf|\.gem\b|bundle install", line.plain) for line in near):
        return None
    entry = next(e for e in data_file("ruby.json")["messages"] if e["id"] == "compiler")
    return system_need("ruby.compiler", entry, place, project, TOOL)


_TABLE = from_table("ruby", TOOL)
_RULES: tuple[Rule, ...] = (
    *ruby_releases.RULES,
    rule(r"cannot load such file -- (\S+)", _load_error),
    rule(r"Could not find gem '([^']+)' in locally installed gems", _gems_absent),
    rule(r"Could not find (\S+?)(?:, \S+)* in (?:locally installed gems|any of the sources)", _gems_absent),
    rule(r"bundler: command not found: (\S+)", _gems_absent),
    rule(r"(?:Could not find|find gem) '?bundler'? \(=? ?([\d.]+)\) required by", _bundler_version),
    rule(r"The last version of (\S+) \([^)]*\) to support your Ruby.* was (\d[\w.]*\w)", _last_supporting),
    rule(r"An error occurred while installing ([\w.-]+) \(|Error installing ([\w.-]+):$", _native),
    rule(
        r"\b(?:make|gcc|g\+\+|cc): (?:command )?not found|make: (?:gcc|g\+\+|cc): (?:Command not|No such)",
        _no_make,
    ),
    *_TABLE,
)


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line of Ruby, Bundler, RubyGems or mkmf."""
    return judged(_RULES, place, project)


ECOSYSTEM = Ecosystem("ruby", of_line)
