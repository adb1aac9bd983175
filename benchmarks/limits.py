"""A limit on a feeder with a thousand charging stations: how long until it is acknowledged, told, and metered.

`python -m benchmarks limits`: a real server, a real fleet in a process of its own, one limit over HTTP at
half of the load. The lines of one station in twenty go dead in the moment in which it is sent.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from benchmarks.hot_path import Row
from benchmarks.plot import time_plot
from benchmarks.relay import Relay
from device_sim.credentials import read_token
from device_sim.demo.processes import Children

STATIONS, QUICK_STATIONS = 1_000, 100
CAR_W = 7_360
SETTLE_S = 900.0
HOLD_S = 180.0
UNREACHABLE_EVERY = 20
LEASE_S, LATE_S = 120, 15.0
FLOOR_W = 1_380
"""6 A on one phase."""
AFTER_S = 20.0
"""What the server says of it comes a little later."""
PLOT = Path(__file__).resolve().parents[1] / "docs" / "images" / "limit_on_a_thousand.svg"

SETTINGS = """
ocpp_host = "127.0.0.1"
ocpp_port = 0
security_profiles = [0]
http_port = 0
log_level = "WARNING"

[[feeders]]
id = "T1"
rating_kw = {rating_kw}
lowest_cap_kw = {lowest_kw}

