"""The base of all tables: a SQLModel whose objects are made in microseconds.

SQLModel asks for the signature of every default's maker again for each object: that alone was most of what the start of
a session cost. Our rows are values: statements are built from them, no ORM session ever sees them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from sqlmodel import SQLModel


class Row(SQLModel):
    """A row by name of its columns; what is not given has its default."""

    def __init__(self, **values: Any) -> None:
        """Raises TypeError for a name that is no column."""
        constants, factories = _defaults(type(self))
        if not values.keys() <= constants.keys():
            raise TypeError(f"{type(self).__name__} has no {', '.join(values.keys() - constants.keys())}")
        content = {**constants, **values}
        content.update({name: make() for name, make in factories if name not in values})
        self.__dict__.update(content)


@cache
def _defaults(model: type[SQLModel]) -> tuple[Mapping[str, Any], tuple[tuple[str, Callable[[], Any]], ...]]:
    """Every column with its default (None where there is none), and what makes those that are not shared."""
    fields = model.model_fields.items()
    factories = tuple((name, field.default_factory) for name, field in fields if field.default_factory is not None)
    constants = {name: None if field.is_required() else field.default for name, field in fields}
    return constants, factories  # type: ignore[return-value]
