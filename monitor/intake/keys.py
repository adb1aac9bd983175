"""The secrets of operators, both directions, sealed in the platform's database and changed without a gap.

`inbound` are those that we gave an operator for its calls, `outbound` those that it gave us for ours. Another process
(`csms monitor intake keys`) may add sets while the platform runs; they are read when a signature fits none of the known
ones, and before operators are asked. The key that seals them lies beside the database, its owner's alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from csms.model.clock import Clock
from csms.model.errors import CsmsError
from csms.province.crypto import Secrets
from csms.province.envelope import Codec
from csms.province.keys import Direction, KeyRecord, KeyRing, Keys
from csms.security.numbers import kept_key
from csms.security.sealing import Seal
from monitor.intake.settings import PlatformSettings
from monitor.store.keys import KeyStore

KEY_FILE = "platform.key"


class UnknownOperator(CsmsError):
    """No operator has this OperatorID; the partner file lists them."""

    code = "unknown_operator"


class OperatorKeys(Mapping[str, Codec]):
    """All rings; as a mapping, what counts now for the calls of each operator that has secrets."""

    def __init__(self, settings: PlatformSettings, clock: Clock, store: KeyStore, folder: Path) -> None:
        self._operators = settings.operators
        self._store = store
        self._keys = Keys(clock, Seal(kept_key(folder / KEY_FILE)), save=store.keep)

    async def load(self) -> None:
        """What is stored, and what stands in the partner file. Raises SealBroken."""
        await self.refresh()
        for operator in self._operators.values():
            window_s = operator.profile.clock.replay_window_s
            given = {Direction.INBOUND: operator.inbound, Direction.OUTBOUND: operator.outbound}
            for direction, secrets in given.items():
                self._keys.ring(operator.operator_id, direction, window_s)
                if secrets is not None:
                    self._keys.from_settings(operator.operator_id, direction, secrets)

    async def refresh(self) -> bool:
        """Read the store again; whether there are secrets that were not known. Raises SealBroken."""
        return self._keys.take_in(await self._store.records()) > 0

    def ring(self, operator_id: str, direction: Direction) -> KeyRing:
        """The secrets of one operator and direction; raises UnknownOperator."""
        if operator_id not in self._operators:
            raise UnknownOperator(f"no operator {operator_id}; there are {', '.join(sorted(self._operators))}")
        return self._keys.ring(operator_id, direction)

    async def add(
        self, operator_id: str, direction: Direction, secrets: Secrets, *, end_older: bool = False
    ) -> KeyRecord:
        """New secrets; they count at once, and the older ones until these were used, or no more (`end_older`). Raises
        UnknownOperator."""
        self.ring(operator_id, direction)
        return await self._keys.add(operator_id, direction, secrets, end_older=end_older)

    def records(self) -> Sequence[KeyRecord]:
        """Every set, without the secrets."""
        return self._keys.records()

    def __getitem__(self, operator_id: str) -> Codec:
        """Raises KeyError for an operator that may not call, or has no secrets to call with."""
        operator = self._operators[operator_id]
        ring = self._keys.ring(operator_id, Direction.INBOUND)
        if ring.empty:
            raise KeyError(operator_id)
        return ring.codec(operator.suite)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._operators if not self._keys.ring(name, Direction.INBOUND).empty)

    def __len__(self) -> int:
        return sum(1 for _ in self)
