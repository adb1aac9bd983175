"""The secrets of partners, per direction, and how they change without a gap.

`outbound` are the partner's, for our calls to it; `inbound` are ours, for its calls to us. New secrets count from the
moment they are there; the older ones count on until the new ones were used, and for the replay window after that, so
that what is under way still arrives; secrets that leaked are ended at once. Number 0 are those of the settings; all
others lie sealed in the store.

A ring says with which secrets to call: the newest, unless the partner refused them; then the ones that worked, and the
newest again after `TRY_AGAIN_S` or as soon as the older are refused.
"""

from __future__ import annotations

import json
import secrets as chance
import string
import tomllib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from csms.model.clock import Clock
from csms.model.errors import CsmsError
from csms.province.crypto import KEY_BYTES, SecretInvalid, Secrets, Suite
from csms.province.envelope import Codec
from csms.security.sealing import Seal

TRY_AGAIN_S = 600.0
FIELDS = ("operator_secret", "data_secret", "data_secret_iv", "sig_secret")
_LETTERS = string.ascii_letters + string.digits


class Direction(StrEnum):
    """Whose calls the secrets are for."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class KeysMissing(CsmsError):
    """A partner has no secrets for this direction; `csms province keys` gives it some."""

    code = "partner_keys_missing"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A set of secrets as it is stored. `sealed` is empty for number 0, whose secrets stand in the settings.

    `used_at`: first proved in a call; `retired_at`: from when on they count no more.
    """

    partner: str
    direction: str
    number: int
    sealed: str
    fingerprint: str
    made_at: datetime
    used_at: datetime | None = None
    retired_at: datetime | None = None

    @property
    def about(self) -> str:
        """What is sealed with the secrets."""
        return f"province/{self.partner}/{self.direction}/{self.number}"


SaveKeys = Callable[[Sequence[KeyRecord]], Awaitable[None]]


async def _not_kept(records: Sequence[KeyRecord]) -> None:
    """Nobody keeps them."""


@dataclass(slots=True)
class _Held:
    record: KeyRecord
    secrets: Secrets


class KeyRing:
    """The secrets of one partner and direction."""

    def __init__(self, clock: Clock, window_s: float = 300.0, save: SaveKeys = _not_kept) -> None:
        self._clock = clock
        self.window_s = window_s
        self._save = save
        self._held: list[_Held] = []
        self._works: int | None = None
        self._again_at: datetime | None = None

    @classmethod
    def of(cls, clock: Clock, secrets: Secrets) -> KeyRing:
        """A ring of one set that nobody stores."""
        ring = cls(clock)
        ring.hold(KeyRecord("", Direction.OUTBOUND, 0, "", "", clock.now()), secrets)
        return ring

    def hold(self, record: KeyRecord, secrets: Secrets) -> None:
        """Add a set; the highest number is the newest."""
        self._held = sorted([*self._held, _Held(record, secrets)], key=lambda held: -held.record.number)

    def learn(self, record: KeyRecord) -> None:
        """Another process has ended a set, maybe."""
        for held in self._held:
            mine, its = held.record.retired_at, record.retired_at
            if held.record.number == record.number and its is not None and (mine is None or its < mine):
                held.record = replace(held.record, retired_at=its)

    async def end_older(self) -> None:
        """Only the newest set counts from now on."""
        now, live = self._clock.now(), self._live()
        for held in live[1:]:
            held.record = replace(held.record, retired_at=now)
        await self._save([held.record for held in live[1:] if held.record.partner])

    def codec(self, suite: Suite) -> Codec:
        """What is accepted now, the newest first. Raises KeysMissing."""
        live = self._live()
        return Codec(suite, live[0].secrets, tuple(held.secrets for held in live[1:]))

    def to_call(self) -> list[Secrets]:
        """In which order to try them in a call. Raises KeysMissing."""
        live = self._live()
        patient = self._again_at is not None and self._clock.now() < self._again_at
        if patient and self._works is not None:
            live.sort(key=lambda held: held.record.number != self._works)
        return [held.secrets for held in live]

    async def proved(self, secrets: Secrets) -> None:
        """The other side used these secrets, or took them. Older ones end when the newest were used."""
        live = self._live()
        found = next((held for held in live if held.secrets == secrets), None)
        if found is None:
            return
        now = self._clock.now()
        self._works = found.record.number
        self._again_at = None if found is live[0] else self._again_at or now + timedelta(seconds=TRY_AGAIN_S)
        if found is live[0] and found.record.used_at is None:
            await self._take_over(live, now)

    def refused(self) -> None:
        """The newest secrets were refused while older ones are there: call with those for a while."""
        self._again_at = self._clock.now() + timedelta(seconds=TRY_AGAIN_S)

    @property
    def records(self) -> list[KeyRecord]:
        """All sets, the newest first."""
        return [held.record for held in self._held]

    async def _take_over(self, live: list[_Held], now: datetime) -> None:
        live[0].record = replace(live[0].record, used_at=now)
        for held in live[1:]:
            held.record = replace(held.record, retired_at=now + timedelta(seconds=self.window_s))
        await self._save([held.record for held in live if held.record.partner])

    def _live(self) -> list[_Held]:
        now = self._clock.now()
        live = [held for held in self._held if held.record.retired_at is None or now < held.record.retired_at]
        if not live:
            raise KeysMissing("there are no secrets for this partner; see csms province keys")
        return live

    @property
    def empty(self) -> bool:
        """Whether nothing counts now."""
        now = self._clock.now()
        return not any(held.record.retired_at is None or now < held.record.retired_at for held in self._held)


