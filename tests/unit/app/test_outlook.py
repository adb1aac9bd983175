"""The file in which forecasts are left for plans: read when it changes, fresh or not, broken or gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from csms.app.outlook import OutlookFile
from csms.model.outlook import FILE_NAME, ComingCars, Outlook, OutlookBroken, decoded, encoded

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
TOLD = Outlook(NOW, NOW, loads_w={"T": (1000.0, None, -5.0)}, cars=(ComingCars("T", NOW, 3600.0, 7e3, 1e4, 0.5),))


def test_what_is_encoded_comes_back() -> None:
    assert decoded(encoded(TOLD)) == TOLD
    unknown = replace(TOLD, loads_w={"T": (float("nan"), float("inf"))})
    assert decoded(encoded(unknown)).loads_w == {"T": (None, None)}


def test_a_load_is_that_of_its_step() -> None:
    steps = [TOLD.load_w("T", NOW + timedelta(minutes=minutes)) for minutes in (-1, 0, 14, 15, 30, 45)]
    assert steps == [None, 1000.0, 1000.0, None, -5.0, None]
    assert TOLD.load_w("other", NOW) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"{}",
        encoded(TOLD).replace(b'"format":1', b'"format":2'),
        encoded(TOLD).replace(b"0.5", b"-0.5"),
        encoded(TOLD).replace(b"7000.0", b"1e13"),
        encoded(TOLD).replace(b"3600.0", b"1e300"),
        encoded(TOLD).replace(b"08:00:00Z", b"08:00:00"),
        encoded(TOLD).replace(b'"step_s":900.0', b'"step_s":0'),
    ],
)
def test_what_is_no_outlook_is_refused(raw: bytes) -> None:
    with pytest.raises(OutlookBroken):
        decoded(raw)


async def test_the_newest_file_counts_while_it_is_fresh(tmp_path: Path) -> None:
    file, found = tmp_path / FILE_NAME, OutlookFile(tmp_path, age_max_s=3600)
    await found.look()
    assert found.outlook(NOW) is None
    file.write_bytes(encoded(TOLD))
    assert found.outlook(NOW) is None, "nothing is read while a plan is made"
    await found.look()
    assert found.outlook(NOW) == TOLD
    assert found.outlook(NOW + timedelta(hours=1)) == TOLD
    assert found.outlook(NOW + timedelta(hours=1, seconds=1)) is None
    assert found.outlook(NOW - timedelta(hours=1)) is None, "the future was not said yet"
    newer = replace(TOLD, made_at=NOW + timedelta(hours=2))
    draft = tmp_path / "draft"
    draft.write_bytes(encoded(newer))
    draft.replace(file)
    await found.look()
    assert found.outlook(NOW + timedelta(hours=2)) == newer


async def test_a_broken_file_counts_as_none_and_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, found = tmp_path / FILE_NAME, OutlookFile(tmp_path, age_max_s=3600)
    file.write_bytes(encoded(TOLD))
    await found.look()
    file.write_bytes(encoded(TOLD)[:-20])
    await found.look()
    await found.look()
    assert found.outlook(NOW) is None
    assert [record.msg for record in caplog.records if record.levelname == "ERROR"] == ["outlook_unusable"]
    file.unlink()
    await found.look()
    assert found.outlook(NOW) is None
    file.write_bytes(encoded(TOLD))
    await found.look()
    assert found.outlook(NOW) == TOLD
