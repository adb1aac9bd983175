"""The real application on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.operations import Operations, operations


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Operations]:
    async with operations(tmp_path) as opened:
        yield opened