class Keys:
    """All rings; `seal` with the key of this server."""

    def __init__(self, clock: Clock, seal: Seal, records: Iterable[KeyRecord] = (), save: SaveKeys = _not_kept) -> None:
        """Raises SealBroken for a record that was sealed with another key."""
        self._clock, self._seal, self._save = clock, seal, save
        self._rings: dict[tuple[str, str], KeyRing] = {}
        self._given: dict[tuple[str, str], KeyRecord] = {}
        self.take_in(records)

    def take_in(self, records: Iterable[KeyRecord]) -> int:
        """Sets as they are stored now, maybe by another process; how many of them are new. Raises SealBroken."""
        new = 0
        for record in records:
            ring = self.ring(record.partner, Direction(record.direction))
            if not record.sealed:
                self._given[record.partner, record.direction] = record
            elif all(known.number != record.number for known in ring.records):
                ring.hold(record, self._unsealed(record))
                new += 1
            ring.learn(record)
        return new

    def ring(self, partner: str, direction: Direction, window_s: float | None = None) -> KeyRing:
        """The ring of a partner and direction, empty at first; `window_s` is the replay window of its profile."""
        ring = self._rings.setdefault((partner, direction.value), KeyRing(self._clock, save=self._save))
        if window_s is not None:
            ring.window_s = window_s
        return ring

    def from_settings(self, partner: str, direction: Direction, secrets: Secrets) -> None:
        """Secrets that stand in the settings are number 0, older than all that were given since."""
        known = self._given.get((partner, direction.value))
        fingerprint = self._seal.fingerprint(_packed(secrets))
        if known is None or known.fingerprint != fingerprint:
            known = KeyRecord(partner, direction, 0, "", fingerprint, self._clock.now())
        self.ring(partner, direction).hold(known, secrets)

    async def add(self, partner: str, direction: Direction, secrets: Secrets, *, end_older: bool = False) -> KeyRecord:
        """New secrets, durable when this returns; they count at once, and the older ones until these were used, or no
        more (`end_older`)."""
        ring = self.ring(partner, direction)
        number = max((record.number for record in ring.records), default=0) + 1
        bare = KeyRecord(partner, direction, number, "", self._seal.fingerprint(_packed(secrets)), self._clock.now())
        record = replace(bare, sealed=self._seal.close(_packed(secrets), bare.about))
        await self._save([record])
        ring.hold(record, secrets)
        if end_older:
            await ring.end_older()
        return record

    def records(self) -> list[KeyRecord]:
        """Every set of every partner, the newest of each first; no secret is in it."""
        return [record for _, ring in sorted(self._rings.items()) for record in ring.records]

    def _unsealed(self, record: KeyRecord) -> Secrets:
        return secrets_of(json.loads(self._seal.open(record.sealed, record.about)))


def secrets_of(fields: Mapping[str, Any]) -> Secrets:
    """From the four texts by name; raises SecretInvalid."""
    return Secrets.of(*(str(fields.get(name, "")) for name in FIELDS))


def texts_of(secrets: Secrets) -> dict[str, str]:
    """The four texts, to be handed to the partner."""
    rest = (secrets.data_secret, secrets.data_secret_iv, secrets.sig_secret)
    values = (secrets.operator_secret, *(one.decode() for one in rest))
    return dict(zip(FIELDS, values, strict=True))


def texts_in(toml: str) -> dict[str, str]:
    """The four texts from a TOML file of them; raises SecretInvalid."""
    try:
        found = tomllib.loads(toml)
    except ValueError as fault:
        raise SecretInvalid(str(fault)) from None
    if missing := [name for name in FIELDS if not isinstance(found.get(name), str)]:
        raise SecretInvalid(f"missing: {', '.join(missing)}")
    return {name: found[name] for name in FIELDS}


def toml_of(texts: Mapping[str, str]) -> str:
    """The lines that `texts_in` reads."""
    return "".join(f'{name} = "{value}"\n' for name, value in texts.items())


def new_secrets() -> Secrets:
    """Four texts of 16 characters that nobody can guess (95 bits each)."""
    return Secrets.of(*("".join(chance.choice(_LETTERS) for _ in range(KEY_BYTES)) for _ in FIELDS))


def _packed(secrets: Secrets) -> bytes:
    return json.dumps(texts_of(secrets), sort_keys=True).encode()
