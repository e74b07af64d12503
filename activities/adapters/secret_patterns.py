"""What secrets look like when nobody told us: pure, line by line.

Better one word too many than one too few, but a diagnosis must stay readable: ``tokenizers==0.15`` is a
package, ``PASSWORD_FILE`` a path and ``KeyError: 'SECRET_KEY'`` a name. Text is looked at as latin-1, so that
each byte is one character; only lines that hold one of a few telling words are looked at closely.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from ahocorasick_rs import BytesAhoCorasick

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

_URL = re.compile(r"(?a)(?P<keep>\b[A-Za-z][A-Za-z0-9+.-]{1,30}://)(?P<secret>[^\s/?#'\"<>]+)@(?=[^\s/@])")
_HEADER = re.compile(
    r"(?ai)(?P<keep>\b(?:(?:proxy-)?authorization|x-[a-z-]{0,40}(?:token|key|auth)|(?:set-)?cookie)"
    r"[\"']?[ \t]*[:=][ \t]*[\"']?)(?P<secret>(?:(?:bearer|basic|digest|token)[ \t]+)?[^\s\"',;]+)"
)
_BEARER = re.compile(
    r"(?ai)(?P<keep>\b(?:bearer|basic)[ \t]+)"
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
    re.VERBOSE | re.ASCII,
)
_VALUE = re.compile(r"""(?a)(?P<secret>"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*'|[^\s"',;&)}]+)""")
_NAME = r"(?P<name>[A-Za-z_.-][A-Za-z0-9_.-]{0,127}+)"
_ASSIGNMENT = re.compile(
    rf"(?a)(?<![A-Za-z0-9_.-]){_NAME}(?P<quoted>[\"'])?+[ \t]*+(?P<sep>=(?![=>~])|:(?![:/]))[ \t]*+"
)
_OPTION = re.compile(r"(?a)(?<!\S)(?=-)" + _NAME + r"(?P<quoted>(?!))?(?P<sep>[ \t]+)(?=[^-\s])")

KEY_BEGIN = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
KEY_END = re.compile(rb"-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
_KEY_BLOCK = re.compile(rb"%b.*?(?:%b|\Z)" % (KEY_BEGIN.pattern, KEY_END.pattern), re.DOTALL)

_ALWAYS = {"url": _URL, "header": _HEADER, "bearer": _BEARER, "shape": _SHAPE}
_BY_NAME = (_ASSIGNMENT, _OPTION)
"""Name and separator only; the value is looked at where the name is that of a secret, so that a long
line without secrets is read once (every repetition above is bounded for the same reason)."""

_TELLING = {
    **dict.fromkeys(
        ("auth", "connection", "credential", "dsn", "jwt", "key", "pass", "pat", "pw", "secret", "token",
         "webhook"),
        frozenset({"name"}),
    ),
    **dict.fromkeys(("authorization", "x-"), frozenset({"header"})),
    "cookie": frozenset({"header", "name"}),
    **dict.fromkeys(("bearer", "basic"), frozenset({"bearer"})),
    **dict.fromkeys(
        ("eyj", "akia", "asia", "aroa", "aida", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "_pat_", "glpat-",
         "xox", "xapp-", "sk-", "k_live_", "k_test_", "aiza", "ya29.", "npm_", "pypi-", "hf_", "sg."),
        frozenset({"shape"}),
    ),
    "://": frozenset({"url"}),
}  # fmt: skip
"""Without one of these words (in lower case) a line has nothing that the patterns named here could match."""
_TELLS = tuple(_TELLING.values())
_WORDS = BytesAhoCorasick([word.encode() for word in _TELLING])
_PAT = tuple(_TELLING).index("pat")
_LETTERS_AND_DIGITS = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789")


@lru_cache(maxsize=4096)  # the same names come again and again
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


def named_secrets(text: str) -> Iterator[str]:
    """The values that a text assigns to secret-like names, quotes included."""
    for pattern in _BY_NAME:
        for _, value in _named(pattern, text):
            yield value["secret"]


def mask_patterns(data: bytes) -> bytes:
    """Mask everything that looks like a secret."""
    if b"PRIVATE KEY" in data:
        data = _KEY_BLOCK.sub(MASK.encode(), data)
    out, position = [], 0
    for start, end, tells in _telling_lines(data):
        before = data[start:end].decode("latin-1")
        after = _mask_text(before, tells)
        if after != before:
            out += [data[position:start], after.encode("latin-1")]
            position = end
    return b"".join([*out, data[position:]]) if out else data


def _telling_lines(data: bytes) -> Iterator[tuple[int, int, set[str]]]:
    """Runs of lines that hold a telling word each, and which patterns to try there."""
    begun, end, tells = -1, -1, set[str]()
    lower = data.lower()
    for word, start, after in _WORDS.find_matches_as_indexes(lower, overlapping=True):
        if word == _PAT and after < len(lower) and lower[after] in _LETTERS_AND_DIGITS:
            continue  # a path or a patch: "pat" names a secret only as the last word of a name
        if start >= end:
            line = data.rfind(b"\n", max(end, 0), start) + 1 or max(end, 0)
            if begun >= 0 and line > end + 1:
                yield begun, end, tells
                begun, tells = -1, set()
            begun = line if begun < 0 else begun
            end = data.find(b"\n", start)
            end = len(data) if end < 0 else end
        tells |= _TELLS[word]
    if begun >= 0:
        yield begun, end, tells


def _mask_text(text: str, tells: set[str]) -> str:
    for name, pattern in _ALWAYS.items():
        if name in tells and (name != "url" or "@" in text):
            text = pattern.sub(_replace, text)
    if "name" in tells:
        text = _mask_named(_ASSIGNMENT, text)
        if _may_have_option(text):
            text = _mask_named(_OPTION, text)
    return text


def _may_have_option(text: str) -> bool:
    return text.startswith("-") or any(before + "-" in text for before in " \t\n\r\v\f")


def pattern_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the secrets that a pattern masks stand, in a text of which each character is a byte."""
    for pattern in _ALWAYS.values():
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
