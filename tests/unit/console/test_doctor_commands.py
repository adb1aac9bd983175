"""`csms station doctor` and `csms station config diff` from the outside: what is shown, exit codes."""

from __future__ import annotations


async def test_the_doctor_of_all_stations(served) -> None:
    done = await served.csms("station", "doctor", "all")
    assert done.code == 1, done.err
    assert "CP-3" in done.out
    assert "[never_connected]" in done.out
    assert "→" in done.out
    document = (await served.csms("station", "doctor", "CP-3", "--json")).document["diagnoses"]
    assert [finding["code"] for finding in document[0]["findings"]] == ["never_connected"]


async def test_the_doctor_speaks_chinese(served) -> None:
    assert "从未连接过" in (await served.csms("station", "doctor", "CP-3", CSMS_LANG="zh")).out


async def test_an_unknown_station_has_no_doctor(served) -> None:
    done = await served.csms("station", "doctor", "NOBODY")
    assert done.code == 1
    assert "NOBODY" in done.out
