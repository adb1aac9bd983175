"""All bad habits by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from device_sim.misbehaving import booting, connecting, framing, metering, transacting
from device_sim.misbehaving.pile import OCPP16, OCPP201, Habit

BOTH, ONLY16, ONLY201 = (OCPP16, OCPP201), (OCPP16,), (OCPP201,)


@dataclass(frozen=True, slots=True)
class Kind:
    """A habit, the versions that have it, and the ids of the field lists that it acts out.

    `connected`: it begins on an open websocket, booted; the others open it themselves.
    """

    act: Habit
    shows: Sequence[str]
    protocols: Sequence[str] = BOTH
    connected: bool = True

    @property
    def name(self) -> str:
        """As it is asked for."""
        return self.act.__name__.replace("_", "-")


_ALL = (
    Kind(connecting.lower_case_headers, ("RB-02", "RB-08"), connected=False),
    Kind(connecting.raw_byte_password, ("RB-01",), connected=False),
    Kind(connecting.trailing_slash, ("RB-04",), connected=False),
    Kind(connecting.no_subprotocol, ("RB-05", "PAIN-08"), ONLY16, connected=False),
    Kind(connecting.unknown_subprotocol, ("RB-06", "PAIN-08"), connected=False),
    Kind(connecting.compression_offered, ("RB-07", "PAIN-09"), connected=False),
    Kind(connecting.second_connection, ("PAIN-01",), connected=False),
    Kind(connecting.cut_links, ("PAIN-02", "PAIN-07"), connected=False),
    Kind(booting.mute, ("RB-13",), connected=False),
    Kind(booting.status_first, ("RB-14", "PAIN-06"), connected=False),
    Kind(booting.boot_again, ("RB-17", "RB-19")),
    Kind(booting.blank_boot, ("RB-18", "PAIN-20")),
    Kind(booting.garbage_connectors, ("PAIN-27",)),
    Kind(booting.strange_words, ("RB-31", "RB-32")),
    Kind(booting.evse_zero, ("RB-30",)),
    Kind(framing.pipelined_calls, ("RB-11",)),
    Kind(framing.ids_from_one, ("RB-15", "SR-11")),
    Kind(framing.repeated_id, ("RB-16", "SR-11")),
    Kind(framing.truncated_json, ("RB-26",)),
    Kind(framing.pretty_json, ("RB-27",)),
    Kind(framing.extra_property, ("RB-28",)),
    Kind(framing.deep_nesting, ("HP-D3",)),
    Kind(framing.odd_frames, ("HP-D2", "HP-D5")),
    Kind(framing.unasked_answers, ("HP-D1",)),
    Kind(framing.odd_ids, ("HP-D6",)),
    Kind(framing.unknown_action, ("HP-D4",)),
    Kind(framing.other_version, ("RB-34",)),
    Kind(framing.megabyte, ()),
    Kind(metering.energy_per_phase, ("RB-40", "RB-41"), ONLY16),
    Kind(metering.empty_values, ("RB-42", "RB-43"), ONLY16),
    Kind(metering.strange_units, ("RB-44", "RB-45"), ONLY16),
    Kind(metering.outside_transactions, ("RB-46", "SR-01"), ONLY16),
    Kind(metering.huge_registers, ("RB-49",), ONLY16),
    Kind(metering.clock_of_1970, ("RB-35", "PAIN-22")),
    Kind(metering.strange_times, ("RB-38", "HP-D7"), ONLY16),
    Kind(metering.local_time_as_utc, ("RB-39", "PAIN-22"), ONLY16),
    Kind(metering.offline_replay, ("RB-36", "RB-60"), ONLY16),
    Kind(transacting.duplicate_start, ("PAIN-10",), ONLY16),
    Kind(transacting.duplicate_stop, ("PAIN-11",), ONLY16),
    Kind(transacting.orphan_stops, ("RB-52", "PAIN-12"), ONLY16),
    Kind(transacting.bare_stops, ("RB-51", "PAIN-17"), ONLY16),
    Kind(transacting.offline_session, ("PAIN-13", "PAIN-14"), ONLY16),
    Kind(transacting.register_below_start, ("RB-48",), ONLY16),
    Kind(transacting.reading_in_kwh, ("RB-47",), ONLY16),
    Kind(transacting.late_values, ("RB-53",), ONLY16),
    Kind(transacting.seq_no_gaps, ("PAIN-18",), ONLY201),
    Kind(transacting.events_reversed, ("PAIN-18",), ONLY201),
    Kind(transacting.seq_no_zero, ("RB-55",), ONLY201),
    Kind(transacting.offline_events, ("PAIN-18",), ONLY201),
    Kind(transacting.bare_events, ("RB-56", "RB-57", "RB-58", "PAIN-19"), ONLY201),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
