"""The page of a demo's day, from the files that the demo leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.reports.console import build

DOCUMENT: dict[str, Any] = {
    "day": "2026-03-02T06:00:00+08:00",
    "sessions": {"started": 40, "ended": 39},
    "stations": {"ocpp1.6": 8, "ocpp2.0.1": 4},
    "energy": {"delivered_wh": 512_345, "delivered_of_possible": 0.993},
    "samples": {"acknowledged": 12_000, "stored": 12_000},
    "load": {
        "peak_w": 199_000,
        "cap_w": 200_000.0,
        "unmanaged_peak_w": 310_000,
        "over_cap_after_first_minute_s": 0.0,
        "unmanaged_over_cap_s": 5_400.0,
    },
    "limit": None,
}


def run(*words: str) -> tuple[int, str]:
    answer = CliRunner().invoke(build(catalogue("en")), ["demo", *words], env={"CSMS_LANG": "en"})
    return answer.exit_code, answer.output


def test_a_page_with_its_sentences_picture_and_every_figure(tmp_path: Path) -> None:
    file, picture, out = tmp_path / "out.json", tmp_path / "day.svg", tmp_path / "demo.html"
    file.write_text(json.dumps(DOCUMENT), "utf-8")
    picture.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>x</script></svg>", "utf-8")
    code, said = run(str(file), "--picture", str(picture), "--out", str(out))
    assert code == 0, said
    page = out.read_text("utf-8")
    assert "39 of 40 sessions ended at 12 stations; 512.3 kWh were delivered." in page
    assert "峰值 199.0 kW" in page
    assert "load.unmanaged_peak_w" in page
    assert "<script" not in page, "a picture is an image, so that nothing in it is run"


def test_what_is_no_report_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    for wrong in ("[]", "{", json.dumps(DOCUMENT | {"load": 5}), json.dumps({"day": "x"})):
        file.write_text(wrong, "utf-8")
        code, said = run(str(file), "--out", str(tmp_path / "x.html"), "--json")
        assert (code, json.loads(said)["code"]) == (2, "no_demo")
    assert not (tmp_path / "x.html").exists()
