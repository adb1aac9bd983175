"""Defects of single fields to plant: missing, misspelt, of a wrong type, too long, too exact (see plant.py)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from csms.province.profile import Kind
from tests.quality.plant import Expected, Planting, message_name, plant
from tests.quality.power_plants import POWER, wrong_power
from tests.quality.station_plants import a_station
from tests.quality.world import s

# Fields on the wire


def _wire(p: Planting, kind: Kind, change: Callable[[dict[str, Any]], None]) -> Expected:
    """Plant into a message that is refused; the operator corrects it a little later, so that nothing else is wrong."""
    if kind is Kind.POWER:
        return wrong_power(p, change)
    if kind is Kind.STATION_INFO:
        event = a_station(p)
        subject = event.values["StationID"]
    elif kind is Kind.STATION_STATUS:
        session = p.long()
        event = p.world.status(session.charging.at + s(20), session.plug.id, 3, 50)
        subject = session.plug.id
    else:
        session = p.long()
        right = session.order if kind is Kind.CHARGE_ORDER else session.snaps[len(session.snaps) // 2]
        event = p.world.add(right.at - s(0.01), kind, dict(right.values))
        subject = session.number
    root = p.world.profile.interfaces[kind].root
    event.after.append(lambda body: change(body[root] if root else body))
    return [subject]


def _name(p: Planting, kind: Kind, *names: str) -> str:
    """The wire name of the first of the fields that the profile has."""
    message = "StationPower" if kind is Kind.POWER else message_name(p.world, kind)
    found = next(name for name in names if name in p.world.profile.messages[message])
    return p.world.profile.wire_name(message, found)


_FIELDS = {
    Kind.CHARGE_ORDER: ("order", ("TotalElecMoney",), ("StopReason",), ("ConnectorID",), ("TotalPower", "TotalElect")),
    Kind.CHARGE_STATUS: ("snapshot", ("CurrentA",), ("ConnectorStatus",), ("ConnectorID",), ("TotalPower",)),
    Kind.STATION_STATUS: ("status", ("Status",), ("Status",), ("ConnectorID",), ()),
    Kind.STATION_INFO: ("station", ("ServiceTel",), ("StationType",), ("Address",), ("StationLng",)),
    Kind.POWER: ("power", ("StationRealTimePower",), (), ("StationID",), ("StationRealTimePower",)),
}


def _plant_fields(
    kind: Kind,
    short: str,
    required: tuple[str, ...],
    enum: tuple[str, ...],
    text: tuple[str, ...],
    number: tuple[str, ...],
) -> None:
    def set_to(names: tuple[str, ...], make: Callable[[Planting, Any], Any]) -> Callable[[Planting], Expected]:
        def apply(p: Planting) -> Expected:
            name = _name(p, kind, *names)

            def change(message: dict[str, Any]) -> None:
                message[name] = make(p, message.get(name))

            return _wire(p, kind, change)

        return apply

    def drop(p: Planting) -> Expected:
        name = _name(p, kind, *required)
        return _wire(p, kind, lambda message: message.pop(name) and None)

    def misspell(p: Planting) -> Expected:
        word = p.world.rng.choice(("Remark2", "connectorid", "Totalpower", "备注"))
        return _wire(p, kind, lambda message: message.update({word: "1"}))

    def wrong(p: Planting, old: Any) -> Any:
        return old + "0" * int(70 * p.size) if isinstance(old, str) else "1" * int(70 * p.size)

    def too_long(p: Planting) -> Expected:
        subjects = set_to(text, wrong)(p)
        return [wrong(p, subjects[0])[:64]] if kind in (Kind.STATION_STATUS, Kind.POWER) else subjects

    def bad_enum(p: Planting, old: Any) -> Any:
        return (
            p.world.rng.choice(("254", "256", "1000")) if isinstance(old, str) else p.world.rng.choice((254, 1000, -1))
        )

    def bad_type(p: Planting, old: Any) -> Any:
        return (
            p.world.rng.choice(([], {}, True, [1]))
            if isinstance(old, str)
            else p.world.rng.choice(("x", [1], {}, True))
        )

    needs = POWER if kind is Kind.POWER else None
    plant(f"{short}.field_missing", needs=needs)(drop)
    plant(f"{short}.field_unknown_key", needs=needs)(misspell)
    plant(f"{short}.field_type", needs=needs)(set_to(required, bad_type))
    if enum:
        plant(f"{short}.field_enum")(set_to(enum, bad_enum))
    plant(f"{short}.field_length", needs=needs)(too_long)
    if number:
        decimals = 7 if kind is Kind.STATION_INFO else 3
        plant(f"{short}.field_decimals", needs=needs)(
            set_to(
                number,
                lambda p, old: (
                    Decimal(int(old)) + Decimal(p.world.rng.randrange(1, 9)).scaleb(-decimals - min(5, int(p.size)))
                ),
            )
        )
        plant(f"{short}.field_range", needs=needs)(set_to(number, lambda p, old: 10**12 * max(1, int(p.size))))


for _kind, _row in _FIELDS.items():
    _plant_fields(_kind, *_row)
