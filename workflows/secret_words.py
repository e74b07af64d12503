"""What looks like a secret in words that a client sent: pure, for the starter and for the workflow (I5).

A client may start a run without our starter. What it put into its own input is its own; what the run makes
of it, memo, record and evidence, is ours and masked.
"""

import re
from typing import Final

MASK: Final = "[masked]"

# The name must end with the telling word: ``tokenizers`` and ``jsonwebtoken`` are packages.
TELLING_NAME: Final = (
    r"(?:(?<![A-Za-z0-9])[A-Za-z0-9_.-]{0,64}(?:password|passwd|passphrase|secret)"
    r"|(?<![A-Za-z0-9])(?:[A-Za-z0-9]{1,64}[_.-]){0,8}(?:token|pwd|credentials?"
    r"|(?:api|access|private|secret|auth)[_-]?key))"
)
# A reference to a variable and a version are no secrets.
_TOLD_VALUE: Final = r"(?!\$)(?!['\"]?[\^~]?\d+\.\d)(?P<secret>\"[^\"\n]+\"|'[^'\n]+'|[^\s'\",;=][^\s'\",;]*)"
_PATTERNS: Final = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        # Credentials of a URL, up to the last @ of the authority; a short bare user name (git@) is none.
        (r"(?<=://)(?!\$)(?P<secret>(?:[^\s/@:]*:[^\s/]+|[^\s/@:]{12,}))(?=@[^\s/@])", 0),
        (
            r"\bauthorization['\"]?\s*[:=]\s*['\"]?(?:bearer|basic)\s+(?!\$)(?P<secret>[^\s'\"]+)",
            re.IGNORECASE,
        ),
        (r"\bbearer\s+(?P<secret>(?=[^\s]*\d)[A-Za-z0-9+/=_.~-]{16,})", re.IGNORECASE),
        (r"(?P<secret>\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*)", 0),
        (r"(?P<secret>\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)", 0),
        (r"(?P<secret>\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}))", 0),
        (r"(?P<secret>\bglpat-[A-Za-z0-9_-]{16,})", 0),
        (r"(?P<secret>\bxox[abeoprs]-[A-Za-z0-9-]{10,})", 0),
        (r"(?P<secret>\bsk-[A-Za-z0-9_-]{20,})", 0),
        (
            r"(?P<secret>-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z))",
            re.DOTALL,
        ),
        (rf"{TELLING_NAME}['\"]?\s*(?:=(?!=)|:)\s*{_TOLD_VALUE}", re.IGNORECASE),
    )
)


def mask(text: str) -> str:
    """The text with every secret-like value replaced by ``[masked]``; its words stay readable."""
    for pattern in _PATTERNS:
        text = pattern.sub(_hide, text)
    return text


def _hide(match: re.Match[str]) -> str:
    whole, offset = match.group(0), match.start(0)
    start, end = match.start("secret") - offset, match.end("secret") - offset
    return whole if whole[start:end] == MASK else whole[:start] + MASK + whole[end:]
