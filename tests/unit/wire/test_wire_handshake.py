"""Who calls, and in which version."""

from __future__ import annotations

import pytest

from csms.model.station import Protocol
from csms.wire.handshake import choose_subprotocol, station_id_from_path


@pytest.mark.req("RB-04", "1.6J:3.1.1", "2.0.1J:3.1.1")
@pytest.mark.parametrize(
    ("path", "station_id"),
    [
        ("/ocpp/CP-1", "CP-1"),
        ("/ocpp/CP-1/", "CP-1"),
        ("/ocpp/CP%2D1", "CP-1"),
        ("/ocpp/%E6%A1%A91", "桩1"),
        ("/ocpp/site-a/CP-1", "CP-1"),
        ("/ocpp/CP-1?token=x", "CP-1"),
        ("/ocpp/CP-1#part", "CP-1"),
        ("/ocpp/" + "x" * 48, "x" * 48),
    ],
)
def test_the_last_segment_names_the_station(path: str, station_id: str) -> None:
    assert station_id_from_path(path) == station_id


@pytest.mark.req("RB-09")
@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/ocpp",
        "/ocpp/",
        "/ocpp//",
        "/ocpp/CP-1//",
        "/ocppCP-1",
        "/other/CP-1",
        "/CP-1",
        "ocpp/CP-1",
        "/ocpp/%FF",
        "/ocpp/a%2Fb",
        "/ocpp/a%00b",
        "/ocpp/a%20b",
        "/ocpp/a:b",
        "/ocpp/..",
        "/ocpp/" + "x" * 49,
    ],
)
def test_paths_that_name_no_station(path: str) -> None:
    assert station_id_from_path(path) is None


def test_another_prefix() -> None:
    assert station_id_from_path("/ws/v1/CP-1", "/ws/v1/") == "CP-1"
    assert station_id_from_path("/CP-1", "") == "CP-1"


@pytest.mark.req("RB-06", "1.6J:3.1.2", "2.0.1J:3.1.2")
def test_the_first_offered_version_that_we_speak() -> None:
    ours = (Protocol.OCPP16, Protocol.OCPP201)
    assert choose_subprotocol(["ocpp2.1", "ocpp2.0.1", "ocpp1.6"], ours) is Protocol.OCPP201
    assert choose_subprotocol(["ocpp1.6", "ocpp2.0.1"], ours) is Protocol.OCPP16
    assert choose_subprotocol(["ocpp1.5", "OCPP1.6"], ours) is None
    assert choose_subprotocol([], ours) is None
