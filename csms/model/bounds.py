"""Every numeric limit on what a peer may send or make us hold, in one place, with its reason."""

from __future__ import annotations

FRAME_BYTES_MAX = 64 * 1024
"""One websocket message. The largest honest frames (96-period schedules, 100-item reports) stay under 40 KiB."""

JSON_DEPTH_MAX = 20
"""Nesting of a frame. OCPP messages need 7; deeper ones only cost stack."""

UNIQUE_ID_LENGTH_MAX = 36
"""OCPP-J part 4: message ids are at most 36 characters. Longer ones are refused, not echoed."""

ACTION_LENGTH_MAX = 64
"""The longest action of OCPP 2.1 has 32 characters."""

ERROR_DESCRIPTION_LENGTH_MAX = 255
"""OCPP-J part 4, CALLERROR errorDescription."""

STATION_ID_LENGTH_MAX = 48
"""OCPP 2.0.1 identity; 1.6 stations use at most 20 by the book, more in the field."""

ANSWERED_IDS_KEPT = 64
"""Answers kept per connection so that a repeated message id gets the same answer and has no second effect."""

CALL_TIMEOUT_S = 60.0
"""How long a station may take to answer a call (field: 30-60 s; slow 2G stations need the upper end)."""

CALLS_QUEUED_MAX = 64
"""Commands waiting for one station. OCPP allows one outstanding call; a longer queue means a dead station."""

METER_REGISTER_WH_MAX = 10**12
"""A register above 1 TWh is a fault of the meter, not energy."""

SAMPLED_VALUES_MAX = 2000
"""Sampled values in one message; offline replays of real stations stay under a few hundred."""

CLOCK_SKEW_FLAG_S = 300.0
"""Station times further than this from arrival are kept but not used for live views."""

STRANGERS_MAX = 1000
"""Unregistered stations let in at most: each costs a row and memory, and anybody can invent ids."""

SCHEDULE_PERIODS_MAX = 1024
"""Periods of a charging schedule (OCPP 2.0.1 ChargingScheduleType, maxItems of chargingSchedulePeriod)."""
