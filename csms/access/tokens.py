"""The tokens of the HTTP interface: made, recognised, rotated, revoked.

All of them are kept in memory (there are few), so that a request costs no read; other servers on the same database
take over what one of them changed within REFRESH_S.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from csms.model.access import (
    BOUND,
    Caller,
    LastAdministrator,
    Role,
    TokenExists,
    TokenInvalid,
    Unauthenticated,
    UnknownAccessToken,
)
from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.security.access_tokens import id_of, matches, new_token
from csms.store import changes
from csms.store.access_tables import AccessToken
from csms.store.change import Change

REFRESH_S = 5.0
"""Of the wall: so long another server may still take a token that was revoked here."""

USED_S = 60.0
"""How exactly it is known when a token was used last."""

TOKENS_MAX = 1000
NAME = re.compile(r"[\w][\w .@+-]{0,63}")
FIRST_NAME = "administrator"
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="csms"'}

log = logging.getLogger(__name__)


class TokenWriter(Protocol):
    """The writing side of the store."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Wait until durable; raises StoreUnavailable."""
        ...


class TokenReader(Protocol):
    """The reading side of the store."""

    async def access_tokens(self) -> Sequence[AccessToken]:
        """All tokens."""
        ...


class TokenStore(Protocol):
    """The store, as far as tokens need it."""

    @property
    def writer(self) -> TokenWriter:
        """To make changes durable."""
        ...

    @property
    def reader(self) -> TokenReader:
        """To read rows."""
        ...


@dataclass(frozen=True, slots=True)
class Made:
    """A token that was made; `text` is told to whoever asked for it, once."""

    row: AccessToken
    text: str

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Made({self.row!r})"


