"""Stations let in, reports, local lists and tokens, on the command line."""

from __future__ import annotations

from csms.model.authorization import ClearCache
from csms.model.local_list import GetLocalListVersion


async def test_from_seen_to_service_and_out(served) -> None:
    for word, stage in (("approve", "approved"), ("commission", "commissioned"), ("hold", "approved")):
        done = await served.csms("station", word, "CP-1,CP-3", "--json")
        assert done.code == 0, done.out + done.err
        assert {result["status"] for result in done.document["results"]} == {stage}
    done = await served.csms("station", "reject", "CP-3,CP-9")
    assert (done.code, "rejected" in done.out, "unknown_station" in done.out) == (3, True, True)


async def test_caches_and_lists_are_asked_of_stations(served) -> None:
    for words, asked in ((("cache-clear",), ClearCache()), (("local-list", "version"), GetLocalListVersion())):
        done = await served.csms("station", *words, "CP-1")
        assert done.code == 0, done.out + done.err
        assert served.at.links["CP-1"].asked[-1] == asked


async def test_what_a_station_told_is_shown_without_asking(served) -> None:
    done = await served.csms("station", "report", "CP-1", "--json")
    assert (done.code, done.document["stations"][0]["station_id"]) == (0, "CP-1"), done.err
    assert not served.at.links["CP-1"].asked


async def test_tokens(served) -> None:
    put = await served.csms("id-token", "put", "CARD-9", "--group", "family", "--allowed", "CP-1", "--expires", "+1d")
    assert put.code == 0, put.out + put.err
    listed = await served.csms("id-token", "list", "--json")
    told = {row["id_token"]: row for row in listed.document["tokens"]}["CARD-9"]
    assert (told["group_id"], told["allowed"], told["status"]) == ("family", ["CP-1"], "Accepted")
    assert "CARD-9" in (await served.csms("id-token", "list")).out
    assert (await served.csms("id-token", "delete", "CARD-9")).code == 0
    assert (await served.csms("id-token", "delete", "CARD-9")).code == 1
