"""Pure verdicts over what was measured: is the service healthy, was anybody else touched?

Nothing here asks Docker or the clock; the steps measure, these rules judge (SPEC FR-006, FR-007; I3).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from workflows.models.snapshot import ContainerState, NeighbourProof
from workflows.models.verification import Verification
from workflows.ownership import POLICIES_THAT_RESTART

EAGER_SECONDS = 30.0
"""So long the service is looked at often; afterwards the pauses grow."""
_FIRST_PAUSE_SECONDS = 0.02
_EAGER_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 5.0
_STABLE_PAUSE_SECONDS = 0.5
_KILLED_EXIT_CODES = frozenset({137, 143})


@dataclass(frozen=True)
class Check:
    """One check's outcome at one instant; ``crashed`` ends the verification at once."""

    name: str
    """``state``, ``health`` or ``http <url>``."""
    ok: bool
    detail: str
    crashed: bool = False


@dataclass(frozen=True)
class Verdict:
    """How a verification ended; ``code`` is None where every check passed and stayed good."""

    code: str | None
    detail: str = ""


@dataclass(frozen=True)
class Watch:
    """A verification in progress. Times are seconds since it began."""

    rules: Verification
    good_since: float | None = None
    was_good: bool = False
    last_bad: str = "nothing was measured"

    def judge(self, at: float, checks: Iterable[Check]) -> "tuple[Watch, Verdict | None]":
        """Take in one round of checks; a verdict ends the verification.

        A crash fails at once. The service has ``max_wait_seconds`` to become good; once good it must stay
        so for the stability window, which may reach beyond the maximum wait.
        """
        bad = [check for check in checks if not check.ok]
        crashed = next((check for check in bad if check.crashed), None)
        if crashed is not None:
            return self, Verdict("container_crashed", crashed.detail)
        if bad:
            detail = "; ".join(f"{check.name}: {check.detail}" for check in bad)
            waiting = replace(self, good_since=None, last_bad=detail)
            return waiting, waiting.timed_out(at)
        since = at if self.good_since is None else self.good_since
        watch = replace(self, good_since=since, was_good=True)
        stable = at - since >= self.rules.stability_window_seconds
        return watch, Verdict(None) if stable else None

    def timed_out(self, at: float) -> Verdict | None:
        """The verdict where the maximum wait is over and the service is not good."""
        if self.good_since is not None or at < self.rules.max_wait_seconds:
            return None
        return Verdict("not_stable" if self.was_good else "health_timeout", self.last_bad)

    def pause(self, at: float, quick: int) -> float:
        """Seconds until the next look (SPEC FR-007: backoff).

        Args:
            at: seconds since the verification began.
            quick: looks since it began or since Docker last reported something.
        """
        if self.good_since is not None:
            window = self.rules.stability_window_seconds
            left = max(self.good_since + window - at, 0.0)
            return min(_STABLE_PAUSE_SECONDS, max(window / 20, _FIRST_PAUSE_SECONDS), max(left, 0.001))
        grown = _FIRST_PAUSE_SECONDS * float(2 ** min(quick, 12))
        if at < EAGER_SECONDS:
            return min(grown, _EAGER_PAUSE_SECONDS)
        late = _EAGER_PAUSE_SECONDS * math.pow(2, (at - EAGER_SECONDS) / EAGER_SECONDS * 3)
        left = max(self.rules.max_wait_seconds - at, 0.001)
        return min(grown, late, _LONGEST_PAUSE_SECONDS, left)


def check_replicas(
    containers: tuple[ContainerState, ...], scale: int, restarts_before: dict[str, int]
) -> tuple[Check, ...]:
    """The state check over all replicas, and the health check where they have one (SPEC FR-007).

    Args:
        containers: the service's containers now.
        scale: how many there must be.
        restarts_before: container id -> restart count it began with; 0 for a new container.
    """
    checks = [_state_check(container, restarts_before.get(container.id, 0)) for container in containers]
    if len(containers) != scale:
        detail = f"{len(containers)} of {scale} containers exist"
        checks.append(Check("state", ok=False, detail=detail))
    with_health = [container for container in containers if container.health is not None]
    if with_health:
        sick = [f"{c.name} is {c.health}" for c in with_health if c.health != "healthy"]
        detail = ", ".join(sick) or "healthy"
        checks.append(Check("health", ok=not sick, detail=detail))
    return _one_state_check(checks)


def _state_check(container: ContainerState, restarts_before: int) -> Check:
    name, grown = container.name, container.restart_count - restarts_before
    if container.status in {"exited", "dead"}:
        killed = ", out of memory" if container.oom_killed else ""
        detail = f"{name} exited with code {container.exit_code}{killed}"
        return Check("state", ok=False, detail=detail, crashed=True)
    if grown > 0 or container.status == "restarting":
        times = f"{grown} time{'s' if grown != 1 else ''}"
        code = f", last with code {container.exit_code}" if container.status == "restarting" else ""
        detail = f"{name} crashed and was restarted by Docker {times}{code}"
        return Check("state", ok=False, detail=detail, crashed=True)
    return Check("state", ok=container.status == "running", detail=f"{name} is {container.status}")


