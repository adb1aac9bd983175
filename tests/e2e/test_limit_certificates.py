"""Grid operators that come over HTTPS with a client certificate: bound to their feeders, others stay outside."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.access import bearer
from tests.support.certificates import issued
from tests.support.running import Server

MORE = """
ocpp_host = "127.0.0.1"
ocpp_port = 0
security_profiles = [0]
http_port = 0

[[feeders]]
id = "T1"
rating_kw = 100.0

[[feeders]]
id = "T2"
rating_kw = 100.0

[[limit_sources]]
name = "north-grid"
feeders = ["T1"]
certificate = "north"

[api]
tls_certificate = "{folder}/server.pem"
tls_key = "{folder}/server.key"
client_roots = ["{folder}/ca.pem"]
"""
STATEMENT = {"version": 1, "value_w": 60_000}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("certificates")
    issued(made, "server", "north", "somebody")
    (made / "others").mkdir()
    issued(made / "others", "north")
    return made


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("run"), stations=(), settings=MORE.format(folder=folder))
    running.start()
    yield running
    running.stop()


def come(server: Server, folder: Path, name: str = "", **headers: str) -> httpx.Client:
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    if name:
        context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    port = json.loads((server.folder / "serve.json").read_text())["http_port"]
    url = f"https://127.0.0.1:{port}/api/v1"
    return httpx.Client(base_url=url, verify=context, trust_env=False, headers=headers)


def state(client: httpx.Client, feeder: str = "T1", path: str = "limits/evening") -> Any:
    answer = client.put(f"/feeders/{feeder}/{path}", json=STATEMENT)
    return answer.json() if answer.status_code != 202 else answer.json()["source"]


@pytest.mark.req("GL-A6")
def test_a_certificate_binds_its_operator_to_its_feeders(server: Server, folder: Path) -> None:
    with come(server, folder, "north") as north:
        assert state(north) == "grid:north-grid"
        assert state(north, "T2")["code"] == "not_authorised"
        assert north.get("/audit").status_code == 403, "it is a grid operator's, whatever it is asked for"
    with come(server, folder, **bearer(server.token)) as house:
        records = house.get("/feeders/T1/limits/history").json()["records"]
        assert [(one["action"], one["who"]["name"]) for one in records] == [("set limit", "north-grid")]


def test_who_is_not_known_by_its_certificate_needs_a_token(server: Server, folder: Path) -> None:
    with come(server, folder, "somebody") as client:
        assert state(client)["code"] == "unauthenticated"
    with come(server, folder) as client:
        assert state(client)["code"] == "unauthenticated"
    with come(server, folder, "somebody", **bearer(server.token)) as client:
        assert state(client) == "http"
    with come(server, folder, "north", Authorization="Bearer wrong") as client:
        assert state(client)["code"] == "unauthenticated", "a token that is shown counts"


def test_a_certificate_of_others_with_the_same_name_ends_at_the_door(server: Server, folder: Path) -> None:
    for name in ("north.pem", "north.key"):
        (folder / f"others-{name}").write_bytes((folder / "others" / name).read_bytes())
    with pytest.raises(httpx.TransportError), come(server, folder, "others-north") as client:
        state(client)
