"""`csms station password` and `csms station security` as a technician types them."""

from __future__ import annotations

import re
from typing import Any


async def test_a_password_is_made_and_shown_once(served: Any) -> None:
    done = await served.csms("station", "password", "CP-1")
    assert done.code == 0, done.err
    found = re.search(r"password=([\w-]{20})", done.out)
    assert found is not None, done.out
    kept = served.at.service._context.credentials.of("CP-1")
    assert kept.in_force.startswith("scrypt$")
    assert found[1] not in kept.in_force
    assert await served.at.service._context.credentials.matching("CP-1", found[1].encode())


async def test_several_stations_get_one_each(served: Any) -> None:
    done = await served.csms("station", "password", "CP-*", "--json")
    assert done.code == 0, done.err
    made = {one["station_id"]: one["answer"]["values"]["password"] for one in done.document["results"]}
    assert len(set(made.values())) == len(made) == 3


async def test_rotating_is_a_command_to_the_station(served: Any) -> None:
    done = await served.csms("station", "password", "CP-1", "--rotate")
    assert done.code == 0, done.err
    sent = served.at.links["CP-1"].asked[-1]
    assert type(sent).__name__ == "SetPassword"
    assert sent.password not in done.out


async def test_the_one_that_a_station_has_is_read_from_standard_input(served: Any) -> None:
    done = await served.csms("station", "password", "CP-1", "--set", typed="the-one-it-has-now\n")
    assert (done.code, "the-one" in done.out) == (0, False), done.err
    assert await served.at.service._context.credentials.matching("CP-1", b"the-one-it-has-now")
    short = await served.csms("station", "password", "CP-1", "--set", typed="short\n")
    assert (short.code, "short" in short.out + short.err) == (1, False), short.out


async def test_set_and_rotate_exclude_each_other(served: Any) -> None:
    assert (await served.csms("station", "password", "CP-1", "--rotate", "--set")).code == 2


async def test_how_a_station_proves_itself_is_shown_and_set(served: Any) -> None:
    shown = await served.csms("station", "security", "CP-1")
    assert "0 (proves nothing)" in shown.out, shown.err
    done = await served.csms("station", "security", "CP-1", "--profile", "3", "--serial", "SN-1", "--json")
    assert (done.document["security_profile"], done.document["serial"]) == (3, "SN-1")
    lower, taken, forced = (
        await served.csms("station", "security", "CP-1", "--profile", "1"),
        await served.csms("station", "security", "CP-2", "--serial", "SN-1"),
        await served.csms("station", "security", "CP-1", "--profile", "1", "--lower"),
    )
    assert (lower.code, taken.code, forced.code) == (1, 1, 0)
    assert "only rises" in lower.err
    assert "belongs to station CP-1" in taken.err
