"""The probes of a verification, read back from its log, and drawn over time (FR-007)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from activities.report_page.markup import Html, join, tag
from workflows.quantities import seconds

_LINE: Final = re.compile(
    r"\S+Z \+ *(?P<after>\d+\.\d+)s (?P<good>ok  |FAIL) (?P<check>.*?) \[(?P<vantage>worker|target)\] "
    r"(?P<detail>.*) \((?P<elapsed>\d+\.\d+) s\)"
)
_VERDICT: Final = "verdict: "
"""What follows it in the log are other people's words."""
_LONGEST_LINE: Final = 4000
_SLOTS: Final = 200
_WIDTH: Final = 1000.0
_HEIGHT: Final = 40.0
_MOST_CHECKS: Final = 20


@dataclass(frozen=True)
class Probe:
    """One measurement; times in seconds, ``after`` since the verification began."""

    after: float
    ok: bool
    check: str
    detail: str
    elapsed: float


@dataclass(frozen=True)
class Verification:
    """All probes of one round, and the verdict in the log's words."""

    round: int
    probes: tuple[Probe, ...]
    verdict: str = ""


def read_probes(log: str, round_number: int) -> Verification:
    """The probes that ``verify.log`` tells of, up to its verdict."""
    probes: list[Probe] = []
    for line in log.split("\n"):
        if line.startswith(_VERDICT):
            return Verification(round_number, tuple(probes), line.removeprefix(_VERDICT))
        if len(line) <= _LONGEST_LINE and (match := _LINE.fullmatch(line)) is not None:
            where = f" from inside {match['vantage']}" if match["vantage"] == "target" else ""
            check = f"{match['check']}{where}"
            good, elapsed = match["good"] == "ok  ", float(match["elapsed"])
            probes.append(Probe(float(match["after"]), good, check, match["detail"], elapsed))
    return Verification(round_number, tuple(probes))


def probe_charts(verifications: Iterable[Verification]) -> list[Html]:
    """One strip per check and round: a bar per probe, red and full height where it was not good."""
    return [_charts(verification) for verification in verifications if verification.probes]


def _charts(verification: Verification) -> Html:
    by_check: dict[str, list[Probe]] = {}
    for probe in verification.probes:
        by_check.setdefault(probe.check, []).append(probe)
    end = max(probe.after for probe in verification.probes) or 1.0
    title = tag("h3", f"Round {verification.round}: {verification.verdict or 'no verdict'}")
    strips = [_strip(name, probes, end) for name, probes in list(by_check.items())[:_MOST_CHECKS]]
    left = len(by_check) - _MOST_CHECKS
    more = tag("p", f"{left} more checks are in verify.log.", class_="note") if left > 0 else None
    return join((title, strips, more))


def _strip(name: str, probes: list[Probe], end: float) -> Html:
    good = sum(probe.ok for probe in probes)
    slowest = max(probe.elapsed for probe in probes) or 0.001
    told = f"{good} of {len(probes)} good, slowest answer {slowest * 1000:.0f} ms"
    first = next((probe.after for probe in probes if probe.ok), None)
    since = f", first good after {seconds(first)}" if first is not None else ""
    last = f"last: {probes[-1].detail}"
    picture = tag(
        "svg", _bars(probes, end, slowest), viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}", preserveAspectRatio="none",
        class_="strip", role="img", aria_label=f"{name}: {told}{since}",
    )  # fmt: skip
    scale = tag("div", tag("span", "0 s"), tag("span", seconds(end)), class_="scale", aria_hidden="true")
    caption = tag("figcaption", tag("b", name), f" {told}{since}; {last}")
    return tag("figure", caption, picture, scale)


def _bars(probes: list[Probe], end: float, slowest: float) -> list[Html]:
    """Many probes share a slot; one that was not good is never hidden by one that was."""
    slots: dict[int, Probe] = {}
    for probe in probes:
        at = min(_SLOTS - 1, int(probe.after / end * _SLOTS))
        held = slots.get(at)
        if held is None or (held.ok and (not probe.ok or probe.elapsed > held.elapsed)):
            slots[at] = probe
    return [_bar(at, probe, slowest) for at, probe in sorted(slots.items())]


def _bar(at: int, probe: Probe, slowest: float) -> Html:
    width = _WIDTH / _SLOTS
    height = _HEIGHT if not probe.ok else 8 + (_HEIGHT * 0.6 - 8) * min(1.0, probe.elapsed / slowest)
    return tag(
        "rect", x=round(at * width, 1), y=round(_HEIGHT - height, 1), width=round(width * 0.8, 1),
        height=round(height, 1), class_="good" if probe.ok else "bad",
    )  # fmt: skip
