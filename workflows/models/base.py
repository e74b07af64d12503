"""What every model of the contract has in common."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """An immutable value that travels between starter, workflow and activities as plain JSON.

    Unknown fields are ignored on read, so that an older worker can replay a newer history; new
    fields always carry a default, so that a newer worker can replay an older one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
