"""What is known to be wrong in the word of a station, put right before anybody else hears it.

Nearly all stations are taken at their word (`corrections` is None); a firmware profile may say that times are local
though they claim to be UTC, in another zone than that of the site, that a power of 0 means nothing, or that a token
comes back with bytes that it never had.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from msgspec import structs

from csms.model.bounds import CLOCK_SKEW_FLAG_S
from csms.model.inbound import Inbound
from csms.model.meter import POWER_IMPORT, Sample, Samples, SignedValue, Together
from firmware_profiles import FirmwareProfile

_NOW = timedelta(seconds=CLOCK_SKEW_FLAG_S)
_YEARS = range(1971, 9999)
"""Other times are nonsense, and none of an hour more or less."""


def corrections(known: FirmwareProfile | None, zone: tzinfo) -> Corrections | None:
    """What to put right in what a station says; `zone` is the local time of stations that write times without one."""
    if known is None:
        return None
    made = Corrections(_wrong_zone(known, zone), known.time.local_until_boot, known.meter.power_zero, _tags(known))
    return made if made.zone or made.zero_power or made.tags else None


def _wrong_zone(known: FirmwareProfile, zone: tzinfo) -> WrongZone | None:
    minutes = known.time.offset_minutes
    own = None if minutes is None else timedelta(minutes=minutes)
    if known.time.local_labelled_z:
        return WrongZone(None, own, zone)
    if known.time.no_zone_means_local and own is not None:
        return WrongZone(zone, own, zone)
    return None


def _tags(known: FirmwareProfile) -> bool:
    return known.tx.garbage_on_full_length_tag


@dataclass(frozen=True, slots=True)
class WrongZone:
    """Times were read in zone `taken` (None: UTC), the station meant `own` (None: the zone of the `site`)."""

    taken: tzinfo | None
    own: timedelta | None
    site: tzinfo

    def meant(self, read: datetime) -> datetime:
        """The moment that the station meant."""
        if read.year not in _YEARS:
            return read
        written = read + _offset(read, self.taken)
        own = self.own if self.own is not None else _offset(read, self.site)
        return written - own


def _offset(moment: datetime, zone: tzinfo | None) -> timedelta:
    return (moment.astimezone(zone).utcoffset() if zone is not None else None) or timedelta()


@dataclass(slots=True)
class Corrections:
    """Of one station. `honest`: it was last seen to tell the time rightly, so old times are taken as they are.

    A site may have set the clock of a station against what is known of its make: a message that tells of now by its
    own word is right, one that does when corrected is wrong, and what is late is judged by the last that was not.
    """

    zone: WrongZone | None
    until_boot: bool
    zero_power: bool
    tags: bool
    honest: bool = False

    def right(self, message: Inbound, received_at: datetime, *, booted: bool) -> Inbound:
        """The message as the station should have said it; `booted`: its boot was answered on this connection."""
        if self.tags and (token := getattr(message, "id_token", "")) and not token.isprintable():
            message = structs.replace(message, id_token="".join(c for c in token if c.isprintable()))
        if self.zero_power and (samples := getattr(message, "samples", ())):
            told = tuple(s for s in samples if s.value or s.measurand != POWER_IMPORT)
            message = structs.replace(message, samples=told)
        if self.zone is not None and not (self.until_boot and booted):
            message = self._in_time(message, received_at, self.zone)
        return message

    def _in_time(self, message: Inbound, received_at: datetime, zone: WrongZone) -> Inbound:
        told: datetime | None = getattr(message, "time", None)
        samples: Samples = getattr(message, "samples", ())
        signed: tuple[SignedValue, ...] = getattr(message, "signed", ())
        measured = {s.time for s in samples} | {s.time for s in signed}
        measured.discard(received_at)  # it stands for a time that could not be read
        times = measured | ({told} if told else set())
        if not times or self._is_honest(max(times), received_at, zone):
            return message
        meant = {time: zone.meant(time) for time in measured} | {received_at: received_at}
        changes: dict[str, object] = {"time": zone.meant(told)} if told else {}
        if samples:
            moved = (structs.replace(sample, time=meant[sample.time], trusted_time=True) for sample in samples)
            changes["samples"] = tuple(moved)
        if signed:
            changes["signed"] = tuple(structs.replace(value, time=meant[value.time]) for value in signed)
        return structs.replace(message, **changes)

    def _is_honest(self, newest: datetime, received_at: datetime, zone: WrongZone) -> bool:
        if abs(newest - received_at) <= _NOW:
            self.honest = True
        elif abs(zone.meant(newest) - received_at) <= _NOW:
            self.honest = False
        return self.honest


def not_ahead(message: Inbound, received_at: datetime) -> Inbound:
    """What is still measured in the future was measured when it came."""
    samples: Samples = getattr(message, "samples", ())
    for sample in (samples,) if type(samples) is Together else samples:
        if not sample.trusted_time and sample.time > received_at:
            message = structs.replace(message, samples=tuple(_when_it_came(s, received_at) for s in samples))
            break
    signed: tuple[SignedValue, ...] = getattr(message, "signed", ())
    if signed and max(value.time for value in signed) > received_at + _NOW:
        came = (structs.replace(v, time=received_at) if v.time > received_at + _NOW else v for v in signed)
        message = structs.replace(message, signed=tuple(came))
    return message


def _when_it_came(sample: Sample, received_at: datetime) -> Sample:
    return sample if sample.trusted_time else structs.replace(sample, time=received_at)
