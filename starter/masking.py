"""Masks what looks like a secret, or is one of this process's, before it is sent or shown (invariant I5).

What a client puts into a workflow's input stays in Temporal's history for good, so the starter masks
an instruction itself, and refuses a patch that carries a secret: a masked patch would not apply.
"""

import os
import re
from functools import cache
from typing import Final

from workflows.secret_words import MASK, TELLING_NAME
from workflows.secret_words import mask as mask_words

_SHORTEST: Final = 8
"""Characters of a value of the environment that is looked for: shorter ones are words."""
_NAMED: Final = re.compile(rf"{TELLING_NAME}\Z", re.IGNORECASE)


def mask(text: str) -> str:
    """The text with every secret-like value replaced by ``[masked]``; its words stay readable."""
    for value in _own():
        text = text.replace(value, MASK)
    return mask_words(text)


def secret_lines(text: str) -> tuple[int, ...]:
    """1-based numbers of the lines that hold something ``mask`` would change."""
    return tuple(number for number, line in enumerate(text.splitlines(), start=1) if mask(line) != line)


@cache
def _own() -> tuple[str, ...]:
    """Secret-like values of the environment this command was started with, the longest first."""
    found = {value for name, value in os.environ.items() if _NAMED.search(name) and len(value) >= _SHORTEST}
    return tuple(sorted(found, key=len, reverse=True))
