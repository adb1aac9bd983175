"""The fast decoder: whatever it takes, the general way reads the same; and ordinary messages it does take."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from csms import ocpp16, ocpp21, ocpp201
from csms.model.station import Protocol
from csms.wire.codec import Codec
from csms.wire.frames import Call, Frame, FrameError, decode
from tests.support.frame_mutations import Data, damaged, valid

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TRANSLATORS = (ocpp16.TRANSLATOR, ocpp201.TRANSLATOR, ocpp21.TRANSLATOR)
CODECS = {translator.protocol: Codec(translator) for translator in TRANSLATORS}
HOT_ACTIONS = [(translator.protocol, action) for translator in TRANSLATORS for action in translator.hot]
OF_TERMS = ("costDetails", "preconditioningStatus", "evseSleep", "tariffId", "operationMode", "transactionLimit")
Reader = Callable[[bytes, datetime], Any]


def reader(protocol: Protocol) -> Reader:
    """The fast way of the codec."""
    return CODECS[protocol].decode_hot


def as_bytes(data: Data) -> bytes:
    """As a socket delivers it."""
    return data.encode(errors="surrogatepass") if isinstance(data, str) else data


def generally(data: bytes) -> Frame:
    """As the general way reads it. That refuses names that stand twice, the fast way takes the last one, as the `ocpp`
    package does: nobody else reads what frequent messages say, so nobody can be told something else.
    """
    try:
        return decode(data)
    except FrameError as fault:
        if "stands twice" not in fault.description:
            raise
        return decode(orjson.dumps(json.loads(data)))


def takes(protocol: Protocol, read: Reader, data: bytes) -> bool:
    """Whether the fast way takes it; what it takes, the general way must read the same, without a deviation."""
    hot = read(data, NOW)
    if hot is None:
        return False
    call = generally(data)
    assert isinstance(call, Call), data
    decoded = CODECS[protocol].decode_call(call, NOW)
    assert decoded.deviations == (), data
    assert (hot.unique_id, type(hot.unique_id), hot.action) == (call.unique_id, type(call.unique_id), call.action), data
    assert hot.message == decoded.message, data
    assert repr(hot.message) == repr(decoded.message), data
    return True


@pytest.mark.parametrize(("protocol", "action"), HOT_ACTIONS)
def test_what_it_takes_is_read_the_same(
    protocol: Protocol, action: str, volume: int, record_property: Callable[[str, object], None]
) -> None:
    read = reader(protocol)
    messages = [data for _, data in damaged(protocol, action, volume, "hot")]
    messages += valid(protocol, action, volume)
    taken = sum(takes(protocol, read, as_bytes(data)) for data in messages)
    record_property("taken", taken)
    assert taken > 0


@pytest.mark.parametrize(("protocol", "action"), HOT_ACTIONS)
def test_ordinary_messages_are_taken(protocol: Protocol, action: str, volume: int) -> None:
    read = reader(protocol)
    ordinary = [data for data in valid(protocol, action, volume, ordinary=True) if frequent(data)]
    left = [data for data in ordinary if not takes(protocol, read, as_bytes(data))]
    assert ordinary
    assert left == []


def frequent(data: Data) -> bool:
    """Of the events of transactions, only updates without a token and without terms (2.1) are meant to be fast."""
    action, payload = orjson.loads(data)[2:]
    event = action == "TransactionEvent"
    odd = payload.get("eventType") != "Updated" or "idToken" in payload or "stoppedReason" in payload["transactionInfo"]
    terms = [name for holder in (payload, payload.get("transactionInfo", {})) for name in holder if name in OF_TERMS]
    return not (event and (odd or terms))


@pytest.mark.parametrize("protocol", list(CODECS))
def test_what_no_station_may_send_is_never_taken(protocol: Protocol) -> None:
    read = reader(protocol)
    assert not any(takes(protocol, read, as_bytes(data)) for data in valid(protocol, "Reset", 50))


@pytest.mark.parametrize("sampled", ['{"value":-0.0}', '{"value":-0.0},{"value":1,"unitOfMeasure":{"unit":"kWh"}}'])
def test_a_zero_keeps_its_sign(sampled: str) -> None:
    values = '"meterValue":[{"timestamp":"2026-03-01T11:59:00Z","sampledValue":[' + sampled + "]}]"
    data = ('[2,"1","MeterValues",{"evseId":1,' + values + "}]").encode()
    for protocol in (ocpp201.TRANSLATOR.protocol, ocpp21.TRANSLATOR.protocol):
        assert takes(protocol, reader(protocol), data)
