"""What the server's own doctor says of its certificates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from csms.api.ports import Condition
from csms.api.server_diagnosis import AUTHORITY_DAYS, certificates, condition
from csms.security.inventory import Kept, Role
from csms.station.doctor import EXPIRING_DAYS

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def found(role: Role, left: timedelta | None, key_private: bool | None = True) -> list[tuple[str, str]]:
    ends = None if left is None else NOW + left
    kept = Kept(
        role, "server", "pki/server.pem", expires_at=ends, key_private=key_private, fault="" if ends else "no PEM"
    )
    return [(finding.code, finding.severity) for finding in certificates([kept], NOW)]


@pytest.mark.req("NEXT-04")
@pytest.mark.parametrize(
    ("role", "days"),
    [
        (Role.AUTHORITY, AUTHORITY_DAYS),
        (Role.TRUSTED, AUTHORITY_DAYS),
        (Role.SERVER, EXPIRING_DAYS),
        (Role.API, EXPIRING_DAYS),
    ],
)
def test_next_04_an_end_is_told_ahead_by_as_much_as_a_change_takes(role: Role, days: int) -> None:
    """A root has to be changed in every station before it ends, so it is told a year ahead."""
    assert found(role, timedelta(days=days, seconds=1)) == []
    assert found(role, timedelta(days=days)) == [("certificate_expiring", "warning")]
    assert found(role, timedelta(seconds=1)) == [("certificate_expiring", "warning")]
    assert found(role, timedelta(0)) == [("certificate_expired", "serious")]


def test_what_cannot_be_read_and_what_others_can_read() -> None:
    assert found(Role.SERVER, None) == [("certificate_unreadable", "serious")]
    readable = found(Role.SERVER, timedelta(days=900), key_private=False)
    assert readable == [("key_readable", "serious")]
    assert found(Role.TRUSTED, timedelta(days=900), key_private=None) == []


def test_whose_firmware_is_let_in_where_no_maker_is_named() -> None:
    assert [one.code for one in condition(Condition())] == []
    (one,) = condition(Condition(any_maker=True))
    assert (one.code, one.severity) == ("firmware_any_maker", "warning")
