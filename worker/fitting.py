"""Every answer of a step, in a size that Temporal's history can keep; ``workflows/fitting.py`` has rules."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from workflows.fitting import cut, fitted_findings, fitted_neighbours
from workflows.models.finding import Finding
from workflows.models.plan import DIFF_IN_HISTORY_BYTES
from workflows.models.snapshot import NeighbourProof

TEXT_CHARACTERS: Final = 500
FAILURE_CHARACTERS: Final = 1200
"""Of the message of a step that failed: it ends the run, or at least its round."""
_LEAST_CHARACTERS: Final = 200
"""Of a text in a late round."""
ITEM_CHARACTERS: Final = 180
"""Of one of several sentences, such as a warning."""
MAX_ITEMS: Final = 8
_LIMITS: Final = {"diff": DIFF_IN_HISTORY_BYTES, "summary": 300}
_DIFF_CUT: Final = "\n[cut: the whole diff is in patch.diff]\n"
_MORE: Final = "{count} more, cut here: they are in the artifacts of the step"


def fitted(told: Any, prose: frozenset[str], round_: int = 1, most: int = TEXT_CHARACTERS) -> Any:
    """The same model, its sentences cut; anything that is no model as it is.

    Args:
        told: what a step returns or fails with, masked already.
        prose: names of the fields that hold sentences.
        round_: of the run; a later one gets less room.
        most: characters of one text in the first round.
    """
    return _Fitting(prose, max(1, round_), most).model(told) if isinstance(told, BaseModel) else told


@dataclass(frozen=True)
class _Fitting:
    prose: frozenset[str]
    share: int
    most: int

    def model(self, told: BaseModel) -> BaseModel:
        """One model, field by field."""
        if isinstance(told, NeighbourProof):
            return fitted_neighbours(told)
        values = {name: self._value(name, value) for name, value in told}
        new = {name: value for name, value in values.items() if value is not getattr(told, name)}
        return told.model_copy(update=new) if new else told

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, BaseModel):
            return self.model(value)
        if type(value) is str and name in self.prose:
            return self._text(name, value)
        if not isinstance(value, tuple) or not value:
            return value
        if isinstance(value[0], Finding):
            return fitted_findings(value)
        if name in self.prose:
            return self._sentences(value)
        return tuple(self.model(item) if isinstance(item, BaseModel) else item for item in value)

    def _text(self, name: str, text: str) -> str:
        most = _LIMITS.get(name, self.most)
        if name != "diff":
            return cut(text, max(_LEAST_CHARACTERS, most // self.share))
        most >>= self.share - 1
        return text if len(text) <= most else text[: most - len(_DIFF_CUT)] + _DIFF_CUT

    def _sentences(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        kept = tuple(cut(item, ITEM_CHARACTERS) if type(item) is str else item for item in value)
        most = max(2, MAX_ITEMS // self.share)
        if len(kept) <= most:
            return kept
        return (*kept[: most - 1], _MORE.format(count=len(kept) - most + 1))
