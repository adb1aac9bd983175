"""Which topics mean something, and which are refused (GL-A5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.grid.mqtt_topics import (
    Address,
    BadTopic,
    Kind,
    everybodys,
    fits,
    read_response_topic,
    read_topic,
    sender,
    status_topic,
)

pytestmark = pytest.mark.req("GL-A5")
names = st.text(min_size=1, max_size=64).filter(fits)


@given(names, names, st.sampled_from([Kind.SET, Kind.HEARTBEAT, Kind.BASE]))
def test_what_was_written_is_read(operator: str, feeder: str, kind: Kind) -> None:
    address = Address(operator, feeder, kind)
    assert read_topic(address.topic) == address


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for topic in (text, f"grid/v1/{text}", f"grid/v1/north/{text}/limit/set"):
        try:
            assert read_topic(topic).topic == topic
        except BadTopic:
            continue


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "grid/v1",
        "grid/v1/north/T1",
        "grid/v2/north/T1/limit/set",
        "grid/v1/north/T1/limit/set/",
        "/grid/v1/north/T1/limit/set",
        "grid/v1/north/T1/limit",
        "grid/v1/north/T1/limit/ack",
        "grid/v1/north/T1/limit/state",
        "grid/v1/north/T1/meter",
        "grid/v1//T1/limit/set",
        "grid/v1/north//limit/set",
        "grid/v1/+/T1/limit/set",
        "grid/v1/north/#/limit/set",
        "grid/v1/north/T\x001/limit/set",
        "grid/v1/north/T\n1/limit/set",
        f"grid/v1/{'n' * 65}/T1/limit/set",
        f"grid/v1/north/{'T' * 65}/heartbeat",
        f"grid/v1/north/T1/{'x' * 300}",
    ],
)
def test_nothing_is_read_from_it(topic: str) -> None:
    with pytest.raises(BadTopic):
        read_topic(topic)


@pytest.mark.parametrize("topic", ["grid/v1/north/answers", "grid/v1/north/T1/answers/7", "grid/v1/north/T1/limit"])
def test_answers_go_below_the_own_name(topic: str) -> None:
    assert read_response_topic(topic, "north") == topic


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "answers",
        "grid/v1/north",
        "grid/v1/northern/answers",
        "grid/v1/south/T2/answers",
        "grid/v1/north/T1/limit/set",
        "grid/v1/north/T1/limit/ack",
        "grid/v1/north/T1/limit/state",
        "grid/v1/north/T1/meter",
        "grid/v1/north/T1/heartbeat",
        "grid/v1/north/T1/base",
        "grid/v1/north/#",
        "grid/v1/north/+/answers",
        "grid/v1/north//answers",
        "grid/v1/north/a\x00",
        f"grid/v1/north/{'a/' * 200}a",
    ],
)
def test_answers_go_nowhere_else(topic: str) -> None:
    with pytest.raises(BadTopic):
        read_response_topic(topic, "north")


def test_filters_and_status() -> None:
    assert everybodys(Kind.SET) == "grid/v1/+/+/limit/set"
    assert status_topic("site-1") == "grid/v1/csms/site-1/status"


@given(st.text(max_size=70_000))
def test_whoever_sends_has_a_short_name(topic: str) -> None:
    assert len(sender(topic)) <= 256
    assert sender("grid/v1/north/T1/limit/set") == sender("grid/v1/north/T2/base") != sender("grid/v1/south/T2/base")
