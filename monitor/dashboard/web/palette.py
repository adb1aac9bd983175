"""Every colour of the dashboard, and how well it can be read. Pure data; one meaning per colour (see `look.STATES`)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

ThemeName = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Theme:
    """Surfaces and lines, text, and the colours that mean something. `*_ink` is for words, the plain one for areas."""

    ground: str
    surface: str
    raised: str
    line: str
    ink: str
    quiet: str
    accent: str
    on_accent: str
    available: str
    occupied: str
    charging: str
    suspended: str
    reserved: str
    unavailable: str
    faulted: str
    available_ink: str
    occupied_ink: str
    charging_ink: str
    suspended_ink: str
    reserved_ink: str
    unavailable_ink: str
    faulted_ink: str
    grave: str


LIGHT = Theme(
    ground="#f4f6f8",
    surface="#ffffff",
    raised="#eef2f5",
    line="#dbe1e7",
    ink="#17212b",
    quiet="#54616e",
    accent="#007a7a",
    on_accent="#ffffff",
    available="#2e9e5b",
    occupied="#2f7ed8",
    charging="#00a3a3",
    suspended="#d98c00",
    reserved="#7a5cc7",
    unavailable="#8a929c",
    faulted="#d33f3f",
    available_ink="#1d7541",
    occupied_ink="#1f62b0",
    charging_ink="#007272",
    suspended_ink="#8a5900",
    reserved_ink="#6346b3",
    unavailable_ink="#54616e",
    faulted_ink="#b52a2a",
    grave="#b52a2a",
)
DARK = Theme(
    ground="#0f151b",
    surface="#171f27",
    raised="#202a34",
    line="#2c3843",
    ink="#e6ebf0",
    quiet="#9fadba",
    accent="#2cc4c4",
    on_accent="#06201f",
    available="#2e9e5b",
    occupied="#2f7ed8",
    charging="#00a3a3",
    suspended="#d98c00",
    reserved="#7a5cc7",
    unavailable="#8a929c",
    faulted="#d33f3f",
    available_ink="#5cc98a",
    occupied_ink="#74aeee",
    charging_ink="#3fc9c9",
    suspended_ink="#e9ab3c",
    reserved_ink="#ab94e8",
    unavailable_ink="#9fadba",
    faulted_ink="#f08080",
    grave="#b52a2a",
)
THEMES: dict[ThemeName, Theme] = {"light": LIGHT, "dark": DARK}

LEVELS = {"sharp": "#b5442f", "peak": "#d98c00", "flat": "#8a929c", "valley": "#2f9ea3", "deep": "#1f6fb5"}
"""Tariff periods, dear to cheap; on both grounds."""

FAMILIES = {
    "charging": "C",
    "occupied": "O",
    "suspended": "S",
    "reserved": "R",
    "available": "A",
    "unavailable": "U",
    "faulted": "F",
    "offline": "/",
    "unknown": "?",
}
"""Families of states in the order in which they are shown, each with its letter; names as in `look.STATES`."""


def variables(theme: Theme) -> str:
    """The theme as custom properties of CSS: `--ground: #f4f6f8; ...`."""
    return " ".join(f"--{name.replace('_', '-')}: {colour};" for name, colour in asdict(theme).items())


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21 (WCAG 2.2, 1.4.3)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` in sRGB (WCAG 2.2)."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
