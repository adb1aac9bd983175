"""`csms optimize` with the sites of a running server: their plan in force as a problem that can be solved anew."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import typer

from csms.console.client import DEFAULT_URL, URL_VARIABLE
from csms.console.work import FAILED, fail, work
from csms.texts import Text
from optimizer import console

WISH = ("arrival_slot", "departure_slot", "power_max_kw", "energy_kwh", "priority")
PLACE = ("feeder", "lines")
LIMITS = ("price", "feeders", "conductors")


def build(text: Text) -> typer.Typer:
    """The optimiser's own group, given a server to ask."""

    def server(site: str, as_json: bool) -> dict[str, Any]:
        url = os.environ.get(URL_VARIABLE) or DEFAULT_URL
        with work(text, url, as_json) as (api, out):
            problem = problem_of(api.get(f"/plans/{site}")["content"])
            if not problem["sessions"]:
                fail(out, text("optimize.no_sessions", site=site), FAILED, {"code": "no_sessions", "site": site})
            return problem
        raise AssertionError("work() ends the command when it fails")

    return console.build(text, server)


def problem_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """The problem document behind the content of a plan; sessions that were not part of it are left out, cars that it
    expected are in it.
    """
    caps, forecast = content.get("cap_kw", []), content.get("forecast") or {}
    return {
        "slot_h": content["slot_h"],
        "base_load_kw": content.get("base_kw", []),
        "cap_kw": [cap if cap is not None and math.isfinite(cap) else None for cap in caps],
        "sessions": [
            {"id": row.get("evse") or row["id"], **{name: row[name] for name in (*WISH, *PLACE) if name in row}}
            for row in [*content.get("sessions", []), *forecast.get("expected", [])]
            if all(name in row for name in WISH)
        ],
        **{name: value for name, value in content.get("limits", {}).items() if name in LIMITS},
    }
