"""A central system for each use case; and how many messages of the proof of equivalence, with its report:
CSMS_EQUIVALENCE=10000 CSMS_EQUIVALENCE_REPORT=path pytest tests/conformance.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import ocpp.messages
import pytest

from tests.support.equivalence_report import Row, write
from tests.support.scripted import Central, Station16, Station201, central

VOLUME = 300
"""Damaged messages of each request unless CSMS_EQUIVALENCE says otherwise: some ten seconds of one core in all."""

ROWS: list[Row] = []
COVERAGE: list[str] = []


@pytest.fixture
async def csms(tmp_path: Path) -> AsyncIterator[Central]:
    """A central system with all its rooms."""
    async with central(tmp_path) as running:
        yield running


@pytest.fixture
async def cp16(csms: Central) -> Station16:
    """CP-1, booted, OCPP 1.6, two free connectors."""
    station: Station16 = await csms.station("CP-1", "ocpp1.6", evses=2)
    await station.boot()
    for connector in (0, 1, 2):
        await station.status(connector, "Available")
    return station


@pytest.fixture
async def cp201(csms: Central) -> Station201:
    """CP-1, booted, OCPP 2.0.1, two free EVSEs with a connector each."""
    station: Station201 = await csms.station("CP-1", "ocpp2.0.1", evses=2)
    await station.boot()
    for evse in (1, 2):
        await station.status(evse, "Available")
    return station


@pytest.fixture
def volume() -> int:
    """Damaged messages of each request."""
    return int(os.environ.get("CSMS_EQUIVALENCE", VOLUME))


@pytest.fixture(autouse=True)
def stock_on_the_spot(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package validates in this thread, not in a pool."""
    monkeypatch.setattr(ocpp.messages, "ASYNC_VALIDATION", False)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        ROWS.extend(row for name, row in report.user_properties if name == "equivalence" and isinstance(row, dict))
        COVERAGE.extend(str(line) for name, line in report.user_properties if name == "coverage")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What damaged messages came to, where all of them were sent."""
    if COVERAGE and "CSMS_COVERAGE" in os.environ:
        terminalreporter.section("damaged messages")
        for line in COVERAGE:
            terminalreporter.write_line(line)


def pytest_sessionfinish() -> None:
    path = os.environ.get("CSMS_EQUIVALENCE_REPORT")
    if path and "PYTEST_XDIST_WORKER" not in os.environ:
        write(Path(path), ROWS)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """CSMS_CONFORMANCE_21=1: the scripts of 2.0.1 with stations that speak 2.1, because what is done for 2.0.1 is to
    hold there too; some minutes, so not every time.
    """
    scripted = metafunc.module.__name__.rpartition(".")[2].startswith("test_201_")
    if scripted and os.environ.get("CSMS_CONFORMANCE_21"):
        metafunc.fixturenames.insert(0, "spoken")
        metafunc.parametrize("spoken", ["ocpp2.1"], indirect=True)


@pytest.fixture
def spoken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The version that stations speak which a script opens in 2.0.1."""
    plain, version = Central.station, str(request.param)

    async def station(central: Central, station_id: str, protocol: str = "ocpp1.6", *given: Any, **more: Any) -> Any:
        asked = version if protocol == "ocpp2.0.1" else protocol
        return await plain(central, station_id, asked, *given, **more)

    monkeypatch.setattr(Central, "station", station)
    return version