def _one_state_check(checks: list[Check]) -> tuple[Check, ...]:
    """One line per kind of check: a crash says more than a wait, a wait more than all is well."""
    states = [check for check in checks if check.name == "state"]
    others = [check for check in checks if check.name != "state"]
    crashed = [check for check in states if check.crashed]
    telling = crashed or [check for check in states if not check.ok] or states
    detail = "; ".join(check.detail for check in telling) or "there is no container"
    ok = bool(states) and not crashed and all(check.ok for check in states)
    return (Check("state", ok=ok, detail=detail, crashed=bool(crashed)), *others)


def prove(
    before: tuple[ContainerState, ...],
    after: tuple[ContainerState, ...],
    dry_before: Iterable[str],
    dry_after: Iterable[str],
    killed: frozenset[str] = frozenset(),
    *,
    daemon_restarted: bool = False,
) -> NeighbourProof:
    """Compare the rest of the project before and after (I3, SPEC FR-006).

    Args:
        before: neighbours when the journal was opened.
        after: neighbours now.
        dry_before: services that a plain ``up`` would have changed then.
        dry_after: services that it would change now.
        killed: ids of containers that somebody asked Docker to stop or kill meanwhile.
        daemon_restarted: whether the daemon was started anew since; its memory of orders begins there, too.
    """
    now = {state.id: state for state in after}
    changed, by_itself, excused = _replaced(before, after), [], []
    for old in before:
        if old.id not in now:
            continue
        what = _change(old, now[old.id], asked=old.id in killed)
        if what and daemon_restarted and old.id not in killed and _daemons_doing(old, now[old.id]):
            excused.append(now[old.id])
        elif what == _BY_ITSELF:
            by_itself.append(now[old.id])
        elif what:
            changed.append(f"{old.name} ({what})")
    unsteady = {state.service for state in (*by_itself, *excused)}  # down at one instant, up at the next
    fresh = tuple(sorted(set(dry_after) - set(dry_before) - unsteady))
    return NeighbourProof(
        before=before,
        after=after,
        untouched=not changed and not fresh,
        changed=tuple(changed),
        self_restarted=tuple(_how_it_stands(state) for state in by_itself),
        dry_run_new=fresh,
        daemon_restarted=daemon_restarted,
        excused=tuple(state.name for state in excused),
    )


_BY_ITSELF = "by itself"


def _replaced(before: tuple[ContainerState, ...], after: tuple[ContainerState, ...]) -> list[str]:
    """Containers with another id: removed, added, or recreated under the same name."""
    old_ids, new_ids = {state.id for state in before}, {state.id for state in after}
    gone = {state.name for state in before if state.id not in new_ids}
    new = {state.name for state in after if state.id not in old_ids}
    words = [(gone & new, "recreated"), (gone - new, "gone"), (new - gone, "new")]
    return [f"{name} ({word})" for names, word in words for name in sorted(names)]


def _change(old: ContainerState, new: ContainerState, *, asked: bool) -> str:
    """What happened to a neighbour: nothing (empty), something by itself, or what somebody did to it."""
    if (old.status, old.started_at) == (new.status, new.started_at):
        return ""
    if new.restart_count > old.restart_count or "restarting" in {old.status, new.status}:
        return _BY_ITSELF
    if not old.up:
        return "started" if new.started_at != old.started_at else new.status
    if new.up:
        return "restarted" if new.started_at != old.started_at else new.status
    return "stopped" if asked or _looks_stopped(new) else _BY_ITSELF


def _daemons_doing(old: ContainerState, new: ContainerState) -> bool:
    """What a restart of the daemon does by itself (COMPOSE fact 9): another start, or down without a policy.

    Of a container that is the same in everything else. ``unless-stopped`` stays down after a crash of the
    daemon (measured with 26.1.5), ``always`` comes back.
    """
    if (old.image_id, old.config_hash) != (new.image_id, new.config_hash):
        return False
    if new.status == "running":  # ``always`` starts also what had been stopped
        return new.restart_policy != "no" and (old.up or new.restart_policy == "always")
    if not old.up or new.status != "exited":
        return False
    clean_end = new.restart_policy == "on-failure" and new.exit_code == 0
    return new.restart_policy in {"no", "unless-stopped"} or clean_end


def _looks_stopped(state: ContainerState) -> bool:
    """Docker restarts what crashes under these policies; and 137 or 143 come from a signal."""
    if state.restart_policy in POLICIES_THAT_RESTART:
        return True
    return state.exit_code in _KILLED_EXIT_CODES and not state.oom_killed


def _how_it_stands(state: ContainerState) -> str:
    if state.up:
        return f"{state.name} (restarted by its restart policy, {state.restart_count} times so far)"
    return f"{state.name} (ended by itself with code {state.exit_code})"
