"""Attack class 14: limits that nobody may set, old ones, and a cap of nothing used as denial of service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.access import bearer
from tests.support.running import Server, running

SETTINGS = """
ocpp_host = "127.0.0.1"
ocpp_port = 0
http_port = 0

[[feeders]]
id = "T1"
rating_kw = 400.0
lowest_cap_kw = 60.0

[[feeders]]
id = "T1-north"
parent = "T1"
rating_kw = 200.0
lowest_cap_kw = 30.0

[[feeders]]
id = "T2"
rating_kw = 400.0
lowest_cap_kw = 60.0
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("run"), stations=(), settings=SETTINGS) as started:
        yield started


def operator(server: Server, name: str, *feeders: str) -> httpx.Client:
    body = {"name": name, "role": "grid_operator", "bound_to": list(feeders)}
    answer = server.api.post("/api/v1/access-tokens", json=body)
    assert answer.status_code == 201, answer.text
    return httpx.Client(base_url=server.api_url, trust_env=False, timeout=10, headers=bearer(answer.json()["token"]))


def push(http: httpx.Client, feeder: str, limit_id: str = "L1", **said: Any) -> httpx.Response:
    body = {"version": 1, "value_w": 100_000} | said
    return http.put(f"/api/v1/feeders/{feeder}/limits/{limit_id}", json=body)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def cap_w(server: Server, feeder: str) -> int:
    return int(server.api.get(f"/api/v1/feeders/{feeder}/state").json()["cap_w"])


def test_without_a_token_or_with_a_wrong_one(server: Server) -> None:
    with httpx.Client(base_url=server.api_url, trust_env=False) as stranger:
        assert code(push(stranger, "T1", value_w=60_000)) == (401, "unauthenticated")
        stranger.headers.update(bearer("csms_" + "a" * 10 + "_" + "b" * 49))
        assert code(push(stranger, "T1", value_w=60_000)) == (401, "unauthenticated")
        assert code(stranger.delete("/api/v1/feeders/T1/limits/L1")) == (401, "unauthenticated")
        assert code(stranger.get("/api/v1/feeders/T1/state")) == (401, "unauthenticated")
    assert cap_w(server, "T1") == 400_000


def test_an_operator_limits_its_own_feeder_and_what_is_below(server: Server) -> None:
    with operator(server, "grid-1", "T1") as http:
        assert push(http, "T1", value_w=150_000).status_code == 202
        assert push(http, "T1-north", value_w=80_000).status_code == 202
        assert (cap_w(server, "T1"), cap_w(server, "T1-north")) == (150_000, 80_000)
        assert http.get("/api/v1/feeders/T1-north/state").status_code == 200
        seen = http.get("/api/v1/feeders").json()["feeders"]
        assert {row["feeder_id"] for row in seen} == {"T1", "T1-north"}
        for limit in ("T1", "T1-north"):
            assert http.delete(f"/api/v1/feeders/{limit}/limits/L1").status_code == 202


def test_another_operator_s_feeder_and_what_is_above(server: Server) -> None:
    with operator(server, "grid-north", "T1-north") as http:
        for feeder in ("T1", "T2", "nowhere", "T1-north%2F..%2FT2"):
            assert code(push(http, feeder, value_w=60_000)) in ((403, "not_authorised"), (404, "not_found")), feeder
            assert http.get(f"/api/v1/feeders/{feeder}/state").status_code in (403, 404)
            assert http.get(f"/api/v1/feeders/{feeder}/limits").status_code in (403, 404)
        assert code(http.delete("/api/v1/feeders/T2/limits/L1")) == (403, "not_authorised")
    assert (cap_w(server, "T1"), cap_w(server, "T2")) == (400_000, 400_000)
    refusals = server.api.get("/api/v1/audit", params={"actor": "grid-north"}).json()["records"]
    assert {(row["kind"], row["result"]["code"]) for row in refusals} == {("refused", "not_authorised")}


