"""`csms db backup | restore | verify` beside a running server, as a person uses them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.running import BareStation, Server, csms, running, station

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


def db(server: Server, *words: str) -> tuple[int, str]:
    done = csms("db", *words, CSMS_CONFIG=str(server.file))
    return done.returncode, done.stdout + done.stderr


async def test_back_up_verify_and_restore(tmp_path: Path) -> None:
    copy = tmp_path / "monday.db"
    with running(tmp_path / "run") as server:
        async with station(server) as socket:
            await BareStation(socket).call("BootNotification", BOOT)
        code, said = db(server, "backup", str(copy), "--json")
        assert (code, json.loads(said)["file"]) == (0, str(copy))
        assert db(server, "backup", str(copy))[0] == 1
        code, said = db(server, "restore", str(copy))
        assert code == 1
        assert "another csms serve" in said
        assert db(server, "verify")[0] == 0
    code, said = db(server, "restore", str(copy))
    assert code == 0
    assert "before-" in said
    code, said = db(server, "verify", str(copy), "--full", "--json")
    assert (code, json.loads(said)["ok"]) == (0, True)
    damaged = bytearray(copy.read_bytes())
    damaged[4096:8192] = bytes(4096)
    copy.write_bytes(damaged)
    code, said = db(server, "verify", str(copy))
    assert code == 1, said
