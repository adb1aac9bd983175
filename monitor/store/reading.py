"""Many rows read in pages, so that a whole day of an operator does not hold up those who wait for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.selectable import TypedReturnsRows

PAGE = 500
Made = TypeVar("Made")


async def in_pages(engine: AsyncEngine, query: TypedReturnsRows[Any], make: Callable[[Any], Made]) -> list[Made]:
    """What `make` makes of each row of a query of columns."""
    found: list[Made] = []
    async with engine.connect() as connection:
        result = await connection.stream(query)
        async for page in result.partitions(PAGE):
            found += map(make, page)
            await asyncio.sleep(0)
    return found
