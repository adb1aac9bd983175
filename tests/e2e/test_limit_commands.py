"""`csms limit` against a real server: an operator sets, follows, rehearses, cancels, falls silent and comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.support.running import SETTINGS, Server, csms

PEM = Encoding.PEM
SOURCE = """
[[limit_sources]]
name = "north-grid"
feeders = ["T1"]
heartbeat_s = 1.0
missed = 2
failsafe_kw = { T1 = 40 }
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("limits"), settings=SETTINGS + SOURCE)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def operator(server: Server) -> dict[str, str]:
    """The environment of the grid operator's own commands."""
    arguments = ("--role", "grid_operator", "--feeder", "T1", "--json", "--url", server.api_url)
    made = csms("token", "create", "north-grid", *arguments)
    assert made.returncode == 0, made.stderr
    return {"CSMS_TOKEN": json.loads(made.stdout)["token"]}


def told(server: Server, operator: dict[str, str], *arguments: str, code: int = 0) -> Any:
    done = csms("limit", *arguments, "--json", "--url", server.api_url, **operator)
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout if code == 0 else done.stderr)


def shown(server: Server, operator: dict[str, str], *arguments: str) -> str:
    done = csms("limit", *arguments, "--url", server.api_url, **operator)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def beat(server: Server, operator: dict[str, str], **body: Any) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {operator['CSMS_TOKEN']}"}
    answer = httpx.post(f"{server.api_url}/api/v1/limit-sources/heartbeat", headers=headers, json=body, trust_env=False)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_limit_from_its_rehearsal_to_its_end(server: Server, operator: dict[str, str]) -> None:
    drill = told(server, operator, "drill", "T1", "--kw", "60")
    assert (drill["rehearsal"]["holds_s"], drill["losses"]) == (0.0, [])
    assert "No car would get less" in shown(server, operator, "drill", "T1", "--kw", "60")
    assert told(server, operator, "show", "T1")["limits"] == [], "nothing was set"
    told(server, operator, "set", "T1", "--kw", "60", "--id", "evening", "--version", "1")
    assert told(server, operator, "set", "T1", "--kw", "70", "--id", "evening", "--version", "1", code=1)["code"]
    deadline = time.monotonic() + 60
    while (status := told(server, operator, "status", "evening")["limits"][0])["progress"]["outcome"] != "achieved":
        assert time.monotonic() < deadline, status
    assert list(status["progress"]["reached"]) == ["acknowledged", "commanded", "confirmed", "verified"]
    assert "Verified by metering" in shown(server, operator, "status", "evening")
    told(server, operator, "cancel", "T1", "evening")
    records = told(server, operator, "history", "T1")["records"]
    said = [(row["action"], row["result"].get("code", row["result"].get("stage"))) for row in reversed(records)]
    assert said[0] == ("set limit", "")
    assert ("set limit", "stale_version") in said
    assert ("carry out limit", "verified") in said
    assert ("cancel limit", "") in said
    assert "north-grid" in shown(server, operator, "history", "T1", "--last", "3")
    verified = csms("audit", "verify", "--url", server.api_url)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_silent_operator_leaves_its_failsafe_value(server: Server, operator: dict[str, str]) -> None:
    assert told(server, operator, "show", "T1")["failsafe_w"] == 40_000
    assert told(server, operator, "show", "T1")["cap_w"] == 40_000
    assert beat(server, operator, limits=[])["mode"] == "speaks"
    assert "north-grid" in shown(server, operator, "sources")
    deadline = time.monotonic() + 30
    while told(server, operator, "sources")["sources"][0]["mode"] != "failsafe":
        assert time.monotonic() < deadline
    alerts = csms("alert", "list", "--json", "--url", server.api_url)
    assert "LimitSourceSilent" in alerts.stdout


def test_what_an_operator_may_not(server: Server, operator: dict[str, str]) -> None:
    assert told(server, operator, "show", "T9", code=1)["code"] == "not_authorised"
    wrong = csms("limit", "set", "T1", "--kw", "-1", "--url", server.api_url, **operator)
    assert wrong.returncode == 2
    assert told(server, operator, "status", "nobody", code=1)["code"] == "unknown_limit"
    assert told(server, operator, "drill", "T1", "--kw", "60", "--from", "+2h", "--to", "+1h", code=1)["code"] == (
        "window_order"
    )


def test_the_figures_of_limits(server: Server) -> None:
    """After the tests above: one limit set and verified, one source silent, nothing drawn by cars."""
    lines = server.api.get("/api/v1/metrics").text.splitlines()
    figures = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert figures['csms_feeder_metered_watts{feeder="T1"}'] == "10000"
    assert figures['csms_feeder_cap_watts{feeder="T1"}'] == "40000"
    assert float(figures['csms_feeder_upper_bound_watts{feeder="T1"}']) >= 10_000
    assert figures['csms_limit_violation_seconds_total{feeder="T1"}'] == "0"
    assert figures['csms_source_failsafe{source="grid:north-grid"}'] == "1"
    assert int(figures["csms_limit_ack_seconds_count"]) == 1
    assert 0 < float(figures["csms_limit_ack_seconds_sum"]) < 60
    assert int(figures["csms_limit_effective_seconds_count"]) == 1


def test_the_tree_of_feeders(server: Server) -> None:
    listed = csms("limit", "show", "--url", server.api_url)
    assert "T1" in listed.stdout


def test_a_source_that_has_to_sign(tmp_path: Path) -> None:
    """Over HTTP with the command line; the statement that it prints is what MQTT takes."""
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    for name, one in (("north.key", key), ("other.key", other)):
        (tmp_path / name).write_bytes(one.private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "north.pem").write_bytes(public)
    more = f'[[limit_sources]]\nname = "north-grid"\nfeeders = ["T1"]\nsigned = true\nkeys = ["{tmp_path}/north.pem"]\n'
    signing = Server(tmp_path / "run", stations=(), settings=SETTINGS + more)
    signing.start()
    try:
        arguments = ("--role", "grid_operator", "--feeder", "T1", "--json", "--url", signing.api_url)
        north = {"CSMS_TOKEN": json.loads(csms("token", "create", "north-grid", *arguments).stdout)["token"]}
        limit = ("set", "T1", "--kw", "60", "--id", "evening")
        assert told(signing, north, *limit, code=1)["code"] == "unsigned"
        assert told(signing, north, *limit, "--sign", f"{tmp_path}/other.key", code=1)["code"] == "bad_signature"
        assert told(signing, north, "show", "T1")["limits"] == []
        told(signing, north, *limit, "--sign", f"{tmp_path}/north.key")
        assert told(signing, north, "drill", "T1", "--kw", "50")["limit"]["value_w"] == 50_000
        assert told(signing, north, "cancel", "T1", "evening", code=1)["code"] == "unsigned"
        told(signing, north, "cancel", "T1", "evening", "--sign", f"{tmp_path}/north.key")
        statement = {"id": "night", "feeder": "T1", "version": 1, "value_w": 70_000}
        (tmp_path / "night.json").write_text(json.dumps(statement))
        printed = csms("limit", "sign", f"{tmp_path}/night.json", "--key-file", f"{tmp_path}/north.key").stdout
        headers = {"authorization": f"Bearer {north['CSMS_TOKEN']}"}
        path = f"{signing.api_url}/api/v1/feeders/T1/limits/night"
        assert httpx.put(path, content=printed, headers=headers, trust_env=False).status_code == 202
        bare = csms("limit", "sign", f"{tmp_path}/night.json", "--key-file", f"{tmp_path}/north.pem")
        assert bare.returncode == 2
    finally:
        signing.stop()