def test_operators_do_not_reach_each_other_s_limits(server: Server) -> None:
    """Two of them may limit one feeder; each has its own limits, and the lowest counts."""
    with operator(server, "grid-a", "T2") as one, operator(server, "grid-b", "T2") as two:
        assert push(one, "T2", value_w=100_000, version=7).status_code == 202
        assert push(two, "T2", value_w=300_000, version=1).status_code == 202
        assert cap_w(server, "T2") == 100_000
        assert code(two.delete("/api/v1/feeders/T2/limits/L1", params={"source": "grid:grid-a"})) == (
            403,
            "not_authorised",
        )
        assert two.delete("/api/v1/feeders/T2/limits/L1").status_code == 202
        assert cap_w(server, "T2") == 100_000, "cancelling one's own raises nobody else's"
        released = server.api.delete("/api/v1/feeders/T2/limits/L1", params={"source": "grid:grid-a"})
        assert released.status_code == 202, "an administrator may, when an operator is gone"
    assert cap_w(server, "T2") == 400_000


def test_a_version_that_goes_back_and_an_old_limit(server: Server) -> None:
    now = datetime.now(UTC)
    with operator(server, "grid-v", "T1") as http:
        assert push(http, "T1", "V", version=5, value_w=200_000).status_code == 202
        assert code(push(http, "T1", "V", version=4, value_w=390_000)) == (409, "stale_version")
        assert code(push(http, "T1", "V", version=5, value_w=390_000)) == (409, "stale_version")
        assert push(http, "T1", "V", version=5, value_w=200_000).status_code == 202, "said again, answered again"
        past = {"valid_from": (now - timedelta(days=2)).isoformat(), "valid_to": (now - timedelta(days=1)).isoformat()}
        assert code(push(http, "T1", "V", version=6, **past)) == (422, "window_past")
        assert cap_w(server, "T1") == 200_000
        assert http.delete("/api/v1/feeders/T1/limits/V").status_code == 202
        assert code(push(http, "T1", "V", version=5, value_w=100_000)) == (409, "stale_version"), "no replay after it"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"value_w": 0}, "below_floor"),
        ({"value_w": 59_999}, "below_floor"),
        ({"value_w": -1}, "bad_sign"),
        ({"value_w": 1e300}, "not_finite"),
        ({"value_w": "0"}, "bad_unit"),
        ({"value_w": 100_000, "unit": "kW"}, "bad_unit"),
        ({"value_w": 100_000, "direction": "sideways"}, "malformed"),
        ({"value_w": 100_000, "valid_too": "2026-01-01T00:00:00Z"}, "malformed"),
        ({"value_w": 100_000, "valid_from": "2200-01-01T00:00:00Z"}, "beyond_horizon"),
    ],
)
def test_a_cap_of_nothing_and_other_nonsense(server: Server, said: dict[str, Any], expected: str) -> None:
    """The floor by contract holds: a cap of 0 is no way to stop a site."""
    before = cap_w(server, "T1")
    answer = push(server.api, "T1", "Z", **said)
    assert code(answer) == (422, expected)
    assert cap_w(server, "T1") == before


def test_what_was_refused_is_kept_like_what_was_accepted(server: Server) -> None:
    push(server.api, "T1", "Z9", value_w=0)
    records = server.api.get("/api/v1/audit", params={"target": "T1"}).json()["records"]
    decided = next(row for row in records if row["kind"] == "limit" and row["on"]["limit"] == "Z9")
    assert (decided["result"]["accepted"], decided["result"]["code"]) == (False, "below_floor")


def test_roles_that_may_not_limit(server: Server) -> None:
    for name, role, bound in (("looker", "viewer", []), ("partner", "province_partner", ["p"])):
        body = {"name": name, "role": role, "bound_to": bound}
        token = server.api.post("/api/v1/access-tokens", json=body).json()["token"]
        with httpx.Client(base_url=server.api_url, trust_env=False, headers=bearer(token)) as http:
            assert code(push(http, "T1", value_w=60_000)) == (403, "not_authorised")
            assert code(http.delete("/api/v1/feeders/T1/limits/L1")) == (403, "not_authorised")


def test_a_revoked_operator_s_limit_stays_and_its_token_does_not(server: Server) -> None:
    with operator(server, "grid-gone", "T2") as http:
        assert push(http, "T2", "G", value_w=250_000).status_code == 202
        assert server.api.delete("/api/v1/access-tokens/grid-gone").status_code == 200
        assert code(push(http, "T2", "G", version=2, value_w=400_000)) == (401, "unauthenticated")
    assert cap_w(server, "T2") == 250_000
    assert server.api.post("/api/v1/access-tokens", json={
        "name": "grid-gone", "role": "grid_operator", "bound_to": ["T2"]
    }).json()["code"] == "token_exists", "nobody becomes the source of another's limits"  # fmt: skip
