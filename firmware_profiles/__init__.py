"""What is known of real stations, as data: one TOML for each make, model and firmware range, found by what a boot says.

Read by the central system and by the simulator alike; imports nobody. A fact that nobody has published is not written
down: fields left out keep the neutral value. `grade` says how far to trust a file: verified, reported or generic.
"""

from firmware_profiles.loader import FirmwareProfile, Limits, ProfileInvalid, find, load, shipped

__all__ = ["FirmwareProfile", "Limits", "ProfileInvalid", "find", "load", "shipped"]
