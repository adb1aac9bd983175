"""A made city: the same for the same seed, true to its habits, labelled, and readable by imports and forecasts."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.forecast.folder import read_folder
from monitor.governance.console import build
from monitor.governance.importing import import_file
from monitor.governance.mapping import read_mapping
from monitor.governance.synthetic import KINDS, City, Market, Site, arrivals, city, hourly
from monitor.governance.synthetic_folder import write_city
from monitor.store.governance import open_governance

FIRST = date(2026, 3, 2)
FLAT = Market(lambda day: np.full(24, 0.7), lambda day: day.weekday() < 5)
VALLEY = Market(lambda day: np.where((np.arange(24) >= 11) & (np.arange(24) < 14), 0.2, 0.7), FLAT.is_working_day)


def made(seed: int = 3, days: int = 14) -> City:
    return city(seed, FIRST, days, 6, VALLEY)


def site(kind: str) -> Site:
    return Site("synthetic-1", next(k for k in KINDS if k.name == kind), 119.5, 35.4, 10, 60.0)


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write_city(made(seed), tmp_path / name, seed)
    a, b, c = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in "abc")
    assert a == b
    assert a["volume.csv.gz"] != c["volume.csv.gz"]


def test_no_connector_serves_two_at_once_and_all_energy_is_in_the_hours() -> None:
    town = made()
    last: dict[tuple[str, int], datetime] = {}
    for session in town.sessions:
        key = (session.site.id, session.connector)
        assert session.start < session.end
        assert last.get(key, session.start) <= session.start
        assert session.energy_kwh / session.site.rated_kw * 3600 <= (session.end - session.start).total_seconds() + 1
        last[key] = session.end
    energy_kwh, busy_h = hourly(town)
    assert energy_kwh.sum() == pytest.approx(sum(s.energy_kwh for s in town.sessions))
    assert busy_h.sum() == pytest.approx(sum((s.end - s.start).total_seconds() / 3600 for s in town.sessions))
    assert (busy_h.max(axis=0) <= [s.connectors + 1e-9 for s in town.sites]).all()


def test_a_deep_valley_draws_arrivals_and_makes_no_more_of_them() -> None:
    flat, valley = (arrivals(site("taxi"), FIRST, FIRST, market) for market in (FLAT, VALLEY))
    assert valley[11:14].sum() > 1.3 * flat[11:14].sum()
    assert valley.sum() == pytest.approx(flat.sum())
    deaf = [arrivals(site("motorway"), FIRST, FIRST, market) for market in (FLAT, VALLEY)]
    assert deaf[0] == pytest.approx(deaf[1])


def test_weekends_holidays_summer_and_growth_show() -> None:
    def total(kind: str, day: date, market: Market = FLAT) -> float:
        return float(arrivals(site(kind), day, FIRST, market).sum())

    saturday, july = FIRST + timedelta(days=5), date(2026, 7, 6)
    assert total("office", saturday) < 0.5 * total("office", FIRST)
    assert total("seaside", july) > 2 * total("seaside", FIRST)
    assert total("office", FIRST + timedelta(days=364)) > 1.2 * total("office", FIRST)
    holiday = Market(FLAT.prices, lambda day: False)
    assert total("motorway", FIRST, holiday) > 2 * total("motorway", FIRST)


def test_forecasts_and_imports_read_it_and_physics_doubts_none_of_it(tmp_path: Path) -> None:
    town = made()
    write_city(town, tmp_path / "city", 3)
    panel = read_folder(tmp_path / "city", ["e_price"])
    assert panel.values.shape == (14 * 24, 6)
    assert np.nansum(panel.values) == pytest.approx(sum(s.energy_kwh for s in town.sessions), rel=1e-4)
    mapping = read_mapping((tmp_path / "city" / "mapping.toml").read_text(encoding="utf-8"))
    store = open_governance(tmp_path / "data")
    found = import_file(store, tmp_path / "city" / "sessions.csv.gz", mapping, datetime(2026, 6, 1, tzinfo=UTC))
    store.close()
    assert (found.orders, found.quarantined, found.causes) == (len(town.sessions), 0, {})


def test_every_table_is_labelled(tmp_path: Path) -> None:
    for path in write_city(made(days=2), tmp_path / "city", 3):
        if ".csv" in path.suffixes:
            text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text("utf-8")
            head, *lines = csv.reader(text.splitlines())
            labelled = head[1:] if head[0] in ("", "time") else [line[-1] for line in lines]
            assert labelled
            assert all(word.startswith("synthetic") for word in labelled), path.name
        else:
            assert "synthetic" in path.read_text("utf-8").lower()


def test_the_command(tmp_path: Path) -> None:
    def run(*more: str, lang: str = "en") -> tuple[int, str]:
        words = ["synthesise", "--out", str(tmp_path / "city"), "--days", "3", "--sites", "2", *more]
        found = CliRunner().invoke(build(catalogue(lang)), words)
        return found.exit_code, found.output

    code, output = run("--json")
    told = json.loads(output)
    assert code == 0
    assert told["synthetic"] is True
    assert Counter(told["files"])["volume.csv.gz"] == 1
    again, why = run()
    assert again == 1
    assert "is not empty" in why
    assert run("--from", "2031-01-01")[0] == 1
    assert run("--tariff", "none")[0] == 1
