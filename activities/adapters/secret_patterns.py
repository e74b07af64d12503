"""What secrets look like when nobody told us: pure, line by line.

Better one word too many than one too few, but a diagnosis must stay readable: ``tokenizers==0.15`` is a
package, ``PASSWORD_FILE`` a path and ``KeyError: 'SECRET_KEY'`` a name.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

MASK = "[masked]"

_STRONG = frozenset(
    {
        "apikey", "apitoken", "authtoken", "credential", "credentials", "passphrase", "passwd", "password",
        "secret", "secrets", "secretkey", "token",
    }
)  # fmt: skip
_STRONG_ENDINGS = ("password", "passwd", "secret", "apikey", "accesstoken", "authtoken")
_WEAK = frozenset({"auth", "authorization", "cookie", "dsn", "jwt", "pass", "pat", "pw", "pwd"})
_PAIRS = frozenset(
    {
        ("access", "key"), ("account", "key"), ("api", "key"), ("auth", "key"), ("connection", "string"),
        ("encryption", "key"), ("license", "key"), ("master", "key"), ("private", "key"),
        ("secret", "key"), ("session", "key"), ("shared", "key"), ("signing", "key"), ("webhook", "url"),
    }
)  # fmt: skip
_HARMLESS_ENDINGS = frozenset(
    {
        "algorithm", "audience", "count", "dir", "enabled", "endpoint", "expires", "expiry", "file",
        "header", "host", "id", "issuer", "length", "limit", "name", "path", "port", "size", "timeout",
        "ttl", "type", "uri", "url",
    }
)  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_VERSION = re.compile(r"[\"']?[\^~<>=v]*\d+(?:\.[\dx*]+)+\S*")

_URL = re.compile(r"(?P<keep>\b[A-Za-z][A-Za-z0-9+.-]{1,30}://)(?P<secret>[^\s/?#'\"<>]+)@(?=[^\s/@])")
_HEADER = re.compile(
    r"(?i)(?P<keep>\b(?:(?:proxy-)?authorization|x-[a-z-]{0,40}(?:token|key|auth)|(?:set-)?cookie)"
    r"[\"']?[ \t]*[:=][ \t]*[\"']?)(?P<secret>(?:(?:bearer|basic|digest|token)[ \t]+)?[^\s\"',;]+)"
)
_BEARER = re.compile(
    r"(?i)(?P<keep>\b(?:bearer|basic)[ \t]+)"
    r"(?P<secret>(?=[A-Za-z0-9._~+/-]*[0-9=_.])[A-Za-z0-9._~+/-]{12,}=*)"
)
_SHAPE = re.compile(
    r"""(?P<keep>)(?P<secret>\beyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)*
    | \b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}\b
    | \bgh[pousr]_[A-Za-z0-9]{16,} | \bgithub_pat_[A-Za-z0-9_]{20,} | \bglpat-[A-Za-z0-9_-]{16,}
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,} | \bxapp-[A-Za-z0-9-]{10,}
    | \bsk-(?:[a-z0-9]{1,20}-){0,4}[A-Za-z0-9_]{20,} | \b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}
    | \bAIza[A-Za-z0-9_-]{30,} | \bya29\.[A-Za-z0-9_-]{20,}
    | \bnpm_[A-Za-z0-9]{30,} | \bpypi-[A-Za-z0-9_-]{30,} | \bdckr_pat_[A-Za-z0-9_-]{20,}
    | \bhf_[A-Za-z0-9]{30,} | \bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,})""",
    re.VERBOSE,
)
_VALUE = re.compile(r"""(?P<secret>"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*'|[^\s"',;&)}]+)""")
_NAME = r"(?P<name>[A-Za-z_.-][A-Za-z0-9_.-]{0,127})"
_ASSIGNMENT = re.compile(
    rf"(?<![A-Za-z0-9_.-]){_NAME}(?P<quoted>[\"'])?[ \t]*(?P<sep>=(?![=>~])|:(?![:/]))[ \t]*"
)
_OPTION = re.compile(r"(?<!\S)(?=-)" + _NAME + r"(?P<quoted>(?!))?(?P<sep>[ \t]+)(?=[^-\s])")

KEY_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
KEY_END = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY-----")
_KEY_BLOCK = re.compile(rf"{KEY_BEGIN.pattern}.*?(?:{KEY_END.pattern}|\Z)", re.DOTALL)

_ALWAYS = (_URL, _HEADER, _BEARER, _SHAPE)
_BY_NAME = (_ASSIGNMENT, _OPTION)
"""Name and separator only; the value is looked at where the name is that of a secret, so that a long
line without secrets is read once (every repetition above is bounded for the same reason)."""


def is_secret_name(name: str) -> bool:
    """Whether a variable or option of this name holds a secret: ``DB_PASSWORD``, ``apiKey``, ``X-Token``."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return False
    if words[-1] in _HARMLESS_ENDINGS and tuple(words[-2:]) not in _PAIRS:
        return False
    if any(pair in _PAIRS for pair in pairwise(words)):
        return True
    if any(word in _STRONG or word.endswith(_STRONG_ENDINGS) for word in words):
        return True
    return words[-1] in _WEAK and name.upper() not in {"PWD", "PASS"}


def url_userinfo(text: str) -> Iterator[str]:
    """The ``user:password`` part of every URL in a text."""
    for match in _URL.finditer(text):
        yield match["secret"]


def mask_patterns(text: str) -> str:
    """Mask everything that looks like a secret."""
    text = _KEY_BLOCK.sub(MASK, text)
    for pattern in _ALWAYS:
        text = pattern.sub(_replace, text)
    for pattern in _BY_NAME:
        text = _mask_named(pattern, text)
    return text


def pattern_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the secrets that a pattern masks stand."""
    for pattern in _ALWAYS:
        for match in pattern.finditer(text):
            yield match.span()
    for pattern in _BY_NAME:
        for name, value in _named(pattern, text):
            yield name.start(), value.end()


def _named(pattern: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    """Name and value of each secret; after any other name, its value may hold the next name."""
    position = 0
    while name := pattern.search(text, position):
        position = name.end()
        value = _VALUE.match(text, position) if is_secret_name(name["name"]) else None
        if value is not None and _is_secret(name, value["secret"]):
            position = value.end()
            yield name, value


def _mask_named(pattern: re.Pattern[str], text: str) -> str:
    out, position = [], 0
    for _, value in _named(pattern, text):
        out += [text[position : value.start()], _masked(value["secret"])]
        position = value.end()
    return "".join([*out, text[position:]])


def _replace(match: re.Match[str]) -> str:
    if match.re is _URL:
        return f"{match['keep']}{MASK}@"
    return f"{match['keep']}{_masked(match['secret'])}"


def _masked(secret: str) -> str:
    if MASK[:-1] in secret:
        return secret
    quote = secret[0] if secret[0] in "\"'" and secret[-1] == secret[0] and len(secret) > 1 else ""
    return f"{quote}{MASK}{quote}"


def _is_secret(name: re.Match[str], secret: str) -> bool:
    if _VERSION.fullmatch(secret) or secret.strip("\"'") == "":
        return False
    if name["sep"] != ":":
        return True
    if name["quoted"]:  # JSON or a dict: an object, a number or true is not a secret in itself
        return secret[0] in "\"'"
    # "token: unexpected" is prose, "token: 9f8e7d6c5b" is not
    word = name["name"]
    return word.isupper() or word.lower() in {"password", "passwd", "passphrase"} or _looks_random(secret)


def _looks_random(value: str) -> bool:
    return len(value) >= 8 and any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
