"""A syntax error in somebody else's code: the installed release is too new, or too old, for this Python."""

from __future__ import annotations

import re

from activities.diagnosis.knowledge import distribution_of
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.python.base import other_python
from activities.diagnosis.python.releases import before_this_series, last_for, version_of
from activities.diagnosis.python.tracebacks import Chain, Frame
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.diagnosis.versions import number
from workflows.models.finding import FindingKind

_RULE = "python.foreign_syntax"
_INSTALLED = re.compile(r"/python(?P<python>\d\.\d+)/(?:site|dist)-packages/(?P<top>\w+?)(?:\.py|/)")
_BUILDING = re.compile(r"/pip-(?:install|build)-[\w-]+/(?P<name>[A-Za-z][\w.-]*?)(?:_[0-9a-f]{32})?/")
_NEWER = (
    (re.compile(r"\bf['\"]|\brf['\"]|\bfr['\"]"), "3.6", "an f-string"),
    (re.compile(r"^\s*(?:self\.)?\w+: [\w.\[\], |]+(?: = .*)?$"), "3.6", "an annotated variable"),
    (re.compile(r"\(?\b\w+ := "), "3.8", "an assignment expression"),
    (re.compile(r"^\s*match .+:$|^\s*case .+:$"), "3.10", "a match statement"),
    (re.compile(r"from __future__ import annotations"), "3.7", "postponed annotations"),
    (re.compile(r"\basync def\b|\bawait\b|\basync with\b|\byield from\b"), "3.5", "async code"),
    (
        re.compile(
            r"\braise \w+.* from \w+|\*, ?\w+|\bnonlocal\b|-> [\w.\[\]'\"]+:|def \w+\(.*\w+: ?\w+"
            r"|\b\w+: ?(?:str|int|bool|float|dict|list|Optional|Any)\b"
        ),
        "3.5",
        "Python 3 syntax",
    ),
    (re.compile(r"^\s*except\* |^type \w+ = |\bdef \w+\[\w+\]"), "3.12", "new syntax"),
)
"""What a source line shows, the first Python that can read it; tried in order."""
_OLDER = re.compile(
    r"Missing parentheses in call to|^\s*print (?:['\"]|\w)|^\s*except \w+, \w+:|^\s*raise \w+, "
    r"|\b0\d+\b|\bexec \w"
)
_ASYNC_NAME = re.compile(r"\basync\b(?! def| with| for)")
_ASYNC_FIXED = {
    "celery": ">=4.3",
    "kombu": ">=4.3",
    "tweepy": ">=3.7",
    "pika": ">=1.0",
    "aioredis": ">=1.2",
    "twisted": ">=18.7",
    "tornado": ">=5",
    "pyglet": ">=1.4",
    "docker": ">=3.5",
    "txaio": ">=18.7",
    "paho-mqtt": ">=1.4",
    "python-telegram-bot": ">=11",
    "rx": ">=1.6.1",
    "dask": ">=0.18",
    "pymodbus": ">=2.2",
    "redis": ">=3",
    "asyncssh": ">=1.13",
    "aiohttp": ">=3.3",
    "ws4py": ">=0.5",
    "apscheduler": ">=3.5.2",
    "gevent": ">=1.3.5",
}


def foreign_syntax(chain: Chain, project: Project) -> Verdict | None:
    """The verdict on a syntax error in an installed package or one that is being built; None elsewhere."""
    final = chain.final
    if final.name not in ("SyntaxError", "IndentationError", "TabError") or not final.frames:
        return None
    frame = final.frames[-1]
    installed, building = _INSTALLED.search(frame.file), _BUILDING.search(frame.file)
    if not installed and not building:
        return None
    name = building["name"] if building else _distribution(installed["top"] if installed else "")
    running = (installed["python"] if installed else "") or project.python_version
    lines = (final.log, frame.log)
    if not name:
        return None
    if _OLDER.search(f"{final.text}\n{frame.code}") and (not running or number(running) >= (3,)):
        return Refusal("python.python2_only", f"the release of {name} is written for Python 2 only", lines)
    if (
        _ASYNC_NAME.search(frame.code)
        and "async" in frame.code
        and (not running or number(running) >= (3, 7))
    ):
        return _keyword(name, lines, project)
    return _too_new(name, running, frame, lines, project)


def _too_new(
    name: str, running: str, frame: Frame, lines: tuple[LogLine, ...], project: Project
) -> Verdict | None:
    """The release is made for a newer Python than the image has."""
    needs, what = next(
        ((since, what) for pattern, since, what in _NEWER if pattern.search(frame.code)), ("", "")
    )
    if not running or (needs and number(running) >= number(needs)):
        return None
    pin = last_for(name, running) or before_this_series(_fetched(name, project))
    why = f"the installed release of {name} has {what or 'syntax'} that Python {running} cannot read"
    if pin:
        kind = FindingKind.CHANGE_PYTHON_VERSION_PIN
        target = project.dockerfile_target() if name in ("pip", "setuptools", "wheel") else ""
        return Need(_RULE, kind, (name,), lines, f"{why}; releases {pin} of it can be", pin, target=target)
    if not needs or number(running) < (3,):
        return Refusal(_RULE, why, lines)
    return other_python("foreign_syntax", needs, why, lines, project)


def _keyword(name: str, lines: tuple[LogLine, ...], project: Project) -> Verdict:
    """`async` became a keyword with Python 3.7, and old releases use it as a name."""
    fixed = _ASYNC_FIXED.get(name.lower(), "")
    why = f"the installed release of {name} uses 'async' as a name, which Python 3.7 made a keyword"
    if fixed:
        kind = FindingKind.CHANGE_PYTHON_VERSION_PIN
        return Need(_RULE, kind, (name,), lines, f"{why}; releases {fixed} do not", fixed)
    return other_python("foreign_syntax", "3.6", why, lines, project)


def _distribution(top: str) -> str:
    known = distribution_of(top)
    return (
        known.name
        if known
        else ({"pip": "pip", "setuptools": "setuptools", "pkg_resources": "setuptools"}).get(top, "")
    )


def _fetched(name: str, project: Project) -> str:
    """The release that the log says was fetched or installed, '' where it does not say."""
    spelled = re.escape(name).replace(r"\-", "[-_.]")
    pattern = re.compile(
        rf"(?:Downloading|Using cached|Successfully installed) (?:.*?[ /])?{spelled}"
        r"-(\d[\w.!+]*?)(?:\.tar|\.zip|-(?:py|cp)|\s|$)",
        re.IGNORECASE,
    )
    for source in project.evidence.sources:
        found = pattern.findall(source.text)
        if found and version_of(found[-1]):
            return str(found[-1])
    return ""
