"""`csms serve` and its dashboard as real processes: started, signed into, started again, gone with the server."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.browsing import eventually
from tests.support.running import SETTINGS, Server, csms

START_S = 90.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("dashboard")
    server = Server(folder, settings=SETTINGS + "\n[dashboard]\nport = 0\n\n[drivers]\nenabled = true\n")
    server.start(CSMS_DASHBOARD__ENABLED="true")
    yield server
    server.stop()


def told_port(folder: Path) -> int | None:
    told: int | None = json.loads((folder / "serve.json").read_text()).get("dashboard_port")
    return told


@pytest.fixture(scope="module")
def web(server: Server) -> Iterator[httpx.Client]:
    port = eventually(lambda: told_port(server.folder), START_S)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
        eventually(lambda: reached(client), START_S)
        yield client


def reached(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_drivers_need_no_token_where_the_settings_say_so(server: Server, web: httpx.Client) -> None:
    page = web.get("/driver", headers={"accept-language": "en"})
    assert page.status_code == 200
    assert "Charging site" in page.text
    assert "AC 22.08 kW" in page.text
    told = web.get("/driver/places.json").json()
    own = httpx.get(f"{server.api_url}/api/v1/public/places", trust_env=False).json()
    assert [one["name"] for one in told["places"]] == [one["name"] for one in own["places"]] == ["Charging site"]
    assert web.get("/drivers").headers["location"] == "/login"


def test_a_token_signs_in_and_stays_in_the_process(server: Server, web: httpx.Client) -> None:
    assert web.get("/").headers["location"] == "/login"
    assert web.post("/login", data={"token": "csms_wrong"}).status_code == 401
    answer = web.post("/login", data={"token": server.token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert server.token.lower() not in cookie
    page = web.get("/")
    assert page.status_code == 200
    assert server.token not in page.text


def test_a_role_without_stations_is_taken_to_its_feeders(server: Server, web: httpx.Client) -> None:
    done = csms(
        "token", "create", "north", "--role", "grid_operator", "--feeder", "T1", "--json", "--url", server.api_url
    )
    with httpx.Client(base_url=web.base_url, trust_env=False) as other:
        answer = other.post("/login", data={"token": json.loads(done.stdout)["token"]})
        assert answer.headers["location"] == "/feeders"


def test_who_is_signed_out_is_out(server: Server, web: httpx.Client) -> None:
    with httpx.Client(base_url=web.base_url, trust_env=False) as other:
        other.post("/login", data={"token": server.token})
        assert other.post("/logout").headers["location"] == "/login"
        assert other.get("/stations").headers["location"] == "/login"


def test_forms_of_other_sites_and_huge_ones_do_nothing(web: httpx.Client) -> None:
    assert web.post("/login", data={"token": "x"}, headers={"origin": "http://evil.example"}).status_code == 403
    assert web.post("/login", data={"token": "x" * 10_000}).status_code == 401


def test_after_a_look_one_is_back_on_the_page(server: Server, web: httpx.Client) -> None:
    web.post("/login", data={"token": server.token})
    referer = f"{web.base_url}/stations?find=CP"
    assert (
        web.post("/look", data={"lang": "zh"}, headers={"referer": referer}).headers["location"] == "/stations?find=CP"
    )
    assert "充电桩" in web.get("/stations").text
    outside = {"referer": "http://evil.example//evil.example/"}
    assert web.post("/look", data={"theme": "dark"}, headers=outside).headers["location"] == "/"


def test_it_ends_with_the_server_even_when_that_is_killed(tmp_path: Path) -> None:
    server = Server(tmp_path, settings=SETTINGS + "\n[dashboard]\nport = 0\n", fresh=True)
    server.start(CSMS_DASHBOARD__ENABLED="true")
    port = eventually(lambda: told_port(tmp_path), START_S)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
        eventually(lambda: reached(client), START_S)
        server.stop(signal.SIGKILL)
        eventually(lambda: not reached(client), START_S)


def test_a_guest_looks_around_with_a_viewer_s_token_alone(server: Server, tmp_path: Path) -> None:
    from tests.support.browsing import dashboard

    for role in ("viewer", "technician"):
        done = csms("token", "create", f"guest-{role}", "--role", role, "--json", "--url", server.api_url)
        file = tmp_path / role
        file.write_text(json.loads(done.stdout)["token"])
        os.chmod(file, 0o600)
        with (
            dashboard(server.api_url, tmp_path, "--guest-token-file", str(file)) as url,
            httpx.Client(base_url=url, trust_env=False) as client,
        ):
            answer = client.post("/login", data={"guest": "1"})
            assert answer.status_code == {"viewer": 303, "technician": 403}[role]


def test_without_the_setting_there_is_no_guest(web: httpx.Client) -> None:
    with httpx.Client(base_url=web.base_url, trust_env=False) as client:
        assert client.post("/login", data={"guest": "1"}).status_code == 401
        assert "guest" not in client.get("/login").text