[charging]
lease_s = {lease_s}
"""

STATION = """
[[stations]]
id = "{id}"
feeder = "T1"
kind = "ac"
phases = 1
current_max_a = 32.0
power_max_kw = 7.36
"""


def run(quick: bool) -> list[dict[str, Any]]:
    """The rows; the plot only of the whole run."""
    stations = QUICK_STATIONS if quick else STATIONS
    with tempfile.TemporaryDirectory() as name, Children(Path(name), _environment(Path(name))) as children:
        folder = Path(name)
        _write(folder, stations)
        words = ["serve", "--config", str(folder / "csms.toml"), "--data-dir", str(folder / "data"), "--no-dashboard"]
        children.start("server", words)
        central = _central(folder, children)
        ocpp = json.loads((folder / "data" / "serve.json").read_text("utf-8"))["ocpp_port"]
        with Relay(ocpp) as relay:
            fleets = [Fleet("near", folder, ocpp), Fleet("far", folder, relay.port)]
            for fleet in fleets:
                children.start(fleet.name, fleet.words)
            _wait(lambda: _all_w(fleets) > 0.75 * stations * CAR_W, SETTLE_S, children)
            figures = _limit(central, relay, folder / "data" / "csms.db", fleets, children)
    rows = [asdict(row) for row in _rows(figures, stations)]
    if not quick:
        PLOT.write_text(_plot(figures, stations), encoding="utf-8")
    return rows


def _environment(folder: Path) -> dict[str, str]:
    return {"CSMS_LANG": "en", "HOME": str(folder), "PATH": os.environ["PATH"]}


@dataclass(frozen=True)
class Fleet:
    """A process with stations; `port`: of the server, or of the relay before it."""

    name: str
    folder: Path
    port: int

    @property
    def trace(self) -> Path:
        """What its cars draw."""
        return self.folder / f"{self.name}.trace.jsonl"

    @property
    def words(self) -> list[str]:
        """Of the command."""
        piles, cars = (str(self.folder / f"{self.name}.{what}") for what in ("piles.json", "cars.csv"))
        words = ["sim", "replay", cars, "--piles-file", piles, "--quiet", "--trace", str(self.trace)]
        return [*words, "--url", f"ws://127.0.0.1:{self.port}/ocpp"]


def _ids(stations: int, fleet: str) -> list[tuple[int, str]]:
    numbered = [(n, f"CP-{n:04d}") for n in range(stations)]
    return [(n, id_) for n, id_ in numbered if (n % UNREACHABLE_EVERY == 0) == (fleet == "far")]


def _write(folder: Path, stations: int) -> None:
    rating_kw = 1.1 * stations * CAR_W / 1000
    text = SETTINGS.format(rating_kw=rating_kw, lowest_kw=rating_kw / 4, lease_s=LEASE_S)
    text += "".join(STATION.format(id=f"CP-{n:04d}") for n in range(stations))
    (folder / "csms.toml").write_text(text, encoding="utf-8")
    now = datetime.now(UTC)
    plate = {"kind": "ac", "phases": 1, "max_current_a": 32, "max_power_w": CAR_W, "protocol": "ocpp1.6"}
    for fleet in ("near", "far"):
        ids = _ids(stations, fleet)
        piles = [{"id": id_, **plate} for _, id_ in ids]
        (folder / f"{fleet}.piles.json").write_text(json.dumps(piles), encoding="utf-8")
        lines = ["session_id,arrival,departure,energy_kwh,station_id"]
        for n, id_ in ids:
            arrival = now + timedelta(seconds=45 + 60 * n / stations)
            lines.append(f"s{n},{arrival.isoformat()},{(now + timedelta(hours=8)).isoformat()},58,{id_}")
        (folder / f"{fleet}.cars.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _central(folder: Path, children: Children) -> httpx.Client:
    ready = folder / "data" / "serve.json"
    _wait(lambda: ready.exists() and '"http_port"' in ready.read_text("utf-8"), 60, children)
    port = json.loads(ready.read_text("utf-8"))["http_port"]
    headers = {"authorization": f"Bearer {read_token(folder / 'data' / 'admin.token')}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", headers=headers, trust_env=False, timeout=30)


def _piles(fleet: Fleet) -> int:
    return len(json.loads((fleet.folder / f"{fleet.name}.piles.json").read_text("utf-8")))


def _load_w(trace: Path) -> float:
    """What the cars really draw now; 0 before the fleet has begun."""
    if not trace.exists():
        return 0.0
    with trace.open("rb") as lines:
        lines.seek(max(trace.stat().st_size - 4096, 0))
        whole = lines.read().split(b"\n")[1:-1]
    return float(json.loads(whole[-1])["power_w"]) if whole else 0.0


def _all_w(fleets: Sequence[Fleet]) -> float:
    return sum(_load_w(fleet.trace) for fleet in fleets)


def _limit(
    central: httpx.Client, relay: Relay, database: Path, fleets: Sequence[Fleet], children: Children
) -> dict[str, Any]:
    """Set the limit as some lines go dead; watch until the load of all is below it, and theirs at the floors."""
    power_w, far = round(_all_w(fleets) / 2), fleets[-1]
    floors_w = FLOOR_W * _piles(far) + 1
    relay.go_dead()
    body = {"version": 1, "value_w": power_w, "valid_to": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    began = time.time()
    central.put("/feeders/T1/limits/bench", json=body).raise_for_status()
    figures: dict[str, Any] = {"ack_s": time.time() - began, "cap_w": power_w}
    curve: list[tuple[float, float]] = []

    def below() -> bool:
        load_w = _all_w(fleets)
        curve.append((time.time() - began, load_w / 1000))
        return load_w <= power_w

    def at_floors() -> bool:
        below()
        return _load_w(far.trace) <= floors_w

    _wait(below, HOLD_S, children)
    figures["held_s"] = curve[-1][0]
    _wait(at_floors, HOLD_S, children)
    figures["dropped_s"] = curve[-1][0]
    figures["above_again"] = sum(kw > power_w / 1000 for at, kw in curve if at > figures["held_s"])
    time.sleep(AFTER_S)
    reached = central.get("/limits/bench").raise_for_status().json()["limits"][0]["progress"]["reached"]
    for stage in ("commanded", "confirmed"):
        if stage in reached:
            figures[f"{stage}_s"] = datetime.fromisoformat(reached[stage]).timestamp() - began
    sent = _sent(database, began)
    return figures | {"curve": curve, "sent_s": [at for at, _ in sent], "answered_s": [at for _, at in sent if at]}


def _sent(database: Path, began: float) -> list[tuple[float, float | None]]:
    """When each station was first told less than before, and when it answered; in seconds after the limit."""
    query = "SELECT station_id, limit_w, sent_at, answered_at FROM charging_profile WHERE session_id IS NOT NULL"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute(f"{query} ORDER BY id").fetchall()

    def seconds(text: str) -> float:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() - began

    before_w: dict[str, int] = {}
    found: dict[str, tuple[float, float | None]] = {}
    for station_id, limit_w, sent_at, answered_at in rows:
        at = seconds(sent_at)
        if at >= 0 and limit_w < before_w.get(station_id, 0) and station_id not in found:
            found[station_id] = at, seconds(answered_at) if answered_at else None
        before_w[station_id] = limit_w
    return sorted(found.values())


def _wait(holds: Callable[[], bool], within_s: float, children: Children) -> None:
    """Raises TimeoutError with what the processes said."""
    deadline = time.monotonic() + within_s
    while not holds():
        children.check_all()
        if time.monotonic() > deadline:
            raise TimeoutError(children.tails())
        time.sleep(0.25)


def _rows(figures: dict[str, Any], stations: int) -> list[Row]:
    sent, answered = figures["sent_s"], figures["answered_s"]
    latest_s = LEASE_S + LATE_S
    late, dropped_s = float("nan"), figures["dropped_s"]
    commanded, confirmed = figures.get("commanded_s", late), figures.get("confirmed_s", late)
    return [
        Row("stations told", len(sent), "", f"of {stations}", len(sent) >= stations * 0.5),
        Row("received to acknowledged", figures["ack_s"], "s", "<= 1", figures["ack_s"] <= 1),
        Row("half of the stations told", statistics.median(sent), "s", "", True),
        Row("last station told", max(sent), "s", "<= 5", max(sent) <= 5),
        Row("last station answered", max(answered), "s", "", True),
        Row("all commanded, as the server says", commanded, "s", "<= 5", commanded <= 5),
        Row("nobody may draw more, as the server says", confirmed, "s", "<= 30", confirmed <= 30),
        Row("load of all cars below the cap", figures["held_s"], "s", "<= 30", figures["held_s"] <= 30),
        Row("above it again since", figures["above_again"], "looks", "0", figures["above_again"] == 0),
        Row("unreachable stations at their floors", dropped_s, "s", f"<= {latest_s:g}", dropped_s <= latest_s),
    ]


def _plot(figures: dict[str, Any], stations: int) -> str:
    share = [(at, 100 * (n + 1) / stations) for n, at in enumerate(figures["sent_s"])]
    answered = [(at, 100 * (n + 1) / stations) for n, at in enumerate(sorted(figures["answered_s"]))]
    first_kw = figures["curve"][0][1]
    drawn = [(at, 100 * kw / first_kw) for at, kw in figures["curve"]]
    cap = 100 * figures["cap_w"] / 1000 / first_kw
    lines = {"stations told, %": share, "answered, %": answered, "load of all cars, % of before": drawn}
    return time_plot(
        lines, cap, f"per cent of {stations:,} stations, of the load before", "seconds after the limit arrived"
    )
