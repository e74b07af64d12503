"""What the policy's schema says about a place in the file: which keys are known, what is valid."""

import types
import typing

from pydantic import BaseModel

from workflows.models.policy import Policy

Location = tuple[str | int, ...]


def fields_at(location: Location) -> tuple[str, ...]:
    """Names of the keys that are known at this place, sorted; none where names are free."""
    owner = _model(_type_at(location))
    return tuple(sorted(owner.model_fields)) if owner else ()


def described(location: Location) -> str:
    """What the schema says is valid for the nearest named field."""
    for end in range(len(location), 0, -1):
        if owner := _model(_type_at(location[: end - 1])):
            field = owner.model_fields.get(str(location[end - 1]))
            return (field.description or "") if field else ""
    return ""


def _type_at(location: Location) -> object:
    kind: object = Policy
    for part in location:
        kind = _plain(kind)
        arguments = typing.get_args(kind)
        if owner := _model(kind):
            field = owner.model_fields.get(str(part))
            kind = field.annotation if field else None
        elif typing.get_origin(kind) is dict:
            kind = arguments[1]
        elif typing.get_origin(kind) is tuple:
            kind = arguments[0]
        else:
            return None
    return _plain(kind)


def _plain(kind: object) -> object:
    """The type without ``Annotated`` and ``| None``."""
    while True:
        if typing.get_origin(kind) is typing.Annotated:
            kind = typing.get_args(kind)[0]
        elif typing.get_origin(kind) in {types.UnionType, typing.Union}:
            kind = next(item for item in typing.get_args(kind) if item is not type(None))
        else:
            return kind


def _model(kind: object) -> type[BaseModel] | None:
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
