"""`csms forecast explain` in words, in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from csms.texts import catalogue
from monitor.forecast.live_console import explained
from monitor.forecast.protocol import BLENDS, MEANS, candidates

CHANGE = {"promoted_at": "2026-03-02T01:10:00Z", "horizon_s": 86_400, "what": "promoted", "reason": "12 % better"}


def found(**more: Any) -> dict[str, Any]:
    one = {
        "horizon_s": 86_400,
        "champion": "rich",
        "learned_until": "2026-03-02",
        "fared": {"rich": 1.0, "last": 2.0},
        "of_energy": {"rich": 0.121, "last": 0.242},
        "cusum": 1.25,
    }
    history = [CHANGE | {"series": "total", "champion": "rich"}]
    return {"series": "total", "part_of": "", "horizons": [one | more], "history": history}


def test_what_it_says() -> None:
    words = "\n".join(explained(catalogue("en"), found()))
    assert "1 d ahead: a regression on the last values" in words
    assert "off by 12% of the energy" in words
    assert "The others: last value 24%." in words
    assert "as usual (drift 1.2 of 8)" in words
    assert "2026-03-02 01:10" in words
    assert "12 % better" in words


def test_what_is_new_and_what_is_uneasy() -> None:
    words = "\n".join(explained(catalogue("en"), found(champion="last", of_energy={}, cusum=6.0)))
    assert "too few days" in words
    assert "learns anew" in words
    whole = "\n".join(explained(catalogue("en"), found() | {"part_of": "feeder:t1"}))
    assert "part of feeder:t1" in whole


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_model_has_words(language: str) -> None:
    names = [*(model.name for model in (*candidates(), *MEANS)), *BLENDS]
    for name in names:
        lines = explained(catalogue(language), found(champion=name, of_energy=dict.fromkeys(names, 0.2)))
        assert not any("forecast." in line or "{" in line for line in lines)


@pytest.mark.parametrize(("seconds", "words"), [(900, "15 min"), (3600, "1 h"), (604_800, "7 d")])
def test_horizons_in_words(seconds: int, words: str) -> None:
    assert f"{words} ahead" in "\n".join(explained(catalogue("en"), found(horizon_s=seconds)))
