"""The local lists of stations, kept up with the tokens that are known here (OCPP 2.0.1 block D, 1.6 section 5.15).

What a station acknowledged is kept with its version. If the station still has that version only what changed since is
sent, else the whole list; the first message of a list that is too long replaces it, the others add to it (D01.FR.15).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import orjson
from msgspec import to_builtins

from csms.model.authorization import MADE_UP, NO_AUTHORIZATION
from csms.model.command import CommandResult
from csms.model.errors import CsmsError, PeerError
from csms.model.inbound import AuthorizeReply
from csms.model.local_list import GetLocalListVersion, ListEntry, ListVersion, SendLocalList, WriteLocalList
from csms.model.session import AuthorizationStatus
from csms.station.asking import sender
from csms.station.authorization import listed
from csms.station.context import Performers, Send, StationContext
from csms.station.splitting import joined, limits, split
from csms.store import changes
from csms.store.station_tables import LocalListRow
from csms.store.tables import IdToken

ENTRY_BYTES = 400
"""What one token needs in a message beside its own texts."""

ENTRIES_AT_ONCE = 100
"""Tokens in one message to a station that never told how many it takes: about 15 KB."""

TOKENS_AT_ONCE = 500

SETTLE_S = 10.0
"""How long changes of tokens are collected, and a station that booted is left alone (SR-06)."""

VERSION_MAX = 2**31 - 1
_NOT_HERE = AuthorizationStatus.NOT_AT_THIS_LOCATION

log = logging.getLogger(__name__)


class _Plan(NamedTuple):
    """What to send: the whole list or changes to it, and the version of the first message."""

    full: bool
    entries: Sequence[ListEntry]
    version: int


async def get_version(
    context: StationContext, station_id: str, command: GetLocalListVersion, send: Send
) -> CommandResult:
    """Ask, and remember a station that has no list."""
    result = await send(command)
    if _version(result) < 0:
        await _remember(context, await _row(context, station_id), version=-1, status="NotSupported", entries={})
    return result


async def send_list(context: StationContext, station_id: str, command: SendLocalList, send: Send) -> CommandResult:
    """Choose tokens, or all of them, and bring the list up to them."""
    async with context.list_turns[station_id]:
        row = await _row(context, station_id)
        chosen = list(command.tokens) if command.tokens is not None else None
        named = {token.lower() for token in chosen or ()}
        left_out = [token for token in row.left_out if token.lower() not in named]
        if (chosen, left_out) != (row.chosen, row.left_out):
            await _remember(context, row, chosen=chosen, left_out=left_out)
        return await _bring_up(context, row, command.full, send)


async def _bring_up(context: StationContext, row: LocalListRow, full: bool, send: Send) -> CommandResult:
    """Send what changed or the whole list; changes that the station refuses are followed by the latter (D01.FR.03)."""
    known = await _known_version(send)
    if known is not None and known < 0:
        await _remember(context, row, version=-1, status="NotSupported", entries={})
        return CommandResult("NotSupported", values={"version": str(known)})
    wanted = await _wanted(context, row)
    whole = _Plan(True, list(wanted.values()), _after(max(known or 0, row.version)))
    if full or row.version <= 0 or known != row.version or whole.version <= row.version:
        return await _write(context, row, whole, send)
    changed = await _write(context, row, _changes(row, wanted), send)
    if changed.accepted:
        return changed
    again = await _write(context, row, whole, send)
    return replace(again, payload={"answers": [dict(changed.payload), dict(again.payload)]})


async def leave_out(context: StationContext, station_id: str, id_token: str) -> None:
    """This token is never on the station's list again, until somebody chooses it for it."""
    row = await _row(context, station_id)
    if id_token.lower() not in {token.lower() for token in row.left_out}:
        await _remember(context, row, left_out=[*row.left_out, id_token])


def tokens_changed(context: StationContext) -> None:
    """Have the lists follow soon, all changes of the moment together, if the house keeps them up."""
    if context.settings.keep_local_lists and not context.lists_due:
        context.lists_due = True
        context.spawn(_follow_all(context))


async def _follow_all(context: StationContext) -> None:
    await asyncio.sleep(context.clock.wall_s(SETTLE_S))
    context.lists_due = False
    for row in await context.store.reader.find(LocalListRow):
        if row.station_id in context.stations:
            await follow(context, row.station_id)


def station_booted(context: StationContext, station_id: str) -> None:
    """A station that was away has its list brought up to date when it has settled."""
    if context.settings.keep_local_lists:
        context.spawn(_follow_later(context, station_id))


async def _follow_later(context: StationContext, station_id: str) -> None:
    await asyncio.sleep(context.clock.wall_s(SETTLE_S))
    await follow(context, station_id)


async def follow(context: StationContext, station_id: str) -> None:
    """Bring the list of a station that has one up to date, if it can be reached; the next time does it otherwise."""
    station = context.stations[station_id]
    async with context.list_turns[station_id]:
        row = await _row(context, station_id)
        if station.link is None or not station.booted or row.version <= 0:
            return
        try:
            await _bring_up(context, row, False, sender(context, station, station.link))
        except (CsmsError, PeerError) as fault:
            log.info("local_list_not_sent", extra={"station": station_id, "fault": str(fault)})


