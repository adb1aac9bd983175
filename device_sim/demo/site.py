"""The site of the demo: 24 piles, half OCPP 1.6 and half 2.0.1, behind one transformer beside an office.

Writes the files that the central system (`csms.toml`), the fleet (`piles.json`) and the platform (`partner.json`) read.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from device_sim.pile import PileSpec

FEEDER = "T1"
OPERATOR_ID = "MA5DEMO01"
PARTNER = "province"
PARTNER_FILE, PLATFORM = "partner.toml", "platform"
"""In the folder of the demo: the operator as the platform knows it, and the platform's data."""
SLOTS = 96
VOLTAGE_V = 230.0

MODELS = (
    (8, "AC", "ac", 1, 32.0, 7_360),
    (6, "AC", "ac", 3, 16.0, 11_040),
    (4, "AC", "ac", 3, 32.0, 22_080),
    (4, "DC", "dc", 3, 100.0, 60_000),
    (2, "DC", "dc", 3, 200.0, 120_000),
)
"""(how many, name, kind, phases, A per phase, W)."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Keys between the demo's operator and platform; 16 characters each, only ever on loopback."""

    operator_secret: str
    data_secret: str
    data_secret_iv: str
    sig_secret: str


def piles() -> list[PileSpec]:
    """The 24 piles, protocols alternating inside every kind."""
    specs: list[PileSpec] = []
    for count, name, kind, phases, current_a, power_w in MODELS:
        for _ in range(count):
            number = len(specs) + 1
            specs.append(
                PileSpec(
                    station_id=f"CN3701-{name}{number:02d}",
                    kind=kind,
                    phases=phases,
                    max_current_a=current_a,
                    max_power_w=power_w,
                    protocol="ocpp1.6" if number % 2 else "ocpp2.0.1",
                )
            )
    return specs


def base_load_kw() -> list[float]:
    """The office beside the piles by quarter-hour: 18 kW at night, a broad hump of 52 kW about noon."""
    hours = [slot / 4 for slot in range(SLOTS)]
    return [round(18.0 + 34.0 * math.exp(-(((hour - 13.0) / 4.2) ** 2)), 2) for hour in hours]


def write_settings(
    folder: Path, rating_kw: float, lowest_cap_kw: float, platform_url: str, secrets: Secrets, zone: str
) -> Path:
    """`csms.toml` for the central system; only its owner may read it, because it holds the partner's keys."""
    lines = [
        f'data_dir = "{folder.as_posix()}"',
        'ocpp_host = "127.0.0.1"',
        "ocpp_port = 0",
        "security_profiles = [0]",
        "http_port = 0",
        'log_level = "WARNING"',
        f'time_zone = "{zone}"',
        "",
        "[site]",
        'id = "demo"',
        'name = "日照示范充电站"',
        'address = "日照市东港区示范路1号"',
        'area_code = "371102"',
        "longitude = 119.5269",
        "latitude = 35.4164",
        'phone = "0633-0000000"',
        "",
        "[[feeders]]",
        f'id = "{FEEDER}"',
        f"rating_kw = {rating_kw:.1f}",
        f"lowest_cap_kw = {lowest_cap_kw:.1f}",
        f"base_load_kw = {base_load_kw()}",
    ]
    lines += _partner_lines(secrets, platform_url)
    platform = {"platform_dir": folder / PLATFORM, "partner_file": folder / PARTNER_FILE}
    lines += ["", "[dashboard]", *(f'{name} = "{path.as_posix()}"' for name, path in platform.items())]
    for spec in piles():
        lines += [
            "",
            "[[stations]]",
            f'id = "{spec.station_id}"',
            f'feeder = "{FEEDER}"',
            'site = "demo"',
            f'kind = "{spec.kind}"',
            f"phases = {spec.phases}",
            f"current_max_a = {spec.max_current_a}",
            f"power_max_kw = {spec.max_power_w / 1000}",
        ]
    return _private(folder / "csms.toml", "\n".join(lines) + "\n")


def write_partner(folder: Path, secrets: Secrets) -> Path:
    """The operator as the platform knows it."""
    return _private(folder / PARTNER_FILE, "\n".join(_partner_lines(secrets)) + "\n")


def _partner_lines(secrets: Secrets, platform_url: str = "") -> list[str]:
    lines = [
        "",
        "[[partners]]",
        f'id = "{PARTNER}"',
        'profile = "tcec102-2016"',
        f'operator_id = "{OPERATOR_ID}"',
        f'operator_secret = "{secrets.operator_secret}"',
        f'data_secret = "{secrets.data_secret}"',
        f'data_secret_iv = "{secrets.data_secret_iv}"',
        f'sig_secret = "{secrets.sig_secret}"',
    ]
    return [*lines, f'base_url = "{platform_url}"'] if platform_url else lines


def write_piles(folder: Path) -> Path:
    """The piles for the fleet."""
    path = folder / "piles.json"
    path.write_text(json.dumps([_pile(spec) for spec in piles()], indent=1), encoding="utf-8")
    return path


def _pile(spec: PileSpec) -> dict[str, object]:
    names = ("station_id", "kind", "phases", "max_current_a", "max_power_w", "protocol")
    return {name: getattr(spec, name) for name in names}


def _private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path
