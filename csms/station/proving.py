"""What stations have to prove: set by operators, bound at approval, raised step by step (A00.FR.004, A05)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from csms.model.authentication import SecurityProfile
from csms.model.command import ACCEPTING, CommandResult
from csms.model.device import SetNetworkProfile, folded, place
from csms.model.errors import CsmsError, StoreUnavailable, UnknownStation
from csms.security import passwords
from csms.station import alarms, own_certificates
from csms.station.context import Performers, Send, StationContext
from csms.station.state import Proof, StationState
from csms.store import changes
from csms.store.change import Change
from csms.store.security_tables import InstalledCertificate, StationCredential, StationProof
from csms.store.station_tables import VariableRow

PROFILE_KEY = place("SecurityProfile")
PRIORITY = place("OCPPCommCtrlr.NetworkConfigurationPriority")
PROFILE_OF_SLOT = place("NetworkConfiguration.SecurityProfile")
SLOT_PROFILE = "NetworkConfiguration@{}.SecurityProfile"
ROOT_USES = ("CSMSRootCertificate", "CentralSystemRootCertificate")
IN_USE = "InUse"
"""The status of a credential that the station has shown to use."""

SERIAL_LENGTH_MAX = 64
"""Of a common name (X.520)."""

log = logging.getLogger(__name__)


class ProofRefused(CsmsError):
    """This cannot be asked of the station as things are; the text says what is missing."""

    code = "proof_refused"


async def restore(context: StationContext) -> dict[str, Proof]:
    """What is stored: passwords and certificates for their books, the rest by station."""
    reader = context.store.reader
    context.own_certificates.restore(await reader.find(InstalledCertificate, use=own_certificates.USE))
    context.credentials.restore(await reader.find(StationCredential))
    rows = await reader.find(StationProof)
    return {row.station_id: Proof(SecurityProfile(row.profile), row.serial, row.claimed) for row in rows}


async def demand(
    context: StationContext,
    station_id: str,
    *,
    profile: SecurityProfile | None = None,
    serial: str | None = None,
    lower: bool = False,
) -> StationState:
    """Set how a station has to prove itself from its next connection on; what is None stays.

    `lower`: the profile may also fall, for a station that was reset or replaced (A00.FR.005: not by OCPP, but here).
    Raises UnknownStation, ProofRefused.
    """
    station = _known(context, station_id)
    if profile is not None and profile < station.proof.profile and not lower:
        raise ProofRefused(
            f"station {station_id} has security profile {int(station.proof.profile)}; a profile only rises"
        )
    if profile is not None and profile > max(context.settings.profiles):
        raise ProofRefused(f"this server has no port for security profile {int(profile)} or a higher one")
    if serial:
        _check_serial(context, station_id, serial)
    before = replace(station.proof)
    if profile is not None:
        station.proof.profile = profile
    if serial is not None:
        station.proof.serial = serial
    await _store(context, station, before)
    if profile is not None and profile < before.profile:
        context.alarms.raise_(alarms.PROFILE_LOWERED, station_id, f"to {int(profile)} by an operator")
    return station


async def _store(context: StationContext, station: StationState, before: Proof, *more: Change) -> None:
    """What counts already, for what the station itself proves meanwhile must not be lost under it: it stores all that
    counts, and later. Raises StoreUnavailable; then it is as it was before.
    """
    try:
        await context.store.writer.commit([*more, proof_row(context, station.station_id, station.proof)])
    except StoreUnavailable:
        station.proof.profile, station.proof.serial = before.profile, before.serial
        raise


async def set_first_password(context: StationContext, station_id: str, password: str = "") -> str:
    """Note the password that somebody gives the station by hand; without one a random one is made. Returns it.

    It is in force at once, the one before counts no more, and the station is not let in without one from now on, if
    this server has a port for passwords at all. Raises UnknownStation.
    """
    station = _known(context, station_id)
    made = password or passwords.random_password()
    kept = await context.credentials.hashed(made.encode(), random=not password)
    row = StationCredential(station_id=station_id, in_force=kept, status=IN_USE, changed_at=context.clock.now())
    asked = min(SecurityProfile.PASSWORD, max(context.settings.profiles))
    before, known = replace(station.proof), context.credentials.of(station_id)
    station.proof.profile = max(station.proof.profile, asked)
    context.credentials.put(row)
    try:
        await _store(context, station, before, changes.put_row(row))
    except StoreUnavailable:
        context.credentials.take_back(row, known)
        raise
    return made


def bind(context: StationContext, station: StationState) -> list[Change]:
    """Somebody approves the station: the serial number that its certificate names, or that it told at boot, is its own
    from now on, unless another one is registered already or another station has it.
    """
    told = station.proof.claimed or (station.identity.serial if station.identity else "")
    station.proof.claimed = ""
    return take_serial(context, station, told)


def take_serial(context: StationContext, station: StationState, serial: str) -> list[Change]:
    """From now on this serial number is the station's, if it has none and nobody else has this one."""
    if not serial or station.proof.serial or holder(context.stations, serial):
        return []
    log.info("serial_bound", extra={"station": station.station_id, "serial": serial})
    station.proof.serial = serial
    return [proof_row(context, station.station_id, station.proof)]


def holder(stations: Mapping[str, StationState], serial: str) -> str:
    """The station that this serial number is registered for; empty for nobody."""
    return next((name for name, station in stations.items() if serial and station.proof.serial == serial), "")