class AccessTokens:
    """The tokens over one store. `await refresh()` before anybody asks."""

    def __init__(self, clock: Clock, store: TokenStore) -> None:
        self._clock, self._store = clock, store
        self._rows: dict[str, AccessToken] = {}
        self._used: dict[str, datetime] = {}
        self._read_at_s = 0.0
        self._turn = asyncio.Lock()

    async def refresh(self) -> None:
        """Read all tokens anew. Raises StoreUnavailable."""
        self._read_at_s = self._clock.monotonic_s()
        rows = await self._store.reader.access_tokens()
        self._rows = {row.id: row for row in rows}

    async def listed(self) -> list[AccessToken]:
        """All tokens, oldest first, with what other processes changed; what is known when the database is away."""
        await self._refresh_if_possible()
        for token_id, used_at in self._used.items():
            if token_id in self._rows:
                self._rows[token_id].last_used_at = used_at
        return list(self._rows.values())

    async def authenticate(self, header: str | None, address: str) -> Caller:
        """Whose token stands in an Authorization header. Raises Unauthenticated, alike for every wrong one."""
        if not header:
            raise Unauthenticated("missing", "a token is needed: Authorization: Bearer csms_...", CHALLENGE)
        scheme, _, text = header.partition(" ")
        text = text.strip()
        token_id = id_of(text) if scheme.lower() == "bearer" else None
        row = await self._row(token_id) if token_id else None
        if not matches(text, row.digest if row else None) or row is None:
            raise Unauthenticated("invalid", "this token is not known here", CHALLENGE)
        now = self._clock.now()
        if row.revoked_at is not None:
            raise Unauthenticated("revoked", "this token was revoked", CHALLENGE)
        if row.expires_at is not None and row.expires_at <= now:
            raise Unauthenticated("expired", "this token has expired", CHALLENGE)
        self._used[row.id] = now
        return Caller(row.id, row.name, Role(row.role), tuple(row.bound_to), address)

    async def _row(self, token_id: str) -> AccessToken | None:
        age_s = self._clock.wall_s(self._clock.monotonic_s() - self._read_at_s)
        if age_s > REFRESH_S or (token_id not in self._rows and age_s > 1.0):
            await self._refresh_if_possible()
        return self._rows.get(token_id)

    async def _refresh_if_possible(self) -> None:
        try:
            await self.refresh()
        except StoreUnavailable:
            log.debug("access_tokens_not_read")  # the database is out of reach: what is known counts on

    async def create(
        self,
        name: str,
        role: Role,
        bound_to: Sequence[str] = (),
        expires_at: datetime | None = None,
        *,
        created_by: str,
    ) -> Made:
        """A token of a new name. Raises TokenExists, TokenInvalid, StoreUnavailable."""
        async with self._turn:
            await self.refresh()
            if not NAME.fullmatch(name):
                raise TokenInvalid("a name has 1 to 64 letters, digits, blanks and any of . _ @ + -")
            if any(row.name == name for row in self._rows.values()):
                raise TokenExists(f"the name {name!r} is or was another token's")
            if bool(bound_to) is not (role in BOUND):
                raise TokenInvalid(
                    "grid operators are bound to feeders, partners to a platform, drivers to id tokens, and nobody else"
                )
            if expires_at is not None and expires_at <= self._clock.now():
                raise TokenInvalid("it would have expired already")
            if len(self._rows) >= TOKENS_MAX:
                raise TokenInvalid(f"there are {TOKENS_MAX} tokens already")
            return await self._add(self._made(name, role, bound_to, expires_at, created_by))

    def is_another(self, caller: Caller, name: str, at: datetime) -> bool:
        """Whether a caller is somebody else than whoever did something as `name` at that time, as far as tokens tell:
        both had theirs by then, and neither was made by the other, who would know it as well.
        """
        own = self._rows.get(caller.token_id)
        before = [row for row in self._rows.values() if row.name == name and row.created_at <= at]
        if own is None or not before or caller.name == name or own.created_at > at:
            return False
        theirs = max(before, key=lambda row: row.created_at)
        return own.created_by != name and theirs.created_by != caller.name

    async def is_good(self, token_id: str) -> bool:
        """Whether this token is (still) valid."""
        row = await self._row(token_id)
        return row is not None and _is_valid(row, self._clock.now())

    async def rotate(self, name: str, grace: timedelta, *, created_by: str) -> Made:
        """Another token of the same name; the old ones are good for `grace` more. Raises UnknownAccessToken."""
        async with self._turn:
            await self.refresh()
            old = self._valid(name)
            newest = old[-1]
            until = self._clock.now() + grace
            endings = [
                changes.set_columns(AccessToken, {"id": row.id}, expires_at=until)
                for row in old
                if row.expires_at is None or row.expires_at > until
            ]
            role, bound_to = Role(newest.role), newest.bound_to
            return await self._add(self._made(name, role, bound_to, newest.expires_at, created_by), endings)

    async def revoke(self, name: str) -> list[AccessToken]:
        """End all tokens of a name, or the one with this id. Raises UnknownAccessToken, LastAdministrator."""
        async with self._turn:
            await self.refresh()
            ending = self._valid(name)
            left = [row for row in self._administrators() if row not in ending]
            if not left:
                raise LastAdministrator("there would be no administrator left; make another one first")
            now = self._clock.now()
            await self._commit([changes.set_columns(AccessToken, {"id": row.id}, revoked_at=now) for row in ending])
            return ending

    async def first(self, *, created_by: str) -> tuple[Made, Change] | None:
        """A token for an administrator where there is none, and the change that makes it good: it is told first and
        made good then, so that it cannot be lost in between. None where there is one.
        """
        await self.refresh()
        if self._administrators():
            return None
        taken = {row.name for row in self._rows.values()}
        names = (FIRST_NAME if number == 1 else f"{FIRST_NAME}-{number}" for number in range(1, len(taken) + 2))
        name = next(name for name in names if name not in taken)
        made = self._made(name, Role.ADMINISTRATOR, (), None, created_by)
        return made, changes.add_row(made.row)

    async def put(self, change: Change) -> None:
        """Make good what `first` made. Raises StoreUnavailable."""
        async with self._turn:
            await self._commit([change])

    async def note_use(self) -> None:
        """Keep when tokens were used last. Raises StoreUnavailable."""
        used = dict(self._used)
        notes = [changes.set_columns(AccessToken, {"id": token_id}, last_used_at=at) for token_id, at in used.items()]
        await self._store.writer.commit(notes)
        self._used = {token_id: at for token_id, at in self._used.items() if used.get(token_id) != at}

    async def run(self) -> None:
        """Background work: `note_use` now and then."""
        while True:
            await asyncio.sleep(USED_S)
            try:
                await self.note_use()
            except StoreUnavailable as fault:
                log.debug("token_use_not_kept", extra={"code": fault.code})

    async def _add(self, made: Made, more: Sequence[Change] = ()) -> Made:
        await self._commit([changes.add_row(made.row), *more])
        return made

    def _made(
        self, name: str, role: Role, bound_to: Sequence[str], expires_at: datetime | None, created_by: str
    ) -> Made:
        new = new_token()
        row = AccessToken(
            id=new.token_id,
            name=name,
            role=role.value,
            bound_to=list(bound_to),
            digest=new.digest,
            created_at=self._clock.now(),
            created_by=created_by,
            expires_at=expires_at,
        )
        return Made(row, new.text)

    async def _commit(self, wanted: Sequence[Change]) -> None:
        await self._store.writer.commit(wanted)
        await self.refresh()

    def _valid(self, name: str) -> list[AccessToken]:
        now = self._clock.now()
        found = [row for row in self._rows.values() if name in (row.name, row.id) and _is_valid(row, now)]
        if not found:
            raise UnknownAccessToken(f"no token {name!r} is valid")
        return found

    def _administrators(self) -> list[AccessToken]:
        now = self._clock.now()
        return [row for row in self._rows.values() if row.role == Role.ADMINISTRATOR and _is_valid(row, now)]


def _is_valid(row: AccessToken, now: datetime) -> bool:
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > now)
