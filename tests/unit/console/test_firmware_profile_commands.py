"""`csms firmware-profile` as a technician uses it."""

from __future__ import annotations

from pathlib import Path

from firmware_profiles import shipped
from tests.unit.console.conftest import run

OWN = 'product = "Mine"\nsources = ["probe"]\n[match]\nvendor = "Q"\n[limits]\nunit = "A"\n'


async def csms(*arguments: str, cwd: Path, **environ: str):  # type: ignore[no-untyped-def]
    return await run("firmware-profile", *arguments, cwd=cwd, **environ)


async def test_list_all_and_some(tmp_path: Path) -> None:
    done = await csms("list", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert [one["name"] for one in done.document["profiles"]] == [one.name for one in shipped()]
    some = await csms("list", "--find", "abb terra", cwd=tmp_path)
    assert "abb-terra-ac-fw1.8.21" in some.out
    assert "vestel" not in some.out
    generic = await csms("list", "--grade", "generic", "--json", cwd=tmp_path)
    assert {one["grade"] for one in generic.document["profiles"]} == {"generic"}
    chinese = await csms("list", "--find", "teld", cwd=tmp_path, CSMS_LANG="zh")
    assert "通用，未验证" in chinese.out


async def test_show_says_what_is_known_and_from_where(tmp_path: Path) -> None:
    done = await csms("show", "huawei-scharger", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "limits.zero_means" in done.out
    assert "evcc-io/evcc#29272" in done.out
    document = (await csms("show", "huawei-scharger", "--json", cwd=tmp_path)).document
    fact = {"field": "limits.unit", "value": "W"}
    assert fact.items() <= document["facts"][0].items()
    assert document["match"]["vendor"] == [""]
    missing = await csms("show", "vestel-evc4", cwd=tmp_path)
    assert (missing.code, "vestel-evc04" in missing.err) == (1, True)
    unknown = await csms("show", "zzz", "--json", cwd=tmp_path)
    assert (unknown.code, '"unknown_profile"' in unknown.err) == (1, True)


async def test_match(tmp_path: Path) -> None:
    boot = ("--vendor", "ABB", "--model", "CDT_TACW22::NET", "--firmware", "X::V1.8.21")
    done = await csms("match", *boot, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "treated as abb-terra-ac-fw1.8.21" in done.out
    found = (await csms("match", *boot, "--json", cwd=tmp_path)).document
    assert found["fitting"] == ["abb-terra-ac-fw1.8.21", "abb-terra-ac"]
    by_id = await csms("match", "--id", "GRS-1", "--json", cwd=tmp_path)
    assert by_id.document["found"]["name"] == "grizzl-e-smart"
    empty = await csms("match", "--vendor", "", "--model", "ACChargePoint", "--json", cwd=tmp_path)
    assert empty.document["found"]["name"] == "huawei-scharger"
    stranger = await csms("match", "--vendor", "N", "--protocol", "ocpp2.0.1", "--kind", "dc", "--json", cwd=tmp_path)
    assert stranger.document["found"]["name"] == "generic-dc-2.0.1"
    nothing = await csms("match", cwd=tmp_path)
    assert (nothing.code, "--vendor" in nothing.err) == (2, True)


async def test_the_users_own_profiles(tmp_path: Path) -> None:
    own = tmp_path / "data" / "firmware_profiles"
    own.mkdir(parents=True)
    (own / "mine.toml").write_text(OWN, encoding="utf-8")
    document = (await csms("match", "--vendor", "Q", "--json", cwd=tmp_path)).document
    assert (document["found"]["name"], document["found"]["own"]) == ("mine", True)
    elsewhere = await csms("list", "--folder", str(tmp_path), "--find", "mine", "--json", cwd=tmp_path)
    assert elsewhere.document == {"profiles": []}
    (own / "mine.toml").write_text(OWN + "speed = 3\n", encoding="utf-8")
    broken = await csms("list", cwd=tmp_path)
    assert broken.code == 2
    assert "mine: unknown field limits.speed" in broken.err


async def test_a_server_does_not_start_with_a_profile_that_cannot_be_used(tmp_path: Path) -> None:
    own = tmp_path / "mine"
    own.mkdir()
    (own / "mine.toml").write_text(OWN + "speed = 3\n", encoding="utf-8")
    ports = ("--ocpp-port", "0", "--http-port", "0")
    done = await run("serve", *ports, cwd=tmp_path, CSMS_FIRMWARE_PROFILES_DIR=str(own))
    assert done.code in (1, 2)
    assert "unknown field limits.speed" in done.err