def proof_row(context: StationContext, station_id: str, proof: Proof) -> Change:
    """How a station has to prove itself."""
    return changes.put_row(
        StationProof(
            station_id=station_id,
            profile=int(proof.profile),
            serial=proof.serial,
            claimed=proof.claimed,
            changed_at=context.clock.now(),
        )
    )


async def check_values(context: StationContext, station_id: str, values: Mapping[str, str]) -> None:
    """Whether a station may be given these settings: its profile (1.6), the order of its ways to connect (2.0.1), the
    profile of one of these (2.1). Raises ProofRefused.
    """
    has = _known(context, station_id).proof.profile
    for name, value in values.items():
        where = place(name)
        if where == PROFILE_KEY or (where == PROFILE_OF_SLOT and _profile(value) < has):
            await check_raise(context, station_id, _profile(value))
        elif where == PRIORITY:
            for profile in await _profiles_of(context, station_id, value):
                if profile is not has:
                    await check_raise(context, station_id, profile)


def _profile(value: str) -> SecurityProfile:
    if not value.isdigit() or int(value) not in tuple(SecurityProfile):
        raise ProofRefused(f"{value!r} is no security profile; there are 0 to 3")
    return SecurityProfile(int(value))


async def _profiles_of(context: StationContext, station_id: str, slots: str) -> list[SecurityProfile]:
    """Of the ways to connect in these slots, as far as they are known."""
    keys = [folded(SLOT_PROFILE.format(slot.strip())) for slot in slots.split(",")]
    rows = await context.store.reader.variables(station_id, keys)
    return [_profile(row.value) for row in rows if row.value in ("0", "1", "2", "3")]


async def set_network_profile(
    context: StationContext, station_id: str, command: SetNetworkProfile, send: Send
) -> CommandResult:
    """Give the station a way to connect, and note its profile for when it is to be used (B09; A05.FR.02 to A05.FR.04).

    Raises ProofRefused for a lower profile.
    """
    profile = SecurityProfile(command.security_profile)
    if profile < _known(context, station_id).proof.profile:
        await check_raise(context, station_id, profile)
    result = await send(command)
    if result.accepted:
        await context.store.writer.commit([_noted(station_id, command, context.clock.now())])
    return result


def _noted(station_id: str, command: SetNetworkProfile, at: datetime) -> Change:
    name = SLOT_PROFILE.format(command.slot)
    row = VariableRow(
        station_id=station_id,
        key=folded(name),
        name=name,
        component="NetworkConfiguration",
        component_instance=str(command.slot),
        variable="SecurityProfile",
        value=str(command.security_profile),
        reported_at=at,
    )
    return changes.put_columns(row, "name", "value", "reported_at")


async def check_raise(context: StationContext, station_id: str, profile: SecurityProfile) -> None:
    """Whether the station can be told to come by a higher profile, and would be let in there (A05.FR.02 to A05.FR.05).

    Raises UnknownStation, ProofRefused.
    """
    station = _known(context, station_id)
    if profile <= station.proof.profile:
        told = f"station {station_id} has security profile {int(station.proof.profile)}"
        raise ProofRefused(f"{told}; OCPP must not be used to lower it (A00.FR.005)")
    missing = [
        *_missing_here(context, profile),
        *_missing_credentials(context, station, profile),
        *await _missing_certificates(context, station_id, profile),
    ]
    if missing:
        raise ProofRefused(f"security profile {int(profile)} for station {station_id}: " + "; ".join(missing))


def _missing_here(context: StationContext, profile: SecurityProfile) -> list[str]:
    served = profile in context.settings.profiles
    return [] if served else [f"this server has no port for it (setting security_profiles, now without {int(profile)})"]


def _missing_credentials(context: StationContext, station: StationState, profile: SecurityProfile) -> list[str]:
    if profile is SecurityProfile.CERTIFICATE:
        known = bool(station.proof.serial)
        return [] if known else ["no serial number is registered that its certificate is made out to"]
    row = context.credentials.of(station.station_id)
    has = row is not None and (row.in_force or (row.wanted and row.status in ACCEPTING))
    return [] if has else ["it has no password yet (command set_password)"]


async def _missing_certificates(context: StationContext, station_id: str, profile: SecurityProfile) -> list[str]:
    """By what is known of the certificates in the station: those that went through our hands, or that it listed."""
    if not profile.has_tls:
        return []
    known = await context.store.reader.certificates(station_id=station_id)
    missing = []
    if not any(row.use in ROOT_USES for row in known):
        missing.append(
            "it has no root certificate of its central system that is known here (command install_certificate)"
        )
    if profile is SecurityProfile.CERTIFICATE and not any(_is_own(context, row) for row in known):
        missing.append("no valid certificate of its own is known (command trigger, SignChargingStationCertificate)")
    return missing


def _is_own(context: StationContext, row: InstalledCertificate) -> bool:
    return row.use == "ChargingStationCertificate" and (row.expires_at or context.clock.now()) > context.clock.now()


def _check_serial(context: StationContext, station_id: str, serial: str) -> None:
    if len(serial) > SERIAL_LENGTH_MAX or serial.strip() != serial:
        raise ProofRefused(f"a serial number has at most {SERIAL_LENGTH_MAX} characters and no blanks around it")
    other = holder(context.stations, serial)
    if other not in ("", station_id):
        raise ProofRefused(f"serial number {serial} belongs to station {other} already")


def _known(context: StationContext, station_id: str) -> StationState:
    station = context.stations.get(station_id)
    if station is None:
        raise UnknownStation(f"no station {station_id!r} is registered")
    return station


PERFORMERS: Performers = {SetNetworkProfile: set_network_profile}
