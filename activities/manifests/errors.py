"""The one way an editor says no."""


class ManifestError(ValueError):
    """A manifest cannot be edited safely; the text was not changed.

    `reason` is one sentence for the operator. Editors raise it instead of guessing (FR-003).
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
