"""Rendering by the tables of a profile, and the defects of what a peer sends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from csms.model.ids import ConnectorRef
from csms.province import strict_json
from csms.province.ids import IdTable, Names
from csms.province.mapping import priced
from csms.province.messages import answer_body, business_key, check_body, read, render_body
from csms.province.profile import Kind, PlatformProfile, load_profile
from csms.province.records import ChargeOrder, ChargeStatus, ConnectorInfo, ConnectorState, Equipment, StationInfo
from csms.province.values import charge_status_values, connector_values, order_values, station_values

START = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)
END = START + timedelta(hours=1)
CONNECTOR = ConnectorRef("CP-1", 1, 1)
PLUG = ConnectorInfo(CONNECTOR, 60_000, 150.0, 750, 200, 4)
PILE = Equipment("CP-1", 1, 60_000, (PLUG,), "Maker", "DC60")
SITE = StationInfo("7", "日照市充电站" * 20, "港口路1号", "371102", 119.527, 35.417, "0633-0000000", (PILE,))
DETAILS = (
    priced(START, START + timedelta(minutes=30), 6_000, Decimal("1.2"), Decimal("0.40")),
    priced(START + timedelta(minutes=30), END, 6_345.6, Decimal("0.66"), Decimal("0.40")),
)
ORDER = ChargeOrder(5, "7", CONNECTOR, START, END, DETAILS, 4, 1_000.0, 13_345.6)
STATUS = ChargeStatus(5, "7", CONNECTOR, START, END, 3, (10.04, 10, 9), (230.0, 231.25, 229), DETAILS, soc=55.55)
NUMBER = "123456789202601011600000005"


def values(kind: Kind) -> dict[str, Any]:
    names = Names("123456789", IdTable())
    match kind:
        case Kind.STATION_INFO:
            return station_values(SITE, names)
        case Kind.STATION_STATUS:
            return connector_values(ConnectorState(CONNECTOR, 3, START, 50), names)
        case Kind.CHARGE_STATUS:
            return charge_status_values(STATUS, names)
        case _:
            return order_values(ORDER, names, END)


def body_of(profile: PlatformProfile, kind: Kind) -> dict[str, Any]:
    return render_body(profile, kind, values(kind))


def as_received(body: Any) -> dict[str, Any]:
    return strict_json.parse_object(strict_json.write(body))


PUSHED = [Kind.STATION_INFO, Kind.STATION_STATUS, Kind.CHARGE_STATUS, Kind.CHARGE_ORDER]


@pytest.mark.parametrize("kind", PUSHED)
@pytest.mark.parametrize(
    "profile_id", ["tcec102-2016", "supervision-2023", "city-2019", "shandong", "qingdao", "gbt44130"]
)
def test_what_we_send_has_no_defect(profile_id: str, kind: Kind) -> None:
    profile = load_profile(profile_id)
    assert check_body(profile, kind, as_received(body_of(profile, kind))) == []


def test_the_order_of_the_2016_text() -> None:
    detail = {
        "DetailStartTime": "2026-01-01 16:00:00",
        "DetailEndTime": "2026-01-01 16:30:00",
        "ElecPrice": 1.2,
        "SevicePrice": 0.4,
        "DetailPower": 6.0,
        "DetailElecMoney": 7.2,
        "DetailSeviceMoney": 2.4,
    }
    body = body_of(load_profile("tcec102-2016"), Kind.CHARGE_ORDER)
    assert body.pop("ChargeDetails")[0] == detail
    assert body == {
        "StartChargeSeq": NUMBER,
        "ConnectorID": "12345678900000000010001001",
        "StartTime": "2026-01-01 16:00:00",
        "EndTime": "2026-01-01 17:00:00",
        "TotalPower": 12.35,
        "TotalElecMoney": 11.39,
        "TotalSeviceMoney": 4.94,
        "TotalMoney": 16.33,
        "StopReason": 4,
        "SumPeriod": 2,
    }


def test_the_order_of_the_supervision_family() -> None:
    body = body_of(load_profile("supervision-2023"), Kind.CHARGE_ORDER)
    assert (body["OrderNo"], body["TotalElect"], body["StopReason"]) == (NUMBER, 12.35, "4")
    assert body["StationID"] == "00000000000000000007"
    assert body["EquipmentID"] == "1234567890000000001"
    assert (body["PushTime"], body["PayChannel"]) == ("2026-01-01 17:00:00", 6)
    assert "StartChargeSeq" not in body


def test_the_bonus_order_carries_the_registers() -> None:
    body = body_of(load_profile("city-2019"), Kind.CHARGE_ORDER)
    assert (body["MeterValueStart"], body["MeterValueEnd"], body["ChargeLast"]) == (1.0, 13.35, 3600)


def test_the_snapshot_by_phase_with_its_decimals() -> None:
    body = body_of(load_profile("tcec102-2016"), Kind.CHARGE_STATUS)
    assert [body[f"Current{phase}"] for phase in "ABC"] == [10.0, 10.0, 9.0]
    assert [body[f"Voltage{phase}"] for phase in "ABC"] == [230.0, 231.3, 229.0]
    assert (body["Soc"], body["StartChargeSeqStat"]) == (55.6, 2)
    assert body_of(load_profile("supervision-2023"), Kind.CHARGE_STATUS)["SOC"] == 55.6


def test_names_are_cut_but_coordinates_are_not_guessed() -> None:
    station = body_of(load_profile("tcec102-2016"), Kind.STATION_INFO)["StationInfo"]
    assert len(station["StationName"]) == 50
    assert (station["StationLng"], station["StationLat"]) != (119.527, 35.417)
    assert station["EquipmentInfos"][0]["Power"] == 60.0


def test_tariff_periods_are_summed_and_deep_valley_is_valley() -> None:
    names = Names("123456789", IdTable())
    periods = ("sharp", "peak", "flat", "valley", "deep")
    rows = [priced(START, END, 1_000, Decimal(1), Decimal(0)) for _ in periods]
    from dataclasses import replace

    named = tuple(replace(row, period=period) for row, period in zip(rows, periods, strict=True))
    found = order_values(replace(ORDER, details=named), names, END)
    assert [found[f"{name}Elect"] for name in ("Cusp", "Peak", "Flat", "Valley")] == [1, 1, 1, 2]


BASE = load_profile("tcec102-2016")
ORDER_BODY = body_of(BASE, Kind.CHARGE_ORDER)
DEFECTS = [
    ({"TotalPower": None}, "DQ_MISSING TotalPower"),
    ({"ConnectorID": ""}, "DQ_MISSING ConnectorID"),
    ({"TotalPower": "12.35"}, "DQ_TYPE TotalPower"),
    ({"TotalPower": True}, "DQ_TYPE TotalPower"),
    ({"TotalPower": Decimal("12.355")}, "DQ_DECIMALS TotalPower"),
    ({"TotalPower": Decimal("1e400")}, "DQ_RANGE TotalPower"),
    ({"SumPeriod": 10**30}, "DQ_RANGE SumPeriod"),
    ({"StopReason": 100}, "DQ_ENUM StopReason"),
    ({"StopReason": 1.0}, "DQ_TYPE StopReason"),
    ({"StartChargeSeq": "1" * 28}, "DQ_LENGTH StartChargeSeq"),
    ({"TotalServiceMoney": 1}, "DQ_UNKNOWN_KEY TotalServiceMoney"),
    ({"StartTime": "2026-02-30 00:00:00"}, "DQ_TYPE StartTime"),
    ({"StartTime": "2026-1-1 0:0:0"}, "DQ_TYPE StartTime"),
    ({"ChargeDetails": {}}, "DQ_TYPE ChargeDetails"),
    ({"ChargeDetails": [1]}, "DQ_TYPE ChargeDetails[0]"),
    (
        {"ChargeDetails": [{**ORDER_BODY["ChargeDetails"][0], "ElecPrice": 1.00001}]},
        "DQ_DECIMALS ChargeDetails[0].ElecPrice",
    ),
]


@pytest.mark.parametrize(("change", "defect"), DEFECTS, ids=[row[1] for row in DEFECTS])
def test_each_class_of_defect(change: dict[str, Any], defect: str) -> None:
    found = [str(item) for item in check_body(BASE, Kind.CHARGE_ORDER, {**ORDER_BODY, **change})]
    assert found == [defect]


def test_a_peer_with_the_other_spelling_is_told_so() -> None:
    body = as_received(body_of(load_profile("city-2019"), Kind.CHARGE_ORDER))
    body["TotalServiceMoney"] = body.pop("TotalSeviceMoney")
    codes = {str(item) for item in check_body(BASE.model_copy(), Kind.CHARGE_ORDER, body)}
    assert codes >= {"DQ_MISSING TotalSeviceMoney", "DQ_UNKNOWN_KEY TotalServiceMoney"}


def test_trailing_zeros_are_no_decimals() -> None:
    body = as_received(ORDER_BODY)
    for text in ("12.3500", "12", "0.00", "1.2e1", "-0.0"):
        body["TotalPower"] = Decimal(text)
        assert check_body(BASE, Kind.CHARGE_ORDER, body) == []


def test_the_root_must_be_there_and_alone() -> None:
    body = as_received(body_of(BASE, Kind.STATION_STATUS))
    assert [str(d) for d in check_body(BASE, Kind.STATION_STATUS, {})] == ["DQ_MISSING ConnectorStatusInfo"]
    assert [str(d) for d in check_body(BASE, Kind.STATION_STATUS, {**body, "x": 1})] == ["DQ_UNKNOWN_KEY x"]
    assert [str(d) for d in check_body(BASE, Kind.STATION_STATUS, {"ConnectorStatusInfo": []})] == [
        "DQ_TYPE ConnectorStatusInfo"
    ]
    assert read(BASE, Kind.STATION_STATUS, {"ConnectorStatusInfo": []}) == {}


def test_text_enumerations_of_the_province() -> None:
    profile = load_profile("supervision-2023")
    body = as_received(body_of(profile, Kind.CHARGE_ORDER))
    assert [str(d) for d in check_body(profile, Kind.CHARGE_ORDER, {**body, "StopReason": "x"})] == [
        "DQ_ENUM StopReason"
    ]


def test_business_ids_and_answers() -> None:
    keys = {kind: business_key(BASE, kind, body_of(BASE, kind)) for kind in PUSHED}
    assert keys[Kind.CHARGE_ORDER] == keys[Kind.CHARGE_STATUS] == NUMBER
    assert keys[Kind.STATION_INFO] == "00000000000000000007"
    assert keys[Kind.STATION_STATUS] == "12345678900000000010001001"
    assert business_key(BASE, Kind.CHARGE_ORDER, {"StartChargeSeq": 1}) == ""
    assert answer_body(BASE, Kind.CHARGE_ORDER, ORDER_BODY) == {
        "StartChargeSeq": NUMBER,
        "ConnectorID": "12345678900000000010001001",
        "ConfirmResult": 0,
    }


def test_an_enum_map_of_a_profile_changes_the_wire() -> None:
    profile = BASE.model_copy(update={"enum_map": {"StopReason": {"4": 40}}})
    assert body_of(profile, Kind.CHARGE_ORDER)["StopReason"] == 40
