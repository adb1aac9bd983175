"""Passwords of stations: kept as salted hashes, remembered for a while once they were verified.

What is remembered is a keyed digest, under a key that dies with the process. So a station that comes back costs
microseconds, and memory holds nothing that could be tried against a list of passwords.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from weakref import WeakValueDictionary

from csms.model.clock import Clock
from csms.security import passwords
from csms.security.basic import canonical
from csms.store.security_tables import StationCredential

REMEMBERED_S = 24 * 3600.0
"""For stations that come back after an outage; a changed password is forgotten at once."""

_NOBODYS = passwords.hashed(secrets.token_bytes(16), passwords.COST_OF_RANDOM)
"""What is compared with when there is no password, so that this takes as long (see authentication.REFUSED_AFTER_S)."""


class CredentialBook:
    """Credentials of all stations, in memory as they are in the store."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[str, StationCredential] = {}
        self._verified: dict[str, tuple[float, bytes]] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._key = secrets.token_bytes(32)
        self._threads = ThreadPoolExecutor(max(1, (os.cpu_count() or 2) - 1), thread_name_prefix="passwords")

    def restore(self, rows: Iterable[StationCredential]) -> None:
        """All there are."""
        self._rows = {row.station_id: row for row in rows}

    def close(self) -> None:
        """What still waits is not verified any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def of(self, station_id: str) -> StationCredential | None:
        """As it is stored."""
        return self._rows.get(station_id)

    def put(self, row: StationCredential) -> None:
        """From now on it is this; nothing that was verified counts any more."""
        self._rows[row.station_id] = row
        self._verified.pop(row.station_id, None)

    def take_back(self, row: StationCredential, before: StationCredential | None) -> None:
        """`row` could not be stored, so it is as it was, unless it has changed again."""
        if self._rows.get(row.station_id) is not row:
            return
        del self._rows[row.station_id]
        if before is not None:
            self.put(before)

    def turn(self, station_id: str) -> asyncio.Lock:
        """One change of a password at a time: what the station says to the first decides what is kept for the next."""
        lock = self._turns.get(station_id)
        if lock is None:
            lock = self._turns[station_id] = asyncio.Lock()
        return lock

    def holds(self, station_id: str, kept: str) -> bool:
        """Whether a password with this hash lets the station in, now."""
        row = self._rows.get(station_id)
        return row is not None and bool(kept) and kept in (row.wanted, row.in_force)

    def knows(self, station_id: str) -> bool:
        """Whether it has a password that it could be let in with."""
        row = self._rows.get(station_id)
        return row is not None and bool(row.in_force or row.wanted)

    def is_remembered(self, station_id: str, password: bytes) -> bool:
        """Whether this very password was verified lately and is still in force."""
        until_s, digest = self._verified.get(station_id, (0.0, b""))
        known = until_s > self._clock.monotonic_s()
        return known and hmac.compare_digest(digest, self._digest(station_id, password))

    def remember(self, station_id: str, password: bytes) -> None:
        """It was verified just now."""
        until_s = self._clock.monotonic_s() + REMEMBERED_S
        self._verified[station_id] = (until_s, self._digest(station_id, password))

    async def matching(self, station_id: str, password: bytes) -> str:
        """The hash of the station's that this is the password of: `wanted`, or `in_force`; empty when of neither.

        Without any hash the same work is done in vain.
        """
        row = self._rows.get(station_id)
        kept = [text for text in (row.wanted, row.in_force) if text] if row is not None else []
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _first_match, canonical(password), kept)

    async def hashed(self, password: bytes, *, random: bool = False) -> str:
        """What is kept of it; `random`: made by `passwords.random_password`."""
        cost = passwords.COST_OF_RANDOM if random else passwords.COST
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, passwords.hashed, canonical(password), cost)

    def _digest(self, station_id: str, password: bytes) -> bytes:
        return hmac.digest(self._key, station_id.encode() + b"\0" + password, hashlib.sha256)


def _first_match(password: bytes, kept: list[str]) -> str:
    """Runs in a thread; the hash function lets others run meanwhile."""
    found = next((text for text in kept if passwords.matches(password, text)), "")
    if not kept:
        passwords.matches(password, _NOBODYS)
    return found
