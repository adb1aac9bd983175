"""All profiles that are in use: those that come with the product, and the user's own, which go first.

A user's profile replaces the shipped one of its name; where a shipped one and a user's say equally much of a station,
the user's is taken. Two of one kind that could tie are refused (ProfileInvalid).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

from firmware_profiles.loader import GENERIC, FirmwareProfile, ProfileInvalid, folder, load_all, parse_all
from firmware_profiles.matching import Seen, Specificity, ties

STATIONS_REMEMBERED = 65_536
"""More than one process serves: whoever looks at all of its stations in turn would otherwise never find any of them
remembered. Ids that strangers make up push others out, and cost no more than that.
"""


class Book:
    """A set of profiles to find one in. Raises ProfileInvalid when two could tie."""

    def __init__(self, shipped_ones: Sequence[FirmwareProfile] = (), own: Sequence[FirmwareProfile] = ()) -> None:
        for group in (shipped_ones, own):
            tied = ties(group)
            if tied:
                pairs = "; ".join(f"{one} and {other}" for one, other in tied)
                raise ProfileInvalid(f"{pairs}: match could mean the same station with equal right")
        names = {profile.name for profile in own}
        self.own = tuple(own)
        self.profiles = (*own, *(profile for profile in shipped_ones if profile.name not in names))
        self._by_id = tuple(profile for profile in self.profiles if profile.rule.before_boot)
        self.find = lru_cache(STATIONS_REMEMBERED)(self._find)

    def named(self, name: str) -> FirmwareProfile | None:
        """The profile of that name."""
        return next((profile for profile in (*self.profiles, GENERIC) if profile.name == name), None)

    def fitting(self, seen: Seen) -> list[FirmwareProfile]:
        """Every profile that is about this station, the one that says most first."""
        ranked: list[tuple[Specificity, FirmwareProfile]] = []
        for profile in self._by_id if seen.vendor is None else self.profiles:
            rank = profile.rule.specificity(seen)
            if rank is not None:
                ranked.append((rank, profile))
        ranked.sort(key=lambda pair: pair[0], reverse=True)  # stable: the user's own stand before the shipped ones
        return [profile for _, profile in ranked]

    def _find(self, seen: Seen) -> FirmwareProfile:
        """The profile that says most of this station, else the one that knows nothing."""
        return next(iter(self.fitting(seen)), GENERIC)


@cache
def shipped() -> tuple[FirmwareProfile, ...]:
    """All profiles of this package, by name. Raises ProfileInvalid."""
    return tuple(load_all(files("firmware_profiles").iterdir()))


@cache
def shipped_book() -> Book:
    """Nothing but what comes with the product."""
    return Book(shipped())


def book(own: Path | None = None) -> Book:
    """What comes with the product and the files of a folder. Raises ProfileInvalid."""
    entries = folder(own) if own is not None else []
    if not entries:
        return shipped_book()
    return Book(shipped(), load_all(entries, parse_all(files("firmware_profiles").iterdir())))


class _InUse:
    """The book of this process; the composition root sets it once at the start."""

    book: Book | None = None


def use(chosen: Book | None) -> None:
    """From now on `find` looks in this book; None: in what comes with the product."""
    _InUse.book = chosen


def find(
    vendor: str | None, model: str = "", firmware: str = "", *, station_id: str = "", protocol: str = "", kind: str = ""
) -> FirmwareProfile:
    """The profile of a station by what it said at boot (`vendor` None: it has not booted), else the generic one."""
    return (_InUse.book or shipped_book()).find(Seen(vendor, model, firmware, station_id, protocol, kind))
