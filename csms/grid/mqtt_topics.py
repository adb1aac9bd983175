"""The topics of limits over MQTT (grid-limits A5). Pure.

    grid/v1/{operator}/{feeder}/limit/set    heartbeat    base      from the operator
    grid/v1/{operator}/{feeder}/limit/ack    limit/state  meter     heartbeat      to it
    grid/v1/{operator}/{feeder}/response/set                        from the operator: demand response
    grid/v1/{operator}/{feeder}/response/ack    response/report     to it
    grid/v1/csms/{node}/status                                      whether we are there

That an operator writes only below its own name is the broker's rule (its list of who may write where); here the name in
the topic is taken for the operator, and what it may limit is what the settings say.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

ROOT = "grid/v1"
SEGMENT_LENGTH_MAX = 64
TOPIC_LENGTH_MAX = 256
LEVELS_BEFORE_KIND = 4


class BadTopic(ValueError):
    """A topic that nothing is read from or written to."""


class Kind(StrEnum):
    """What a topic of a feeder is for; heartbeats go both ways."""

    SET = "limit/set"
    ACK = "limit/ack"
    STATE = "limit/state"
    METER = "meter"
    HEARTBEAT = "heartbeat"
    BASE = "base"
    RESPONSE_SET = "response/set"
    RESPONSE_ACK = "response/ack"
    RESPONSE_REPORT = "response/report"


FROM_OPERATORS = frozenset({Kind.SET, Kind.HEARTBEAT, Kind.BASE, Kind.RESPONSE_SET})


class Address(NamedTuple):
    """Whom a message is from or for, and about which feeder."""

    operator: str
    feeder_id: str
    kind: Kind

    @property
    def topic(self) -> str:
        """Where it is."""
        return f"{ROOT}/{self.operator}/{self.feeder_id}/{self.kind.value}"


def fits(segment: str) -> bool:
    """Whether a name can stand between two slashes of a topic."""
    return 0 < len(segment) <= SEGMENT_LENGTH_MAX and segment.isprintable() and not set(segment) & set("/+#")


def everybodys(kind: Kind) -> str:
    """The filter for all operators and feeders."""
    return f"{ROOT}/+/+/{kind.value}"


def status_topic(node: str) -> str:
    """Where it stands whether this server is there."""
    return f"{ROOT}/csms/{node}/status"


def read_topic(topic: str) -> Address:
    """What an operator may write to. Raises BadTopic."""
    operator, feeder_id, kind = _parts(topic)
    if kind not in FROM_OPERATORS:
        raise BadTopic("nothing is read from this topic")
    return Address(operator, feeder_id, Kind(kind))


def read_response_topic(topic: str, operator: str) -> str:
    """Where an operator wants its answer: below its own name, and nowhere that already means something.

    We may write more than the operator may, and must not do it in its place. Raises BadTopic.
    """
    if len(topic) > TOPIC_LENGTH_MAX or not topic.startswith(f"{ROOT}/{operator}/"):
        raise BadTopic("answers go below the operator's own name")
    if not all(fits(level) for level in topic.split("/")):
        raise BadTopic("no topic to write to")
    if any(topic.endswith(f"/{kind.value}") for kind in Kind):
        raise BadTopic("this topic means something else")
    return topic


def sender(topic: str) -> str:
    """Whose share of the waiting room a message takes, before anything else is read."""
    return "/".join(topic.split("/", LEVELS_BEFORE_KIND)[:3])[:TOPIC_LENGTH_MAX]


def _parts(topic: str) -> tuple[str, str, str]:
    if len(topic) > TOPIC_LENGTH_MAX or not topic.startswith(f"{ROOT}/"):
        raise BadTopic("not one of our topics")
    levels = topic.split("/", LEVELS_BEFORE_KIND)
    if len(levels) <= LEVELS_BEFORE_KIND:
        raise BadTopic("not one of our topics")
    operator, feeder_id, kind = levels[2:]
    if not fits(operator) or not fits(feeder_id):
        raise BadTopic("the names of operator and feeder are 1 to 64 printable characters")
    return operator, feeder_id, kind
