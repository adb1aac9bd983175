"""What is known of real stations, as data: one TOML for each make, model and firmware range, found by what a boot says.

Read by the central system and by the simulator alike; imports nobody. A fact that nobody has published is not written
down: fields left out keep the neutral value. `grade` says how far to trust a file: verified, reported or generic.
"""

from firmware_profiles.book import Book, book, find, shipped, shipped_book, use
from firmware_profiles.limits import Limits
from firmware_profiles.loader import GENERIC, FirmwareProfile, ProfileInvalid, load
from firmware_profiles.matching import Seen

__all__ = [
    "GENERIC",
    "Book",
    "FirmwareProfile",
    "Limits",
    "ProfileInvalid",
    "Seen",
    "book",
    "find",
    "load",
    "shipped",
    "shipped_book",
    "use",
]
