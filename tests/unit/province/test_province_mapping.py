"""Tables 14.1 and 14.2 row by row, units, coordinates."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from csms.model.ids import ConnectorRef
from csms.model.session import StopReason
from csms.model.station import ConnectorStatus as Status
from csms.province.mapping import connector_status, gcj02, kwh, priced, stop_reason
from csms.province.records import ChargeOrder

NOW = datetime(2026, 1, 1, tzinfo=UTC)

STATUS_ROWS = [
    (Status.AVAILABLE, False, 1),
    (Status.PREPARING, False, 2),
    (Status.FINISHING, False, 2),
    (Status.SUSPENDED_EV, False, 2),
    (Status.SUSPENDED_EVSE, False, 2),
    (Status.SUSPENDED_EV, True, 3),
    (Status.SUSPENDED_EVSE, True, 3),
    (Status.CHARGING, True, 3),
    (Status.RESERVED, False, 4),
    (Status.FAULTED, False, 255),
    (Status.FAULTED, True, 255),
    (Status.UNAVAILABLE, False, 0),
    (Status.OCCUPIED, False, 2),
    (Status.OCCUPIED, True, 3),
]


@pytest.mark.parametrize(("status", "running", "wire"), STATUS_ROWS)
def test_connector_status(status: Status, running: bool, wire: int) -> None:
    assert connector_status(status, online=True, running=running) == wire
    assert connector_status(status, online=False, running=running) == 0


def test_a_connector_never_heard_of_is_offline() -> None:
    assert connector_status(None, online=True, running=False) == 0


def test_every_connector_status_has_a_code() -> None:
    for status in Status:
        assert connector_status(status, online=True, running=False) in (0, 1, 2, 3, 4, 255)


STOP_ROWS = [
    (StopReason.LOCAL, 0),
    (StopReason.REMOTE, 0),
    (StopReason.DE_AUTHORIZED, 0),
    (StopReason.STOPPED_BY_EV, 2),
    (StopReason.SOC_LIMIT_REACHED, 2),
    (StopReason.POWER_LOSS, 3),
    (StopReason.HARD_RESET, 3),
    (StopReason.SOFT_RESET, 3),
    (StopReason.REBOOT, 3),
    (StopReason.EMERGENCY_STOP, 3),
    (StopReason.EV_DISCONNECTED, 4),
    (StopReason.UNLOCK_COMMAND, 5),
    (StopReason.OTHER, 0),
    (None, 0),
]


@pytest.mark.parametrize(("reason", "code"), STOP_ROWS)
def test_stop_reason(reason: StopReason | None, code: int) -> None:
    assert stop_reason(reason) == code


def test_who_stopped_and_what_failed() -> None:
    assert stop_reason(StopReason.REMOTE, by_partner=True) == 1
    assert stop_reason(StopReason.OTHER, fault=True) == 3
    assert all(0 <= stop_reason(reason) <= 99 for reason in StopReason)


def test_energy_is_rounded_half_up() -> None:
    assert [kwh(value) for value in (0, 4, 5, 12_345.0, 12_344.999)] == [
        Decimal(text) for text in ("0.00", "0.00", "0.01", "12.35", "12.34")
    ]


def test_money_of_a_period_is_whole_cents() -> None:
    detail = priced(NOW, NOW, 12_345.6, Decimal("0.66"), Decimal("0.4"))
    assert (detail.energy_kwh, detail.elec_money, detail.service_money) == (
        Decimal("12.35"),
        Decimal("8.15"),
        Decimal("4.94"),
    )


def test_coordinates_become_gcj02_in_china_only() -> None:
    longitude, latitude = gcj02(116.404, 39.915)
    assert (longitude, latitude) == (116.410244, 39.916404)
    assert gcj02(2.3522219, 48.8566141) == (2.352222, 48.856614)


def test_an_order_has_1_to_32_periods_and_an_end() -> None:
    detail, connector = priced(NOW, NOW, 1, Decimal(1), Decimal(1)), ConnectorRef("CP", 1, 1)
    assert ChargeOrder(1, "s", connector, NOW, NOW, (detail,) * 32, 0)
    for details in ((), (detail,) * 33):
        with pytest.raises(ValueError, match="tariff periods"):
            ChargeOrder(1, "s", connector, NOW, NOW, details, 0)
    with pytest.raises(ValueError, match="ends after"):
        ChargeOrder(1, "s", connector, NOW, NOW.replace(year=2025), (detail,), 0)
