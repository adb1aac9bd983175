"""The protocol on made-up series, and the command on folders of files."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.forecast.console import build
from monitor.forecast.folder import read_folder
from monitor.forecast.panel import Panel, PanelBroken
from monitor.forecast.protocol import candidates, evaluate, month_ends, parts_of
from monitor.forecast.scores import measures


def _write(panel: Panel, folder: Path, drop: tuple[int, ...] = ()) -> Path:
    lines = ["," + ",".join(panel.names)]
    for i, row in enumerate(panel.values):
        if i not in drop:
            lines.append(f"{panel.start + i * panel.step}," + ",".join(map(repr, map(float, row))))
    folder.mkdir(exist_ok=True)
    with gzip.open(folder / "volume.csv.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return folder


def test_parts_follow_each_other_by_time(make_panel: Callable[..., Panel]) -> None:
    panel = make_panel(days=60)
    training, validation, test = parts_of(panel, 24)
    assert training[0] == 48
    assert [*training, *validation] == list(range(48, 1296))
    assert test.tolist() == list(range(1296 + 24 + 12 - 1, panel.steps))
    ends = month_ends(panel)
    assert [panel.start + panel.step * end for end in ends[:-1]] == [
        panel.start.replace(month=5, day=1),
        panel.start.replace(month=6, day=1),
    ]
    assert ends[-1] == panel.steps


def test_a_wave_is_learned_and_held(make_panel: Callable[..., Panel]) -> None:
    """Noise of 1 kWh is the least error; the last value errs by more at half a day."""
    panel = make_panel(days=100, series=6)
    (one,) = evaluate(panel, [4], [12], candidates(learners=False))
    assert one.scores["champion RMSE"]["RMSE"] < 1.15 < one.scores["last"]["RMSE"] / 2
    assert {chosen.champion for chosen in one.chosen["RMSE"]} == {"rich"}
    assert all(0.88 <= one.coverage[metric] <= 0.94 for metric in one.coverage)
    assert all(promised == pytest.approx(0.9) for promised in one.promised.values())


def test_the_test_part_chooses_nothing(make_panel: Callable[..., Panel]) -> None:
    panel = make_panel(days=60)
    _, _, test = parts_of(panel, 3)
    other = panel.values.copy()
    other[test[0] :] = 7.0
    first, second = (
        next(iter(evaluate(p, [len(month_ends(p))], [3], candidates(learners=False))))
        for p in (panel, replace(panel, values=other))
    )
    assert first.chosen == second.chosen


def test_a_site_known_for_less_than_two_weeks_falls_back(make_panel: Callable[..., Panel]) -> None:
    panel = make_panel(days=60)
    values = panel.values.copy()
    values[: 45 * 24, 2] = np.nan
    (one,) = evaluate(replace(panel, values=values), [3], [12], candidates(learners=False))
    assert [chosen.reason == "new" for chosen in one.chosen["MAE"]] == [False, False, True]
    assert one.chosen["MAE"][2].champion == "last"


def test_measures_by_hand() -> None:
    found = measures(np.array([1.0, 2.0, 3.0, np.nan]), np.array([1.0, 1.0, 5.0, 9.0]))
    assert found["MAE"] == pytest.approx(1.0)
    assert found["RMSE"] == pytest.approx((5 / 3) ** 0.5)
    assert found["RAE"] == pytest.approx(1.5)
    assert found["R2"] == pytest.approx(-1.5)
    assert measures(np.array([np.nan]), np.array([1.0])) == {}


def test_files_come_back_as_the_panel_with_holes_where_hours_are_missing(
    make_panel: Callable[..., Panel], tmp_path: Path
) -> None:
    panel = make_panel(days=3)
    found = read_folder(_write(panel, tmp_path / "a", drop=(7, 8)))
    assert found.names == panel.names
    assert found.start == panel.start
    assert found.step == timedelta(hours=1)
    assert np.isnan(found.values[7:9]).all()
    kept = np.delete(np.arange(panel.steps), (7, 8))
    assert (found.values[kept] == panel.values[kept]).all()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "head line"),
        (",a,a\n", "none twice"),
        (",a\n2023-01-01 00:00,1\n", "two rows"),
        (",a\n2023-01-01 01:00,1\n2023-01-01 00:00,1\n", "later"),
        (",a\n2023-01-01 00:00,1\nyesterday,1\n", "not a time"),
        (",a\n2023-01-01 00:00,1\n2023-01-01 01:00,1,2\n", "cells"),
        (
            ",a\n2023-01-01 00:00,1\n2023-01-01 01:00,1\n2023-01-01 02:30,1\n2023-01-01 03:00,1\n2023-01-01 04:00,1\n",
            "between",
        ),
        (",a\n2023-01-01 00:00,1\n2023-01-01 01:00,1\n9023-01-01 01:00,1\n", "more than"),
        (",a\n2023-01-01 00:00,1\n2023-01-01 01:00+00:00,1\n", "zone"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(text: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "volume.csv").write_text(text, encoding="utf-8")
    with pytest.raises(PanelBroken, match=word):
        read_folder(tmp_path)


def test_cells_that_hold_no_number_are_unknown(tmp_path: Path) -> None:
    (tmp_path / "volume.csv").write_text(
        ",a\n2023-01-01 00:00,x\n2023-01-01 01:00,\n2023-01-01 02:00,inf\n2023-01-01 03:00,4\n"
    )
    assert np.isnan(read_folder(tmp_path).values[:3]).all()


def test_command(make_panel: Callable[..., Panel], tmp_path: Path) -> None:
    folder = _write(make_panel(days=60), tmp_path / "city")
    (folder / "e_price.csv").write_bytes(gzip.decompress((folder / "volume.csv.gz").read_bytes()))
    app, run = build(catalogue("en")), CliRunner()
    shown = run.invoke(app, ["evaluate", str(folder), "--horizons", "1,24", "--quick"])
    assert shown.exit_code == 0, shown.output
    assert "rich" in shown.stdout
    assert shown.stdout.count("intervals of 90 %") == 4
    more = ["--horizons", "3", "--folds", "2", "--quick", "--json"]
    told = run.invoke(app, ["evaluate", str(folder), "--total", "--input", "e_price", *more])
    (one,) = json.loads(told.stdout)
    assert (one["fold"], one["horizon"], one["series"]) == (2, 3, ["total"])
    assert one["scores"]["champion MAE"]["MAE"] > 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--horizons", "x"], 2), (["--folds", "9"], 1), (["--input", "weather"], 2), (["--horizons", "0"], 2)],
)
def test_command_says_what_cannot_be(
    arguments: list[str], code: int, make_panel: Callable[..., Panel], tmp_path: Path
) -> None:
    folder = _write(make_panel(days=20), tmp_path / "city")
    found = CliRunner().invoke(build(catalogue("en")), ["evaluate", str(folder), "--quick", "--json", *arguments])
    assert found.exit_code == code
    assert "detail" in json.loads(found.stderr.strip().splitlines()[-1])
