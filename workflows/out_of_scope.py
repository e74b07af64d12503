"""What people ask for that is not done here, and what is possible instead (FR-002). Pure."""

import re
from dataclasses import dataclass

_PACKAGE_SAID = re.compile(
    r"\b(?:package|dependency|module|library|gem|crate|artifact)\b|^(?:pip3?|npm|yarn|pnpm|gem"
    r"|bundle|composer"
    r"|cargo|go|apt|apt-get|apk|yum|dnf) ", re.IGNORECASE
)  # fmt: skip
_CHANGE = (
    r"(?:add|set|unset|change|update|remove|delete|drop|expose|open|close|publish|map|rotate|renew"
    r"|export|create|use"
    r"|put|configure|edit|increase|decrease|raise|lower|limit|mount|attach|define|reveal|show|print"
    r"|modify|replace"
    r"|upgrade|install|give|generate|disable|enable|turn|pass|inject|switch|rename|move|bump|reset)"
)


def _word(words: str) -> str:
    return rf"(?<![\w./@-])(?:{words})(?![\w/@-])"


@dataclass(frozen=True, slots=True)
class _Scope:
    pattern: re.Pattern[str]
    answer: str
    unless_package: bool = False
    """A package may be called so, where the sentence says that it is one."""


def _scope(pattern: str, answer: str, *, unless_package: bool = False) -> _Scope:
    return _Scope(re.compile(pattern, re.IGNORECASE), answer, unless_package)


