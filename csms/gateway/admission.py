"""How often and how many: failed proofs, handshakes that hang, messages. Nothing here costs what it protects.

Who guesses passwords has to wait, and nobody else: what counts is the pair of an address and a station id, so neither
the station behind another address nor its neighbours behind the same one are locked out. Seconds are those of the wall.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from csms.model.bounds import ANSWERED_IDS_KEPT, CALLS_QUEUED_MAX
from csms.security.addresses import address_of, host_of
from csms.security.buckets import NAMES_MAX, Buckets, Failures

IDLE_S = 1.0
"""A handshake that has said nothing for so long makes room for one that comes."""
HOLD_S = 0.2
"""Nothing is read for at least so long from a station that sends too fast."""
PAUSE_S = 10.0
"""Whoever was not too fast for so long begins anew."""


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """What a peer may do before and after it is let in; docs/reference/limits.md tells of each.

    `trusted_proxies`: addresses that all stations may come from, and that are believed whom they speak for.
    `excess_s`: how long a station may send faster than `messages_per_s`, and be slowed, before it is sent away.
    """

    trusted_proxies: frozenset[str] = frozenset()
    failures_free: int = 5
    failures_wait_s: float = 1.0
    failures_wait_max_s: float = 300.0
    address_failures_per_s: float = 0.5
    address_failures_burst: int = 50
    addresses_max: int = NAMES_MAX
    handshakes_max: int = 10_000
    handshakes_per_address_max: int = 4_000
    duplicate_ping_s: float = 5.0
    messages_per_s: float = 100.0
    messages_burst: int = 30_000
    excess_s: float = 3600.0
    authorize_per_s: float = 1.0
    authorize_burst: int = 120
    message_ids_kept: int = ANSWERED_IDS_KEPT
    refuse_reused_ids: bool = True
    commands_waiting_max: int = CALLS_QUEUED_MAX


class Attempts:
    """Proofs that failed, by address and by address and station id."""

    def __init__(self, limits: AdmissionLimits) -> None:
        names = limits.addresses_max
        self._pairs = Failures(limits.failures_free, limits.failures_wait_s, limits.failures_wait_max_s, names)
        self._addresses = Buckets(limits.address_failures_per_s, limits.address_failures_burst, names)

    def wait_s(self, address: str, who: str, now_s: float) -> float:
        """How long this pair has to wait before anything is computed. Unknown ids and known ones are treated alike.

        Of an address that fails often nobody has a second try.
        """
        pair = _pair(address, who)
        waits_s = self._pairs.wait_s(pair, now_s)
        if waits_s <= 0 and self._pairs.count(pair, now_s) > 0:
            waits_s = self._addresses.wait_s(address, now_s)
        return waits_s

    def began(self, address: str, who: str, now_s: float) -> None:
        """Counts as failed until it is known, so that many at once are no way around."""
        self._pairs.failed(_pair(address, who), now_s)

    def failed(self, address: str, now_s: float) -> None:
        """It did fail."""
        self._addresses.take(address, now_s)

    def succeeded(self, address: str, who: str) -> None:
        """It proved to be somebody; what it failed before is forgotten."""
        self._pairs.succeeded(_pair(address, who))

    def undecided(self, address: str, who: str) -> None:
        """That was our fault."""
        self._pairs.take_back(_pair(address, who))

    def forgive(self, station_id: str) -> None:
        """Whatever this station failed before counts no more: it was given something new to prove itself with."""
        self._pairs.forget(lambda pair: pair.partition("\n")[2].partition("\n")[0] == station_id)


def _pair(address: str, who: str) -> str:
    return f"{address}\n{who}"


@dataclass(slots=True, eq=False)
class Arrival:
    """A link whose handshake is not done. `drop` cuts it; `asked`: it has said what it wants, now it waits for us."""

    address: str
    since_s: float
    drop: Callable[[], object]
    asked: bool = False


class Arrivals:
    """All handshakes in progress: so many in total, so many of an address.

    Where there are too many, the oldest goes that has said nothing for a while; else the newcomer does.
    """

    def __init__(
        self,
        limits: AdmissionLimits,
        time_s: Callable[[], float],
        crowded: Callable[[str], None] = lambda address: None,
    ) -> None:
        """`crowded` hears whose coming somebody was cut for, be it the newcomer itself."""
        self._limits, self._time_s, self._crowded = limits, time_s, crowded
        self._all: dict[Arrival, None] = {}
        self._by_address: dict[str, dict[Arrival, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def of(self, address: str) -> int:
        """How many there are of an address."""
        return len(self._by_address.get(address, ()))

    def begin(self, peer: str, drop: Callable[[], object]) -> Arrival | None:
        """A link is up; None when there is no room for it."""
        address, limits = address_of(peer), self._limits
        own = self._by_address.get(address, {})
        crowded = len(own) >= limits.handshakes_per_address_max and host_of(peer) not in limits.trusted_proxies
        if crowded and not self._make_room(own, peer):
            return None
        if len(self._all) >= limits.handshakes_max and not self._make_room(self._all, peer):
            return None
        arrival = Arrival(address, self._time_s(), drop)
        self._all[arrival] = None
        self._by_address.setdefault(address, {})[arrival] = None
        return arrival

    def end(self, arrival: Arrival) -> None:
        """Its handshake is done, or it is gone; may be told twice."""
        if arrival not in self._all:
            return
        del self._all[arrival]
        own = self._by_address[arrival.address]
        del own[arrival]
        if not own:
            del self._by_address[arrival.address]

    def _make_room(self, among: dict[Arrival, None], peer: str) -> bool:
        self._crowded(peer)
        oldest = next((one for one in among if not one.asked), None)
        if oldest is None or self._time_s() - oldest.since_s < IDLE_S:
            return False
        self.end(oldest)
        oldest.drop()
        return True


@dataclass(slots=True)
class Allowance:
    """Messages that one station may send before it is looked at how fast it sends; kept over its connections.

    `left` is counted down by the connection, once for each message. `slow_since_s`: since when it has been sending too
    fast, without a pause; `slowed_at_s`: when it last had to be slowed.
    """

    left: int
    granted_at_s: float
    slow_since_s: float = float("-inf")
    slowed_at_s: float = float("-inf")

    def hold_s(self, now_s: float, limits: AdmissionLimits) -> float:
        """`left` is used up: what has come in meanwhile is granted; else the seconds to read nothing more."""
        earned = int((now_s - self.granted_at_s) * limits.messages_per_s)
        if earned >= limits.messages_burst:
            self.left += limits.messages_burst
            self.granted_at_s = now_s
        else:
            self.left += earned
            self.granted_at_s += earned / limits.messages_per_s
        if self.left >= 0:
            return 0.0
        if now_s - self.slowed_at_s > PAUSE_S:
            self.slow_since_s = now_s
        self.slowed_at_s = now_s
        return max(HOLD_S, -self.left / limits.messages_per_s)

    def in_excess(self, limits: AdmissionLimits) -> bool:
        """Whether it has been slowed for too long; then that begins anew."""
        if not self.slowed_at_s - self.slow_since_s >= limits.excess_s:  # also when it never was
            return False
        self.slow_since_s = self.slowed_at_s
        return True
