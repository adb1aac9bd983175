"""Names and values of configuration keys as a station writes them, and what of them may be read. Pure.

Names are those of the standard until here: whatever is read or set passes through `own_name`. Only keys of 1.6 have
other names; variables of 2.0.1 have a component and are left as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from msgspec import structs

from csms.model.command import CommandResult
from csms.model.device import VariableAnswer, folded
from csms.model.errors import NotForThisStation
from firmware_profiles import FirmwareProfile

MEASURAND_LISTS = ("MeterValuesSampledData", "MeterValuesAlignedData", "StopTxnSampledData", "StopTxnAlignedData")

STANDARD_KEYS = (
    "AllowOfflineTxForUnknownId",
    "AuthorizationCacheEnabled",
    "AuthorizeRemoteTxRequests",
    "BlinkRepeat",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargingScheduleMaxPeriods",
    "ClockAlignedDataInterval",
    "ConnectionTimeOut",
    "ConnectorPhaseRotation",
    "ConnectorSwitch3to1PhaseSupported",
    "GetConfigurationMaxKeys",
    "HeartbeatInterval",
    "LightIntensity",
    "LocalAuthListEnabled",
    "LocalAuthListMaxLength",
    "LocalAuthorizeOffline",
    "LocalPreAuthorize",
    "MaxChargingProfilesInstalled",
    "MaxEnergyOnInvalidId",
    "MeterValueSampleInterval",
    *MEASURAND_LISTS,
    "MinimumStatusDuration",
    "NumberOfConnectors",
    "ReserveConnectorZeroSupported",
    "ResetRetries",
    "SendLocalListMaxLength",
    "StopTransactionOnEVSideDisconnect",
    "StopTransactionOnInvalidId",
    "SupportedFeatureProfiles",
    "TransactionMessageAttempts",
    "TransactionMessageRetryInterval",
    "UnlockConnectorOnEVSideDisconnect",
    "WebSocketPingInterval",
)
"""OCPP 1.6 section 9: asked for by name where a station must not be asked for all that it has."""

FALSE_OF: Mapping[str, str] = {"true": "false", "TRUE": "FALSE", "True": "False", "1": "0"}


def own_name(known: FirmwareProfile | None, name: str) -> str:
    """What the station calls a key."""
    if known is None or _of_201(name):
        return name
    named = known.cfg.key_names.get(name, name)
    return named.lower() if known.cfg.key_case == "lower" else named


def own_value(known: FirmwareProfile | None, name: str, value: str) -> str:
    """How the station writes true and false; all else is as it is."""
    if known is None or _of_201(name):
        return value
    true = known.cfg.bool_style
    return {"true": true, "false": FALSE_OF[true]}.get(value.casefold(), value)


def may_read_all(known: FirmwareProfile | None) -> bool:
    """Whether a station of 1.6 may be asked for all its keys; some reboot when their measurands are read."""
    return known is None or not known.meter.readback_reboots


def to_read(known: FirmwareProfile | None, names: Sequence[str], *, keys: bool) -> tuple[str, ...]:
    """The names to ask for, by the station's own names; `keys`: it speaks 1.6, where no name asks for all.

    Raises NotForThisStation for what must not be read.
    """
    if known is None or (may_read_all(known) and not names):
        return tuple(names)
    if may_read_all(known) or not keys:
        return tuple(own_name(known, name) for name in names)
    lists = {folded(name) for name in MEASURAND_LISTS}
    forbidden = [name for name in names if folded(name) in lists]
    if forbidden:
        raise NotForThisStation(f"{known.product} reboots when {forbidden[0]} is read")
    wanted = names or [name for name in STANDARD_KEYS if folded(name) not in lists]
    return tuple(own_name(known, name) for name in wanted)


def as_asked(result: CommandResult, asked: Sequence[str], own: Sequence[str]) -> CommandResult:
    """The result by the names that were asked for; those that only stood for "all" and are not there are left out."""
    if not asked:
        told = {record.asked for record in _answers(result) if not record.unknown}
        return replace(result, values={n: v for n, v in result.values.items() if n in told}) if own else result
    names = {theirs: ours for ours, theirs in zip(asked, own, strict=True) if ours != theirs}
    if not names:
        return result
    values = {names.get(name, name): value for name, value in result.values.items()}
    records = tuple(structs.replace(record, asked=names.get(record.asked, record.asked)) for record in _answers(result))
    return replace(result, values=values, records=records)


def _answers(result: CommandResult) -> list[VariableAnswer]:
    return [record for record in result.records if isinstance(record, VariableAnswer)]


def _of_201(name: str) -> bool:
    return "." in name
