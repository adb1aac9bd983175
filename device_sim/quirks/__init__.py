"""A pile that behaves as a firmware profile says: each field of a profile has its effect in exactly one module here.

`behave_as(profile)` gives the habits and manners of one station (they remember things: one for each station);
`hardware.pile_like(profile, id)` gives its type plate.
"""

from __future__ import annotations

from device_sim.behaviour import Behaviour
from device_sim.quirks.booting import Booting
from device_sim.quirks.composing import Composing
from device_sim.quirks.configuring import Configuring
from device_sim.quirks.framing import Framing
from device_sim.quirks.hardware import Counting
from device_sim.quirks.identity import Identity
from device_sim.quirks.judging import Judging
from device_sim.quirks.measuring import Measuring
from device_sim.quirks.obeying import Obeying
from device_sim.quirks.replying import Replying
from device_sim.quirks.showing import Showing
from device_sim.quirks.starting import Starting
from device_sim.quirks.timing import Timing
from device_sim.quirks.transacting import Transacting
from firmware_profiles import FirmwareProfile

IN_ORDER = (
    Replying,
    Identity,
    Booting,
    Starting,
    Judging,
    Obeying,
    Composing,
    Counting,
    Configuring,
    Measuring,
    Transacting,
    Showing,
    Timing,
)
"""What the earlier ones say passes through the later ones: times are falsified last."""


def behave_as(profile: FirmwareProfile) -> Behaviour:
    """The behaviour of one station of that profile."""
    return Behaviour([kind(profile) for kind in IN_ORDER], Framing(profile))
