"""Finds in a free sentence what would be left undone, so that no sentence is carried out by halves. Pure.

Only "repair ..." is read freely: people paste error texts behind it. Everything in it that could be another
job, a condition, a time or a way of doing it makes the whole sentence one that is not understood.
"""

import re

_STRONG = frozenset(
    {
        "restart", "rebuild", "reinstall", "delete", "remove", "drop", "wipe", "scale", "deploy",
        "redeploy", "push", "commit", "merge", "pin", "uninstall", "revert", "prune", "kill",
        "stop", "reboot", "expose", "rename", "edit", "rotate", "exec", "execute", "curl", "wget",
        "rm", "sudo", "disable", "enable", "ignore", "reveal", "disregard", "forget", "send",
        "upload", "download", "install", "add", "set", "change", "move", "copy", "update",
        "upgrade", "downgrade", "create", "write", "grant", "publish", "exfiltrate", "print",
        "reset", "truncate", "erase", "destroy", "replace", "migrate", "notify", "email", "post",
        "override", "bypass", "skip", "approve", "reject", "repair", "heal", "fix", "pull",
        "switch", "close", "shutdown", "refactor", "modify",
    }
)  # fmt: skip
"""In its base form another job, unless the word before makes it a noun or a thing that failed."""
_WEAK = frozenset(
    {
        "build", "run", "start", "test", "make", "check", "show", "tell", "use", "clean", "clear",
        "put", "read", "give", "open", "keep", "leave", "try", "let", "do", "call", "take", "bring",
        "go", "get", "turn", "log", "save", "load", "list", "dump", "backup", "back", "restore",
        "scan", "verify", "watch", "report", "respond", "reply", "say", "output", "return", "act",
        "pretend", "become", "be", "bump", "bind", "mount",
    }
)  # fmt: skip
"""These are jobs only where a new clause begins with them."""
_NOUN_BEFORE = frozenset(
    {
        "the", "a", "an", "last", "failed", "failing", "broken", "after", "since", "during", "on",
        "at", "every", "its", "this", "that", "of", "from", "before", "each", "missing", "new",
        "old", "latest", "recent", "pip", "pip3", "npm", "apt", "apt-get", "apk", "yum", "dnf",
        "gem", "bundle", "composer", "cargo", "go", "yarn", "pnpm", "docker", "package", "database",
        "db", "schema", "automatic", "manual", "previous", "first", "second", "our", "my", "your",
        "their", "his", "her", "cannot", "can't", "cant", "not", "could", "never", "no", "nt",
        "doesnt", "didnt", "wont", "couldnt", "isnt", "has", "have", "had", "crash", "crashes",
        "crashed", "error", "errors", "exit", "exits", "dependency", "dependencies", "fresh",
        "clean", "pod", "poetry", "uv", "conda", "make", "git",
    }
)  # fmt: skip
_NOUN_AFTER = frozenset(
    {
        "of", "error", "errors", "failure", "failures", "problem", "problems", "issue", "issues",
        "script", "step", "failed", "fails",
    }
)  # fmt: skip
_CALLS = frozenset(
    {
        "exec", "open", "read", "write", "send", "connect", "bind", "mount", "set", "kill", "create", "load",
        "get", "make", "build", "start", "run", "import", "copy", "move", "close", "call", "use", "list",
    }
)  # fmt: skip
"""What programs were doing when they failed, in the words of their own messages: ``Error: write EPIPE``."""
_ERROR_WORD = re.compile(
    r"(?:error|err!?|fatal|panic|exception|failed|failure|critical|code \d+)$", re.IGNORECASE
)
_CAN_FAIL = re.compile(
    r"\b(?:fail|fails|failed|failing|unable|refuse|refuses|refused|try|tries|tried|trying|attempt"
    r"|attempts|attempted"
    r"|unsuccessful|not able|used|supposed|needs?|wants?|has|have|had|about|ready|able) to$"
)
_CLAUSE = re.compile(
    r"[,:!?]\s+|[.!?]\s+|\s[-\u2013\u2014]+\s|\b(?:and|or|then|also|plus|afterwards?|after that"
    r"|before that|next"
    r"|finally|additionally|furthermore|please|meanwhile|as well as|followed by|first|second)\b[\s,]*",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(?:if|unless|without|except|excluding|instead|but not|do not|don'?t|dont|never|rather than|not only"
    r"|as long as|provided|otherwise|whenever|until|dry[- ]run|simulate|maybe|perhaps|silently"
    r"|locally|remotely"
    r"|partially|partly|twice|temporarily(?! unavailable))\b"
    r"|^(?:not|no|nothing|neither|none)\b|\b(?:not|no|nothing)$|\s(?:and|or|but|then)$"
    r"|^(?:--?\w[\w-]*)(?= |$)|\s--?(?:force|yes|all|no-\w+|dry-run)$",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\b(?:tomorrow|tonight|later|midnight|noon|o'?clock|next week|next month|every (?:day|night"
    r"|hour|week)|daily"
    r"|nightly|hourly|weekly|(?:on|until|by|next) (?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|at \d{1,2}(?::\d\d)? ?(?:am|pm|h|utc)?\b(?! line)|in \d+ (?:minutes?|hours?|days?)|in an hour)\b",
    re.IGNORECASE,
)
_MANNER = re.compile(r"\b(?:by|using|via|through|with|while)\s+(?:\w+ly\s+)?(\w+ing)\b", re.IGNORECASE)
_EVERY = re.compile(
    r"^(?:all|every|each) (?!(?:of )?(?:the |my |our |its )?(?:missing|broken|failing|failed"
    r"|dependenc|import|package"
    r"|module|requirement|error|problem|\w+ (?:dependenc|import|package|module|error|problem)))"
    r"|\b(?:everything|both|each (?:service|container)|every (?:service|container)|all (?:of )?(?:the "
    r"|my |our )?"
    r"(?:services|containers|apps|images|stacks?|projects?)|all of (?:them|it)|all$|the (?:whole"
    r"|entire) (?:stack|project))\b",
    re.IGNORECASE,
)
_SECOND_SENTENCE = re.compile(
    r"[.?]\s+(?!(?:it|its|this|that|the|there|error|log|i|we|no)\b)[A-Za-z]", re.IGNORECASE
)


_ANYWAY = re.compile(
    r"[\s,]+(?:and|so that|to) (?:then )?"
    r"(?:(?:make sure|ensure|verify|check|see) (?:that )?it(?: is| runs?| works?)?"
    r"|make it(?: run| work)?|get it|bring it(?: back)?)"
    r"(?: (?:up|back|healthy|running|working|ok|okay|green|well))*(?: again)?$",
    re.IGNORECASE,
)
"""What every repair does in the end is no further wish."""


def second_job(text: str) -> str:
    """What in the text behind "repair" is more than the name of a service and its trouble; '' for nothing."""
    text = _ANYWAY.sub("", text)
    for pattern in (_CONDITION, _TIME, _EVERY):
        if match := pattern.search(text):
            return str(match[0]).strip()
    if (manner := _MANNER.search(text)) and manner[1].lower() not in {"missing", "failing", "crashing"}:
        return manner[0]
    if match := _SECOND_SENTENCE.search(text):
        return text[match.start() + 1 :].strip()[:40]
    return _clause_with_a_job(text) or _verb(text)


def _clause_with_a_job(text: str) -> str:
    for match in _CLAUSE.finditer(text):
        rest = text[match.end() :].lower().removeprefix("to ").removeprefix("make sure ")
        first = re.match(r"[a-z]+", rest)
        if not first or _is_error_text(rest, first[0]):
            continue
        after_colon = match[0].startswith(":")
        calls = _CALLS if after_colon and _ERROR_WORD.search(text[: match.start()]) else frozenset[str]()
        last = after_colon and rest.strip() == first[0]  # "missing script: start"
        if first[0] in _STRONG - calls or (first[0] in _WEAK - calls and not last):
            return f"{match[0].strip(' ,')} {first[0]}".strip()
    return ""


def _is_error_text(rest: str, word: str) -> bool:
    """``error: build failed``, ``exec: "x": not found``, ``list index out of range``: no wish."""
    if word in _CALLS and rest.startswith(f"{word}:"):
        return True
    return bool(
        re.match(
            rf"{word}(?:s|ing)?:? (?:failed|failure|failing|error|errors|fails|is|was|index|has)\b", rest
        )
    )


def _verb(text: str) -> str:
    words: list[str] = re.findall(r"[\w'./@:-]+", text.lower())
    for index, word in enumerate(words):
        if word.strip(".:'") not in _STRONG or (word.endswith(":") and word[:-1] in _CALLS):
            continue
        before = words[index - 1].strip(".:'") if index else ""
        if words[index + 1 : index + 2] and words[index + 1] in _NOUN_AFTER:
            continue
        if before in _NOUN_BEFORE or (before == "to" and _CAN_FAIL.search(" ".join(words[:index]))):
            continue
        return word
    return ""
