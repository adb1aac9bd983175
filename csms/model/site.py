"""A site: where stations stand."""

from __future__ import annotations

from typing import Protocol


class Site(Protocol):
    """As the settings tell of it. Degrees are WGS-84; `placed` False: nobody said where it is."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def address(self) -> str:
        """Where it is, in words."""
        ...

    @property
    def area_code(self) -> str:
        """GB/T 2260."""
        ...

    @property
    def longitude(self) -> float:
        """East."""
        ...

    @property
    def latitude(self) -> float:
        """North."""
        ...

    @property
    def placed(self) -> bool:
        """Whether its place is known."""
        ...
