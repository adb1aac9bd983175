"""One central system for all stations of a module, good ones beside the bad ones, and what has to hold in every test.

Whatever a station does: no fault leaves a handler, nothing is logged over and over, the good stations charge on, and
their drivers are not refused.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.scripted import Central, Station16, Station201, central

LOGGED_MAX = 2
"""Lines of one kind about one station in a test; a fact told with every frame would be more."""

NUMBERS = itertools.count(1)


class Bystander:
    """A good station: it charges one car all the time, and its drivers show their cards."""

    def __init__(self, station: Any) -> None:
        self.station = station
        self.rounds = 0
        self.wh = 0.0
        self.enough = False

    async def charge(self) -> None:
        """Until it is enough; raises for the first thing that is not as it should be."""
        self.transaction_id = await self.station.start(1, "GOOD-CARD")
        while not self.enough:
            assert await self.station.authorize("GOOD-CARD") == "Accepted"
            self.wh += 10
            await self.station.meter(self.transaction_id, self.wh)
            await self.station.call("Heartbeat")
            self.rounds += 1
            await asyncio.sleep(0.02)
        await self.station.stop(self.transaction_id, self.wh)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def csms(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Central]:
    """A central system with all its rooms."""
    async with central(tmp_path_factory.mktemp("field")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bystanders(csms: Central) -> AsyncIterator[list[Bystander]]:
    """A good station of each version, charging through all tests of the module; in the end their records are judged."""
    good = [Bystander(await csms.station(f"GOOD-{p}", p)) for p in ("ocpp1.6", "ocpp2.0.1")]
    for one in good:
        assert (await one.station.boot())["status"] == "Accepted"
    tasks = [asyncio.create_task(one.charge()) for one in good]
    await csms.until(lambda: all(one.rounds for one in good) or any(task.done() for task in tasks))
    yield good
    for one in good:
        one.enough = True
    await asyncio.gather(*tasks)
    for one in good:
        row = await csms.session(one.station.station_id)
        assert (row.status, row.stop_reason, row.flags) == ("ended", "Local", [])
        assert row.energy_wh == pytest.approx(one.wh)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def unhurt(csms: Central, bystanders: list[Bystander]) -> AsyncIterator[None]:
    """The good stations were served before the test and are after it; nothing failed inside."""
    before, stations = [one.rounds for one in bystanders], len(csms.stations)
    yield
    await asyncio.gather(*(station.close() for station in csms.stations[stations:]))
    after = [one.rounds for one in bystanders]
    await csms.until(lambda: all(one.rounds > count for one, count in zip(bystanders, after, strict=True)))
    assert all(now >= then for now, then in zip(after, before, strict=True))
    violations, csms.violations = csms.violations, []
    assert not violations


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: Counter[tuple[str, ...]] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("csms.access"):  # of operators and starts of the server, not of stations
            return
        about = (str(record.__dict__.get(name, "")) for name in ("station", "who", "peer", "action", "code"))
        self.lines[record.name, record.getMessage(), *about] += 1


@pytest.fixture(autouse=True)
def told_once() -> Iterator[Counter[tuple[str, ...]]]:
    """What the central system logs, by line; none comes with every frame."""
    handler, logger = _Lines(), logging.getLogger("csms")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.lines
    logger.setLevel(level)
    logger.removeHandler(handler)
    often = {line: count for line, count in handler.lines.items() if count > LOGGED_MAX}
    assert not often


NewStation = Callable[..., Awaitable[Any]]


@pytest.fixture
def new_station(csms: Central) -> NewStation:
    """Make a station that need not keep to the schemas: `await new_station("ocpp2.0.1", booted=False, evses=2)`."""

    async def made(protocol: str = "ocpp1.6", *, booted: bool = True, **options: Any) -> Any:
        station = await csms.station(f"BAD-{next(NUMBERS)}", protocol, strict=False, **options)
        if booted and options.get("connected", True):
            await station.boot()
        return station

    return made


@pytest_asyncio.fixture(loop_scope="module")
async def cp16(new_station: NewStation) -> Station16:
    """Booted, OCPP 1.6, one connector."""
    station: Station16 = await new_station()
    return station


@pytest_asyncio.fixture(loop_scope="module")
async def cp201(new_station: NewStation) -> Station201:
    """Booted, OCPP 2.0.1, one EVSE."""
    station: Station201 = await new_station("ocpp2.0.1")
    return station


@pytest_asyncio.fixture(loop_scope="module", params=["ocpp1.6", "ocpp2.0.1"])
async def cp(request: pytest.FixtureRequest, new_station: NewStation) -> Any:
    """Booted, once with each version."""
    return await new_station(request.param)


@pytest_asyncio.fixture(loop_scope="module", params=["ocpp1.6", "ocpp2.0.1"])
async def unconnected(request: pytest.FixtureRequest, new_station: NewStation) -> Any:
    """Known to the central system but not connected, once with each version."""
    return await new_station(request.param, connected=False)
