"""The one redactor of this process: it knows the process's own secrets, and learns those of projects (I5)."""

import os
from functools import cache

from activities.adapters.known_secrets import KnownSecrets
from activities.adapters.secret_sources import own_secrets


@cache
def known_secrets() -> KnownSecrets:
    """Once per process, as its environment is; ``known_secrets().mask`` is for whatever leaves it."""
    return KnownSecrets(own_secrets(os.environ))
