"""The baseline: a central system as the documentation of the `ocpp` package shows one, with SQLite behind it.

`websockets.serve` with its defaults, a ChargePoint for each connection, `@on` handlers, aiosqlite; every message is
committed by itself with synchronous=FULL before it is answered. The table has the columns and the unique index that
such a program would have; one shared connection behind a lock, because SQLite has one writer.

Start it with `python -m benchmarks.plain_csms FOLDER`; it prints its port.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiosqlite
import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call_result as results16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call_result as results201

SCHEMA = """
CREATE TABLE sample (
    id INTEGER PRIMARY KEY, station_id TEXT NOT NULL, evse_id INTEGER NOT NULL, transaction_id TEXT NOT NULL,
    time TEXT NOT NULL, received_at TEXT NOT NULL, measurand TEXT NOT NULL, phase TEXT NOT NULL,
    context TEXT NOT NULL, location TEXT NOT NULL, value REAL NOT NULL, unit TEXT NOT NULL,
    UNIQUE (station_id, evse_id, transaction_id, time, measurand, phase, context, location)
)
"""
ADD = (
    "INSERT OR IGNORE INTO sample (station_id, evse_id, transaction_id, time, received_at, measurand, phase, context,"
    " location, value, unit) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Database:
    """One connection, one transaction for each message."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()

    async def store(self, rows: list[tuple[Any, ...]]) -> None:
        """Durable when it returns."""
        async with self._lock:
            await self._connection.executemany(ADD, rows)
            await self._connection.commit()


def now() -> str:
    """The time of day as OCPP writes it."""
    return datetime.now(UTC).isoformat()


class Station16(ChargePoint16):
    """OCPP 1.6."""

    database: Database
    transactions = itertools.count(1)

    @on("BootNotification")
    def on_boot(self, charge_point_vendor: str, charge_point_model: str, **more: Any) -> Any:
        """Every station is welcome."""
        return results16.BootNotification(current_time=now(), interval=300, status="Accepted")

    @on("Heartbeat")
    def on_heartbeat(self) -> Any:
        """Tell the time."""
        return results16.Heartbeat(current_time=now())

    @on("StatusNotification")
    def on_status(self, **more: Any) -> Any:
        """Nothing is kept."""
        return results16.StatusNotification()

    @on("StartTransaction")
    def on_start(self, **more: Any) -> Any:
        """A new transaction id."""
        return results16.StartTransaction(transaction_id=next(self.transactions), id_tag_info={"status": "Accepted"})

    @on("MeterValues")
    async def on_meter_values(
        self, connector_id: int, meter_value: list[dict[str, Any]], transaction_id: int = 0, **more: Any
    ) -> Any:
        """Stored, then answered."""
        received = now()
        await self.database.store(
            [
                (
                    self.id,
                    connector_id,
                    str(transaction_id),
                    value["timestamp"],
                    received,
                    sampled.get("measurand", "Energy.Active.Import.Register"),
                    sampled.get("phase", ""),
                    sampled.get("context", ""),
                    sampled.get("location", ""),
                    float(sampled["value"]),
                    sampled.get("unit", "Wh"),
                )
                for value in meter_value
                for sampled in value["sampled_value"]
            ]
        )
        return results16.MeterValues()


class Station201(ChargePoint201):
    """OCPP 2.0.1."""

    database: Database

    @on("BootNotification")
    def on_boot(self, charging_station: dict[str, Any], reason: str, **more: Any) -> Any:
        """Every station is welcome."""
        return results201.BootNotification(current_time=now(), interval=300, status="Accepted")

    @on("Heartbeat")
    def on_heartbeat(self, **more: Any) -> Any:
        """Tell the time."""
        return results201.Heartbeat(current_time=now())

    @on("StatusNotification")
    def on_status(self, **more: Any) -> Any:
        """Nothing is kept."""
        return results201.StatusNotification()

    @on("TransactionEvent")
    async def on_transaction_event(
        self,
        transaction_info: dict[str, Any],
        evse: dict[str, Any] | None = None,
        meter_value: list[dict[str, Any]] | None = None,
        **more: Any,
    ) -> Any:
        """Stored, then answered."""
        received, evse_id = now(), (evse or {}).get("id", 0)
        rows = [
            (
                self.id,
                evse_id,
                transaction_info["transaction_id"],
                value["timestamp"],
                received,
                sampled.get("measurand", "Energy.Active.Import.Register"),
                sampled.get("phase", ""),
                sampled.get("context", ""),
                sampled.get("location", ""),
                float(sampled["value"]),
                sampled.get("unit_of_measure", {}).get("unit", "Wh"),
            )
            for value in meter_value or ()
            for sampled in value["sampled_value"]
        ]
        if rows:
            await self.database.store(rows)
        return results201.TransactionEvent()


async def on_connect(socket: Any) -> None:
    """One station, from its handshake to its end."""
    kind = Station16 if socket.subprotocol == "ocpp1.6" else Station201
    station = kind(socket.request.path.rsplit("/", 1)[-1], socket)
    try:
        await station.start()
    except websockets.exceptions.ConnectionClosed:
        return


async def main(folder: Path) -> None:
    """Serve until killed."""
    logging.getLogger("ocpp").setLevel(logging.WARNING)
    async with aiosqlite.connect(folder / "plain.db") as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            await connection.execute(f"PRAGMA {pragma}")
        await connection.execute(SCHEMA)
        await connection.commit()
        Station16.database = Station201.database = Database(connection)
        server = await websockets.serve(on_connect, "127.0.0.1", 0, subprotocols=["ocpp1.6", "ocpp2.0.1"])  # type: ignore[list-item]
        sys.stdout.write(f"{next(iter(server.sockets)).getsockname()[1]}\n")
        sys.stdout.flush()
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