async def _write(context: StationContext, row: LocalListRow, plan: _Plan, send: Send) -> CommandResult:
    """Send message after message; each one that is acknowledged is remembered, so that a break loses nothing."""
    if not plan.full and not plan.entries:
        return CommandResult("Accepted", values={"version": str(row.version)})
    most = await limits(context, row.station_id, WriteLocalList)
    most = most._replace(items=most.items or ENTRIES_AT_ONCE)
    results: list[CommandResult] = []
    full, version = plan.full, plan.version
    for chunk in split(plan.entries, most, _size) or [[]]:
        result = await send(WriteLocalList(version, full, tuple(chunk)))
        results.append(result)
        if not result.accepted:
            await _remember(context, row, status=result.status)
            break
        entries = _applied({} if full else row.entries, chunk)
        await _remember(context, row, version=version, status="Accepted", entries=entries)
        full, version = False, _after(version)
    whole = joined(results)
    return CommandResult(results[-1].status, {"version": str(row.version)}, payload=whole.payload)


def _changes(row: LocalListRow, wanted: Mapping[str, ListEntry]) -> _Plan:
    """New and changed tokens with what is said of them, vanished ones without (D01.FR.16, D01.FR.17)."""
    gone = [ListEntry(token, kind, None) for token, (kind, _) in row.entries.items() if token not in wanted]
    changed = [entry for token, entry in wanted.items() if row.entries.get(token) != _fingerprint(entry)]
    return _Plan(False, [*gone, *changed], _after(row.version))


def _after(version: int) -> int:
    """The next version; 1 follows the last, for 0 and -1 have a meaning of their own (D01.FR.18, 1.6 errata 3.52)."""
    return version % VERSION_MAX + 1 if version > 0 else 1


def _applied(entries: Mapping[str, list[str]], chunk: Iterable[ListEntry]) -> dict[str, list[str]]:
    after = dict(entries)
    for entry in chunk:
        if entry.info is None:
            after.pop(entry.id_token, None)
        else:
            after[entry.id_token] = _fingerprint(entry)
    return after


def _fingerprint(entry: ListEntry) -> list[str]:
    """The type of a token, and what is said of it, shortly."""
    told = orjson.dumps(to_builtins(entry.info, builtin_types=(), str_keys=True))
    return [entry.token_type, hashlib.blake2b(told, digest_size=8).hexdigest()]


async def _wanted(context: StationContext, row: LocalListRow) -> dict[str, ListEntry]:
    """The tokens that belong on the list now; those that may not charge at this station do not."""
    left_out = {token.lower() for token in row.left_out}
    now = context.clock.now()
    wanted = {}
    for token in await _tokens(context, row.chosen):
        info = listed(token, row.station_id, now)
        unfit = token.token_type == NO_AUTHORIZATION or info.status is _NOT_HERE or token.folded in left_out
        if not unfit:
            wanted[token.id_token] = ListEntry(token.id_token, token.token_type, info)
    return wanted


async def _tokens(context: StationContext, chosen: Sequence[str] | None) -> list[IdToken]:
    reader = context.store.reader
    found: list[IdToken] = []
    if chosen is not None:
        for begin in range(0, len(chosen), TOKENS_AT_ONCE):
            found += (await reader.tokens(chosen[begin : begin + TOKENS_AT_ONCE])).values()
        return list({token.id_token: token for token in found}.values())
    after = ""
    while page := await reader.token_page(after, TOKENS_AT_ONCE):
        found += [token for token in page if not token.id_token.startswith(MADE_UP)]
        after = page[-1].id_token
    return found


async def _known_version(send: Send) -> int | None:
    """What the station says that it has; None when it says nothing that makes sense (OA-06)."""
    try:
        return _version(await send(GetLocalListVersion()))
    except PeerError:
        return None


def _version(result: CommandResult) -> int:
    return next((record.version for record in result.records if isinstance(record, ListVersion)), 0)


async def _row(context: StationContext, station_id: str) -> LocalListRow:
    rows = await context.store.reader.find(LocalListRow, station_id=station_id)
    return rows[0] if rows else LocalListRow(station_id=station_id, changed_at=context.clock.now())


async def _remember(context: StationContext, row: LocalListRow, **columns: object) -> None:
    """Only these columns: somebody else may have changed the others meanwhile."""
    for name, value in columns.items():
        setattr(row, name, value)
    row.changed_at = context.clock.now()
    await context.store.writer.commit([changes.put_columns(row, *columns, "changed_at")])


def _size(entry: ListEntry) -> int:
    info = entry.info or AuthorizeReply(AuthorizationStatus.INVALID)
    texts = (entry.id_token, info.group_id, info.message, *info.languages)
    return ENTRY_BYTES + sum(len(orjson.dumps(text)) for text in texts) + 5 * len(info.evse_ids)


PERFORMERS: Performers = {GetLocalListVersion: get_version, SendLocalList: send_list}
