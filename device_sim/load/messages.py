"""Ready-made frames: only ids, times and registers change, so that the load costs less than what it measures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from device_sim.load.plan import Message

SUBPROTOCOLS = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1"}

_VALUES_16 = (
    '{"value":"%d","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","unit":"Wh",'
    '"location":"Outlet"},{"value":"7200.0","context":"Sample.Periodic","measurand":"Power.Active.Import","unit":"W",'
    '"location":"Outlet"},{"value":"55","context":"Sample.Periodic","measurand":"SoC","unit":"Percent","location":"EV"}'
)
_METER_16 = (
    '[2,"%d","MeterValues",{"connectorId":1,%s"meterValue":[{"timestamp":"%s","sampledValue":[' + _VALUES_16 + "]}]}]"
)
_VALUE_201 = (
    '{"value":%s,"context":"Sample.Periodic","measurand":"%s","location":"Outlet","unitOfMeasure":{"unit":"%s"}}'
)
_VALUES_201 = ",".join(
    _VALUE_201 % (value, measurand, unit)
    for value, measurand, unit in (
        ("%d", "Energy.Active.Import.Register", "Wh"),
        ("7200.0", "Power.Active.Import", "W"),
        ("55", "SoC", "Percent"),
    )
)
_SAMPLED_201 = '"meterValue":[{"timestamp":"%s","sampledValue":[' + _VALUES_201 + "]}]"
_METER_201 = '[2,"%d","MeterValues",{"evseId":1,' + _SAMPLED_201 + "}]"
_EVENT_201 = (
    '[2,"%d","TransactionEvent",{"eventType":"Updated","timestamp":"%s","triggerReason":"MeterValuePeriodic",'
    '"seqNo":%d,"transactionInfo":{"transactionId":"%s","chargingState":"Charging"},"evse":{"id":1,"connectorId":1},'
    + _SAMPLED_201
    + "}]"
)

Make = Callable[[int, str], str]
"""A frame from its number (from 1, for each station) and the transaction id."""


def moment(began: datetime, number: int) -> str:
    """The time in the `number`-th message of a station: no two have the same one, or they would be stored once."""
    time = began + timedelta(milliseconds=number)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


def boot(ocpp: str) -> str:
    """BootNotification."""
    if ocpp == "1.6":
        return '[2,"boot","BootNotification",{"chargePointVendor":"Load","chargePointModel":"Load"}]'
    station = '{"vendorName":"Load","model":"Load"}'
    return f'[2,"boot","BootNotification",{{"reason":"PowerUp","chargingStation":{station}}}]'


def status(ocpp: str, number: int, began: datetime) -> str:
    """StatusNotification."""
    if ocpp == "1.6":
        return f'[2,"s{number}","StatusNotification",{{"connectorId":1,"errorCode":"NoError","status":"Available"}}]'
    fields = f'"timestamp":"{moment(began, number)}","connectorStatus":"Available","evseId":1,"connectorId":1'
    return f'[2,"s{number}","StatusNotification",{{{fields}}}]'


def start(ocpp: str, transaction_id: str, began: datetime) -> str:
    """StartTransaction, or the event that starts a transaction."""
    time = moment(began, 0)
    if ocpp == "1.6":
        fields = f'"connectorId":1,"idTag":"LOAD","meterStart":0,"timestamp":"{time}"'
        return f'[2,"start","StartTransaction",{{{fields}}}]'
    fields = (
        f'"eventType":"Started","timestamp":"{time}","triggerReason":"CablePluggedIn","seqNo":0,'
        f'"transactionInfo":{{"transactionId":"{transaction_id}"}},"evse":{{"id":1,"connectorId":1}}'
    )
    return f'[2,"start","TransactionEvent",{{{fields}}}]'


def maker(ocpp: str, message: Message, began: datetime) -> Make:
    """Makes the frames that a station sends again and again."""
    if message is Message.HEARTBEAT:
        return lambda number, transaction: f'[2,"{number}","Heartbeat",{{}}]'
    if message is Message.STATUS:
        return lambda number, transaction: status(ocpp, number, began)
    if ocpp == "1.6":
        return lambda number, transaction: (
            _METER_16
            % (
                number,
                f'"transactionId":{transaction},' if transaction else "",
                moment(began, number),
                1000 + number,
            )
        )
    if message is Message.METER:
        return lambda number, transaction: _METER_201 % (number, moment(began, number), 1000 + number)
    return lambda number, transaction: (
        _EVENT_201
        % (
            number,
            moment(began, number),
            number,
            transaction,
            moment(began, number),
            1000 + number,
        )
    )
