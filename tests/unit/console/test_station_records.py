"""Reservations, displays, certificates, security events and the filters of the list, on the command line."""

from __future__ import annotations

import pytest

from csms.model.certificates import (
    CertificateHash,
    CertificatesFound,
    CertificateUse,
    DeleteCertificate,
    GetInstalledCertificates,
    HashAlgorithm,
    InstallCertificate,
    RootUse,
)
from csms.model.command import CommandResult
from csms.model.display import ClearDisplayMessage
from csms.model.security import SecurityEventReport
from tests.support.certificates import self_signed

NAMED = CertificateHash(HashAlgorithm.SHA256, "ab" * 32, "cd" * 32, "4A1F")


async def test_reservations_are_made_listed_and_given_up(served) -> None:
    link = served.at.links["CP-2"]
    words = ("reserve", "CP-2", "--token", "CARD", "--evse", "1", "--until", "+30min")
    done = await served.csms("station", *words)
    assert done.code == 0, done.out + done.err
    asked = link.asked[-1]
    assert (asked.id_token, asked.evse_id) == ("CARD", 1)
    assert (asked.expires_at - served.at.clock.now()).total_seconds() == 1800
    listed = await served.csms("station", "reservations", "CP-*", "--state", "Accepted", "--json")
    (row,) = listed.document["reservations"]
    assert (row["station_id"], row["id_token"]) == ("CP-2", "CARD")
    gone = await served.csms("station", "cancel-reservation", "CP-2", str(row["reservation_id"]))
    assert (gone.code, link.asked[-1].reservation_id) == (0, row["reservation_id"])
    assert "Cancelled" in (await served.csms("station", "reservations")).out


async def test_messages_on_displays(served) -> None:
    link = served.at.links["CP-1"]
    words = ("set", "CP-1,CP-2", "Closed from 22:00", "--until", "+8h", "--priority", "InFront")
    done = await served.csms("station", "display", *words)
    assert done.code == 0, done.out + done.err
    asked = link.asked[-1]
    assert (asked.content, asked.priority) == ("Closed from 22:00", "InFront")
    listed = await served.csms("station", "display", "list", "all")
    assert (listed.code, listed.out.count("Closed from 22:00")) == (0, 2)
    cleared = await served.csms("station", "display", "clear", "CP-1", str(asked.message_id))
    assert (cleared.code, link.asked[-1]) == (0, ClearDisplayMessage(asked.message_id))
    assert "Cleared" in (await served.csms("station", "display", "list", "CP-1")).out


async def test_certificates_are_asked_for_and_deleted_by_their_number(served) -> None:
    link = served.at.links["CP-1"]
    link.answer = CertificatesFound("Accepted", certificates=((CertificateUse.V2G, NAMED),))
    listed = await served.csms("station", "certificate", "list", "CP-1", "--ask")
    assert (listed.code, "4A1F" in listed.out) == (0, True), listed.err
    assert isinstance(link.asked[-1], GetInstalledCertificates)
    link.answer = CommandResult("Accepted")
    deleted = await served.csms("station", "certificate", "delete", "CP-1,CP-2", "--serial", "4a1f")
    assert (deleted.code, "unknown_certificate" in deleted.out) == (3, True)
    assert link.asked[-1] == DeleteCertificate(HashAlgorithm.SHA256, "ab" * 32, "cd" * 32, "4A1F")
    assert not (await served.csms("station", "certificate", "list", "--json")).document["certificates"]


async def test_a_root_is_installed_from_a_file(served) -> None:
    path, _ = self_signed(served.cwd)
    refused = await served.csms("station", "certificate", "install", "CP-1", str(path))
    assert (refused.code, "root_not_allowed" in refused.out + refused.err) == (1, True)
    roots = served.at.service.roots
    proposed = await roots.propose(path.read_text(), "one")
    await roots.approve(proposed.fingerprint, "another", lambda name, at: True)
    done = await served.csms("station", "certificate", "install", "CP-1", str(path))
    assert done.code == 0, done.out + done.err
    assert served.at.links["CP-1"].asked[-1] == InstallCertificate(RootUse.CENTRAL_SYSTEM, path.read_text())


async def test_security_events(served) -> None:
    now = served.at.clock.now()
    for kind in ("InvalidFirmwareSignature", "StartupOfTheDevice"):
        await served.at.service.receive("CP-1", SecurityEventReport(kind, now), now)
    every = await served.csms("station", "security-events", "CP-1")
    critical = await served.csms("station", "security-events", "CP-1", "--critical", "--json")
    assert (every.code, every.out.count("\n")) == (0, 3)
    assert all(event["critical"] for event in critical.document["events"])
    assert (await served.csms("station", "security-events", "CP-9")).code == 1


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (("--site", "yard", "--vendor", "acme", "--model", "pile"), ["CP-1", "CP-2"]),
        (("--version", "1.6", "--status", "Faulted"), ["CP-2"]),
        (("--version", "2.0.1"), []),
        (("--firmware", "9"), []),
    ],
)
async def test_the_list_is_filtered(served, filters, found) -> None:
    done = await served.csms("station", "list", "--json", *filters)
    assert done.code == 0, done.err
    assert [station["station_id"] for station in done.document["stations"]] == found


async def test_wrong_usage_asks_nobody(served) -> None:
    for words in (
        ("reserve", "CP-1", "--token", "CARD", "--until", "later"),
        ("display", "set", "CP-1", "text", "--priority", "loud"),
        ("certificate", "install", "CP-1", "no-such-file.pem"),
        ("reservations", "--state", "happy"),
    ):
        done = await served.csms("station", *words)
        assert (done.code, bool(done.err)) == (2, True), words
    assert not served.at.links["CP-1"].asked


async def test_asking_in_vain_is_told_by_the_exit_code(served) -> None:
    served.at.links["CP-1"].answer = CommandResult("NotFound")
    served.at.links["CP-2"].answer = CommandResult("Rejected")
    assert (await served.csms("station", "certificate", "list", "CP-1", "--ask")).code == 0, "there are none"
    partly = await served.csms("station", "certificate", "list", "CP-1,CP-2", "--ask")
    assert (partly.code, "CP-2  Rejected" in partly.out) == (3, True)
    gone = await served.csms("station", "certificate", "list", "CP-3", "--ask", "--json")
    assert (gone.code, gone.document["not_asked"]) == (4, ["CP-3"])
    served.at.links["CP-1"].answer = CommandResult("Unknown")
    assert (await served.csms("station", "display", "list", "CP-1", "--ask")).code == 0
    assert (await served.csms("station", "display", "list", "CP-3", "--ask")).code == 4
