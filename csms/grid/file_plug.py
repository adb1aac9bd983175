"""The example of a channel of one's own: limits, and metered base loads, in a JSON file that somebody else writes, such
as a Modbus gateway.

The file is the whole list: what is not on it is cancelled. Written again, it is a heartbeat; unchanged for long, its
source is silent; missing or half written, it changes nothing. docs/howto/limit-plugs.md has its form.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from csms.grid.listed import Listed, Wish
from csms.grid.peer import Peer
from csms.grid.plug import LimitDesk
from csms.grid.statement import BODY_BYTES_MAX
from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.wire.strict_json import Bounds, JsonRefused, read_object

log = logging.getLogger(__name__)

PREFIX = "file:"
"""Limit ids of files begin with it."""
BOUNDS = Bounds(BODY_BYTES_MAX, depth_max=8, integer_digits_max=18, nul=False)
LIMITS_MAX = 1000
AGAIN_S = 10.0
"""How soon an unchanged list is gone through again: what could not be taken may be taken now."""
VERSION_MAX = 10**12
POWER_MAX_W = 10**11
KNOWN = frozenset({"schema", "limits", "base_load_w"})
OWN = frozenset({"feeder", "id", "version"})

Seen = tuple[int, int, int]
"""Inode, size, time of the last change: another one of them means that it was written."""


class FileUnreadable(ValueError):
    """The file is not as agreed; the text says why."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a file says: limits that its writer wants, and the metered loads beside the stations, by feeder."""

    wishes: list[Wish]
    base_load_w: Mapping[str, float] = field(default_factory=dict)


class FilePlug:
    """One file. Fits csms.grid.plug.LimitPlug."""

    def __init__(self, path: Path, peer: Peer, clock: Clock, poll_s: float = 1.0) -> None:
        self._path, self._clock, self._poll_s, self._name = path, clock, poll_s, peer.name
        self._peer = peer
        self._list = Listed(peer, lambda limit_id: limit_id.startswith(PREFIX))
        self._seen: Seen | None = None
        self._said: Written | None = None
        self._fault, self._again_s = "", 0.0

    async def run(self, desk: LimitDesk) -> None:
        """Until cancelled."""
        while True:
            await self.look(desk)
            await asyncio.sleep(self._clock.wall_s(self._poll_s))

    async def look(self, desk: LimitDesk) -> None:
        """Once. A file that lay there before we came may be old: it is taken, but it is no heartbeat."""
        try:
            before, written = self._seen, await asyncio.to_thread(self._read)
            if written is not None:
                self._said, self._seen = written
            now_s = self._clock.monotonic_s()
            if self._said is None or (written is None and now_s < self._again_s):
                return
            outcome = await self._list.bring(desk, self._said.wishes, now_s, ())
            self._again_s = now_s + AGAIN_S
            if written is not None and before is not None:
                await self._list.beat(desk, outcome.held if outcome.clear else None)
                self._report(desk, self._said.base_load_w)
            self._note("")
        except (OSError, FileUnreadable, StoreUnavailable) as fault:
            self._note(str(fault))

    def _report(self, desk: LimitDesk, base_load_w: Mapping[str, float]) -> None:
        """Metered just now, as the file was just written. Raises FileUnreadable for a feeder of somebody else."""
        for feeder_id, power_w in base_load_w.items():
            if feeder_id not in desk.feeders or not self._peer.may_limit(feeder_id, desk.feeders):
                raise FileUnreadable(f"base_load_w: {feeder_id!r} is no feeder of this source")
            desk.feeders.base_loads.report(feeder_id, power_w, desk.now(), desk.now())

    def _read(self) -> tuple[Written, Seen] | None:
        """None: not written since it was read last. What changes while we read is read again the next time."""
        with self._path.open("rb") as file:
            seen = _seen(os.fstat(file.fileno()))
            if seen == self._seen:
                return None
            raw = file.read(BODY_BYTES_MAX + 1)
            if _seen(os.fstat(file.fileno())) != seen:
                raise FileUnreadable("it is being written")
        return read_file(raw), seen

    def _note(self, fault: str) -> None:
        """The log has a line when a trouble begins, and when it is over."""
        if fault and fault != self._fault:
            log.warning("limit_file_unreadable", extra={"source": self._name, "fault": fault})
        elif self._fault and not fault:
            log.info("limit_file_read", extra={"source": self._name})
        self._fault = fault


def read_file(raw: bytes) -> Written:
    """What a file says. Raises FileUnreadable where the list cannot be told; values are judged with each limit."""
    try:
        body = read_object(raw, BOUNDS)
    except JsonRefused as fault:
        raise FileUnreadable(str(fault)) from None
    unknown = sorted(set(body) - KNOWN)
    listed = body.get("limits", [] if "base_load_w" in body else None)
    if unknown or not isinstance(listed, list) or len(listed) > LIMITS_MAX:
        raise FileUnreadable(f"unknown name {unknown[0]!r}" if unknown else f"limits is a list of at most {LIMITS_MAX}")
    wishes = [_wish(entry) for entry in listed]
    if len({wish.key for wish in wishes}) < len(wishes):
        raise FileUnreadable("a limit stands there twice")
    return Written(wishes, _loads(body.get("base_load_w", {})))


def _loads(found: Any) -> dict[str, float]:
    """Negative: it feeds in."""
    if not isinstance(found, dict):
        raise FileUnreadable("base_load_w has the watts of each feeder by its name")
    for power_w in found.values():
        if not isinstance(power_w, int | float) or isinstance(power_w, bool) or not abs(power_w) <= POWER_MAX_W:
            raise FileUnreadable(f"base_load_w: a number of watts up to {POWER_MAX_W:.0e} expected")
    return {feeder_id: float(power_w) for feeder_id, power_w in found.items()}


def _wish(entry: Any) -> Wish:
    if not isinstance(entry, dict):
        raise FileUnreadable("a limit is an object")
    feeder_id, limit_id, version = entry.get("feeder"), entry.get("id"), entry.get("version", 0)
    if not isinstance(feeder_id, str) or not isinstance(limit_id, str):
        raise FileUnreadable("a limit has a feeder and an id")
    if not isinstance(version, int) or isinstance(version, bool) or not 0 <= version <= VERSION_MAX:
        raise FileUnreadable(f"version is an integer from 0 to {VERSION_MAX}")
    body = {name: value for name, value in entry.items() if name not in OWN}
    return Wish(feeder_id, PREFIX + limit_id, body, version)


def _seen(stat: os.stat_result) -> Seen:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
