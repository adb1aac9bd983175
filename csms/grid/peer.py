"""Who states limits, and what is agreed with each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from csms.charging.feeder import FeederTree
from csms.security.jws import PublicKey

OPERATOR_PREFIX = "grid:"


def source_of(operator: str) -> str:
    """Under which identity a grid operator limits feeders, by whatever channel it comes."""
    return f"{OPERATOR_PREFIX}{operator}"


def operator_of(source: str) -> str:
    """The grid operator behind an identity, empty for somebody else."""
    return source.removeprefix(OPERATOR_PREFIX) if source.startswith(OPERATOR_PREFIX) else ""


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody whose identity was checked by the channel. `feeders` None: bound to none in particular. `deputy`: it is
    somebody else who speaks in the name of the source."""

    source: str
    channel: str = "http"
    name: str = ""
    address: str = ""
    feeders: frozenset[str] | None = None
    deputy: bool = False

    def may_limit(self, feeder_id: str, tree: FeederTree) -> bool:
        """Whether the feeder is one that the peer is bound to, or hangs below one. One that is no longer in the tree
        hangs nowhere."""
        path = tree.path(feeder_id) if feeder_id in tree else (feeder_id,)
        return self.feeders is None or not self.feeders.isdisjoint(path)

    @property
    def who(self) -> dict[str, str]:
        """For the record."""
        facts = {"name": self.name or self.source, "address": self.address, "channel": self.channel}
        return {name: value for name, value in facts.items() if value}


@dataclass(frozen=True, slots=True)
class SourceRule:
    """What is agreed with one source. Seconds; powers in W by feeder.

    `heartbeat_s`: how often it says that it is there; 0: it need not. After `missed` of them without a word its feeders
    are held at `failsafe_w`, at least for `failsafe_min_s`; `ends_alone`: without it they go back to the contract then,
    else they wait for it. `emergency`: it may go below what is agreed as lowest cap. `signed`: what is not signed with
    one of its `keys` is refused.
    """

    source: str
    feeders: frozenset[str] = frozenset()
    heartbeat_s: float = 0.0
    missed: float = 4.0
    failsafe_w: Mapping[str, int] = field(default_factory=dict)
    failsafe_min_s: float = 7200.0
    ends_alone: bool = False
    emergency: bool = False
    statements_per_min: float = 600.0
    signed: bool = False
    keys: tuple[PublicKey, ...] = ()

    @property
    def watched(self) -> bool:
        """Whether its silence means something."""
        return self.heartbeat_s > 0

    @property
    def silence_s(self) -> float:
        """How long it may say nothing."""
        return self.heartbeat_s * self.missed
