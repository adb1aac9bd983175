"""Writes a made city as a folder: hourly series as forecasts read them, sessions with the mapping that imports them."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from monitor.governance.synthetic import LABEL, City, Hours, hourly

MAPPING = f"""# Sessions of a made city; nothing in it was measured.
name = "{LABEL}"
operator = "{LABEL}"
zone = "Asia/Shanghai"
time = "%Y-%m-%d %H:%M"
energy_unit = "kWh"

[columns]
number = "order"
station = "station_id"
connector = "connector"
start = "start"
end = "end"
energy = "energy_kwh"
fee = "fee_yuan"
"""
STATION_COLUMNS = (
    "station_id", "longitude", "latitude", "pile_num", "total_duration", "total_volume", "avg_power", "type", "data",
)  # fmt: skip
TIME = "%Y-%m-%d %H:%M"


def write_city(made: City, folder: Path, seed: int) -> list[Path]:
    """Write all files into a folder that is new or empty; raises FileExistsError when it holds anything."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; name a new folder")
    energy_kwh, busy_h = hourly(made)
    prices = np.concatenate([made.market.prices(made.first + timedelta(days=day)) for day in range(made.days)])
    _series(folder / "volume.csv.gz", made, "", energy_kwh)
    _series(folder / "duration.csv.gz", made, "", busy_h)
    _series(folder / "e_price.csv.gz", made, "time", np.repeat(prices[:, None], len(made.sites), axis=1))
    _tables(folder, made, energy_kwh, busy_h)
    (folder / "mapping.toml").write_text(MAPPING, encoding="utf-8")
    (folder / "README.md").write_text(_readme(made, seed), encoding="utf-8")
    return sorted(folder.iterdir())


def _readme(made: City, seed: int) -> str:
    return (
        "# SYNTHETIC DATA / 合成数据\n\n"
        f"A made city, seed {seed}, {made.days} days from {made.first}, {len(made.sites)} sites, "
        f"{len(made.sessions)} sessions. No figure was measured, in Rizhao or anywhere else; do not report it so.\n\n"
        "虚构城市的数据，仅供测试与演示；没有任何数值来自日照或其他地区的实测，不得作为实测数据上报。\n"
    )


def _write(path: Path, head: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(lines)
    content = text.getvalue().encode()
    # No time in the gzip head: the same seed gives the same bytes.
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def _series(path: Path, made: City, corner: str, values: Hours) -> None:
    begin = datetime.combine(made.first, datetime.min.time())
    lines = ([begin + timedelta(hours=hour), *(f"{value:.6g}" for value in row)] for hour, row in enumerate(values))
    _write(path, [corner, *(site.id for site in made.sites)], lines)


def _tables(folder: Path, made: City, energy_kwh: Hours, busy_h: Hours) -> None:
    volumes, durations = energy_kwh.sum(axis=0), busy_h.sum(axis=0)
    _write(
        folder / "stations.csv",
        STATION_COLUMNS,
        (
            [s.id, f"{s.longitude_deg:.5f}", f"{s.latitude_deg:.5f}", s.connectors, f"{h:.3f}", f"{kwh:.3f}",
             f"{kwh / h if h else 0:.3f}", s.kind.name, LABEL]
            for s, h, kwh in zip(made.sites, durations, volumes, strict=True)
        ),
    )  # fmt: skip
    _write(
        folder / "piles.csv",
        ["pile_id", "longitude", "latitude", "station_id", "rated_kw", "data"],
        (
            [f"{s.id}-{n}", f"{s.longitude_deg:.5f}", f"{s.latitude_deg:.5f}", s.id, s.rated_kw, LABEL]
            for s in made.sites
            for n in range(1, s.connectors + 1)
        ),
    )
    _write(folder / "users.csv", ["user_id", "battery_kwh", "data"], ([u.id, u.battery_kwh, LABEL] for u in made.users))
    _write(
        folder / "info.csv",
        ["city", "country", "total_piles", "total_stations", "total_duration", "total_volume", "data"],
        [[f"{LABEL} Rizhao", "China", sum(s.connectors for s in made.sites), len(made.sites), f"{durations.sum():.3f}",
          f"{volumes.sum():.3f}", LABEL]],
    )  # fmt: skip
    _write(
        folder / "sessions.csv.gz",
        ["order", "station_id", "connector", "user_id", "start", "end", "energy_kwh", "fee_yuan", "data"],
        (
            [f"{LABEL}-order-{n:07d}", s.site.id, s.connector, s.user.id, f"{s.start:{TIME}}", f"{s.end:{TIME}}",
             s.energy_kwh, s.fee_yuan, LABEL]
            for n, s in enumerate(made.sessions, 1)
        ),
    )  # fmt: skip