_SCOPES = (
    _scope(
        r"^(?:fix|repair|heal) (?:(?:the|a|an|my|our|this|that|all) )*(?:[\w-]+ )?(?:source )?"
        r"(?:bugs?|typos?|code|functions?|class|methods?|features?|(?:unit )?tests?|endpoints?|routes?|logic"
        r"|pages?"
        r"|buttons?|passwords?|secrets?|certificates?|ports?|env(?:ironment)?(?: variables?)?|variables?"
        r"|compose file|volumes?|networks?|tables?|permissions?)"
        r"(?! (?:in|of) (?:the )?(?:dockerfile|requirements))(?= |$)",
        "what is repaired here are a service's dependencies and its image, not its code, settings or data; "
        "bring a change of code as a unified diff with --patch FILE",
    ),
    _scope(
        r"^(?:(?:open|create|make|raise|file|merge|close|send|submit|review) (?:(?:a|an|the|new|me) )*"
        r"(?:pull request|merge request|pr|mr|branch|commit|issue|ticket|release|tag)\b|(?:commit"
        r"|push|git|gh|merge|rebase)\b)",
        "no commits and no pull requests are made here; after a run, `mm-orchestrator diff RUN` "
        "prints a patch for "
        "`git apply`, and the report has a commit message",
    ),
    _scope(
        r"^(?:kubectl|helm|terraform|ansible)\b|^deploy\b|" + r"\b(?:to|on|in|into|from) (?:the )?"
        + _word("kubernetes|k8s|swarm|nomad|ecs|openshift|cluster|cloud|production cluster")
        + "$|" + _word("pods?|statefulsets?|daemonsets?|replicasets?|ingress(?:es)?|namespaces?"),
        "only services of a Docker Compose project on this host are repaired; rebuild or restart one: "
        '"rebuild <service>"',
        unless_package=True,
    ),
    _scope(
        r"^scale\b|" + _word("replicas?") + "|" + _word(r"\d+ (?:instances?|copies|workers|containers)"),
        "services are not scaled; a run keeps the number of containers it finds",
    ),
    _scope(
        r"^(?:drop|wipe|truncate|purge|erase|destroy|prune|flush|empty|clear|clean|reset|restore"
        r"|back ?up|migrate|dump"
        r"|import|seed)\b|^(?:delete|remove)\b.*"
        + _word("data|databases?|db|tables?|volumes?|rows?|records?|backups?|files?|folders?"
        "|director(?:y|ies)|logs?"
                "|containers?|images?|networks?|users?|cache|stack|project|everything|service"),
        "no data, volume, container or image is deleted, restored or migrated here; a package can be "
        "taken out: "
        '"remove <package> from <service>"',
        unless_package=True,
    ),
    _scope(
        r"^(?:edit|refactor|rewrite|write|implement|comment|uncomment|debug|optimi[sz]e|lint|format"
        r"|document|translate"
        r"|develop|code|program)\b|^" + _CHANGE + r"\b.*"
        + _word(r"(?:source )?code|functions?|class|methods?|bugs?|typos?|features?|line \d+|unit "
        r"tests?|endpoints?"
                r"|routes?|syntax(?: errors?)?|logic|algorithm|comments?|pages?|buttons?"),
        "source code is not edited by an instruction; bring the change as a unified diff with "
        "--patch FILE, or ask "
        'to repair a missing dependency: "repair <service>"',
        unless_package=True,
    ),
    _scope(
        "^" + _CHANGE + r"\b.*" + r"(?<![\w-])(?!node\.js\b)[\w./-]{1,200}\."
        + r"(?:py|js|mjs|cjs|ts|tsx|jsx|rb|go|php|java|rs|c|h|cpp|sh|html|css|sql)"
        r"(?![\w-])",
        "source files are not edited by an instruction; bring the change as a unified diff with "
        "--patch FILE",
        unless_package=True,
    ),
    _scope(
        "^" + _CHANGE + r"\b.*"
        + _word(r"env(?:ironment)?|env(?:ironment)? ?var(?:iable)?s?|variables?|secrets?|passwords?"
        r"|passphrases?"
                r"|credentials?|tokens?|api[ -]?keys?|private keys?|keys|\.env|certificates?|certs?"),
        "environment variables, secrets and certificates are never read out or changed; change them "
        "where they "
        'are kept, then: "restart <service>"',
        unless_package=True,
    ),
    _scope(
        "^" + _CHANGE + r"\b.*"
        + _word(r"ports?|volumes?|networks?|mounts?|bind mounts?|labels?|health ?checks?|entrypoint"
        r"|cmd|command"
                r"|memory|ram|cpus?|limits?|domains?|hostnames?|dns|compose(?: file)?"
                r"|docker-compose(?:\.ya?ml)?"
                r"|compose\.ya?ml|restart policy|log level|timeouts?|cron ?jobs?|user"),
        "the compose file and its settings (ports, volumes, networks, limits, health checks) are not "
        "changed here; "
        'change them by hand, then: "restart <service>"',
        unless_package=True,
    ),
    _scope(
        r"^(?:run|execute|exec|sh|bash|zsh|curl|wget|rm|mv|cp|chmod|chown|sudo|ssh|scp|docker"
        r"|docker-compose|podman"
        r"|cat|echo|kill|sed|awk|tar|eval|call|invoke|open a shell|apt-get update|apt update)\b",
        "no command is run for an instruction; what an install command would do is an instruction of "
        "its own: "
        '"add <package> to <service>"',
    ),
    _scope(
        r"^(?:stop|start|pause|unpause|shut ?down|bring|take|turn|kill|suspend|resume|down|up)\b",
        'a service is not stopped or started by itself; possible is "restart <service>"',
    ),
    _scope(
        r"^(?:undo|revert|roll ?back|go back)\b",
        "a run puts everything back by itself when it fails; a later change is undone with `git "
        "apply -R` and "
        '"rebuild <service>"',
    ),
    _scope(
        r"^(?:why|what|how|when|where|who|which|is|are|does|do you|did|has|have|show|list|tell"
        r"|explain|describe|status"
        r"|check|diagnose|analy[sz]e|inspect|test|monitor|watch|help|find|look|read|investigate"
        r"|summari[sz]e)\b",
        'questions are answered by `mm-orchestrator show RUN` and `explain RUN`; "repair <service>" '
        'with --plan-only '
        "diagnoses and changes nothing",
    ),
)  # fmt: skip


def out_of_scope(sentence: str) -> str:
    """Why this is not done here and what is possible instead; '' where no such wish is recognised.

    Args:
        sentence: plain, one line.
    """
    package = bool(_PACKAGE_SAID.search(sentence))
    for scope in _SCOPES:
        if not (package and scope.unless_package) and scope.pattern.search(sentence):
            return scope.answer
    return ""
