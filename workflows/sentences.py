"""The sentences an operator may say, as patterns; ``planning`` reads them (FR-002)."""

import re

from workflows.package_phrases import TOOLS

REPAIR = re.compile(
    r"(?:repair|fix|heal|(?:add|install) (?:the |a |all |any )?missing"
    r"(?: python| npm| node| ruby| go| php| java| rust| system)?"
    r" (?:dependency|dependencies|packages?|modules?|gems?|crates?|librar(?:y|ies))(?= (?:to|in|for"
    r"|of)\b|$))\b\s*(?P<what>.*)",
    re.IGNORECASE,
)
RERUN = re.compile(
    r"(?P<verb>rebuild and restart|restart and rebuild|rebuild|restart|build)\b\s*(?P<where>.*)",
    re.IGNORECASE,
)
_TOOL = "|".join(sorted((re.escape(tool) for tool in TOOLS), key=len, reverse=True))
ADD = re.compile(
    rf"(?:(?P<tool>{_TOOL}) )?(?:add|install|require|get) (?P<what>.+?)"
    r"(?: (?:to|into|in|inside|for|on) (?P<where>.+))?",
    re.IGNORECASE,
)
REMOVE = re.compile(
    rf"(?:(?P<tool>{_TOOL}) )?(?:remove|uninstall|delete|del|take out|rm) (?P<what>.+?)"
    r"(?: (?:from|out of|of|in|inside|for|on) (?P<where>.+))?",
    re.IGNORECASE,
)
VERSIONED = re.compile(
    r"(?P<verb>pin|upgrade|downgrade|update|bump|lower|raise|change|set|switch|move) (?P<what>.+?)"
    r"(?: (?:in|for|of|on) "
    r"(?P<early>.+?))?"
    r"(?: (?:to|at) (?:version |release )?(?:the )?| ?(?=[=<>~!]=?))(?P<version>.+?)"
    r"(?: (?:in|for|of|on) (?P<late>.+))?",
    re.IGNORECASE,
)
UNVERSIONED = re.compile(
    r"(?P<verb>pin|upgrade|downgrade|update|bump) (?P<what>.+?)(?: (?:in|for|of|on) (?P<where>.+))?",
    re.IGNORECASE,
)
BASE = re.compile(
    r"(?:change|set|switch|move|update|upgrade|downgrade|replace|bump|pin) (?:the )?base "
    r"image(?P<tag> tag)?"
    r"(?: (?:of|in|for|on) (?P<early>.+?))?(?: (?:to|with|by) (?P<image>\S+?))(?: (?:in|for|of|on) "
    r"(?P<late>.+))?",
    re.IGNORECASE,
)
BASE_ASKED = re.compile(r"\b(?:base|docker) image\b", re.IGNORECASE)
USE = re.compile(
    r"(?:use|build (?:it )?(?:on|from)|base it on|switch to) (?:the (?:base )?image "
    r")?(?P<image>\S+?)(?: (?P<version>v?\d[\d.]*))?"
    r"(?: as (?:the |a |its )?(?:new )?(?:base )?image)?(?: (?:for|in|on|of) (?P<where>.+?))?(?: as "
    r"(?:the |a |its )?(?:new )?(?:base )?image)?",
    re.IGNORECASE,
)
ON_BASE = re.compile(
    r"(?:base|build) (?P<where>.+?) (?:on|from) (?:the image )?(?P<image>\S+)", re.IGNORECASE
)
MOVE_ON = re.compile(
    r"(?:upgrade|downgrade|update|move|switch|bump) (?P<where>.+?) to (?P<what>[A-Za-z.]+) "
    r"(?:version )?(?P<version>v?\d[\d.]*)",
    re.IGNORECASE,
)
NEWEST = frozenset({"latest", "newest", "the latest", "the newest", "latest version", "newest version",
                     "latest release", "newest release", "a newer version", "newer version"})  # fmt: skip
REPAIR_LAST = re.compile(
    r"(?P<what>.+?)[,.:!]? (?:and |so |then )?(?:please )?(?:repair|fix|heal) (?:it|this|that)", re.IGNORECASE
)
IMAGE = re.compile(
    r"(?:change|set|switch|update|upgrade|replace|use) (?:the |another |a )?(?:docker )?image\b.*",
    re.IGNORECASE,
)
