"""What a message says of a person lies sealed in the outbox and is opened only to be sent.

The fields go by their canonical names whatever a platform calls them; a profile that does not ask for them gets none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from csms.province.ports import NewEntry, OutboxEntry
from csms.province.profile import Kind, PlatformProfile
from csms.security.sealing import Seal

FIELDS = ("LicensePlate", "VIN", "Phone", "UserName")
MARK = "sealed:"


class Personal:
    """Seals and opens; without a seal everything stays as it is."""

    def __init__(self, seal: Seal | None = None) -> None:
        self._seal = seal

    def sealed(self, profile: PlatformProfile, entry: NewEntry) -> NewEntry:
        """The entry as it may be stored."""
        seal = self._seal
        if seal is None:
            return entry

        def close(name: str, value: str) -> str:
            return MARK + seal.close(value.encode(), _about(entry, name))

        return replace(entry, payload=_changed(profile, Kind(entry.interface), entry.payload, close))

    def opened(self, profile: PlatformProfile, entry: OutboxEntry) -> Mapping[str, Any]:
        """The message as it is sent; raises SealBroken."""
        seal = self._seal
        if seal is None:
            return entry.payload

        def open_(name: str, value: str) -> str:
            return seal.open(value[len(MARK) :], _about(entry, name)).decode() if value.startswith(MARK) else value

        return _changed(profile, Kind(entry.interface), entry.payload, open_)


def _about(entry: NewEntry | OutboxEntry, name: str) -> str:
    return f"outbox/{entry.partner}/{entry.interface}/{entry.business_key}/{name}"


def _changed(
    profile: PlatformProfile, kind: Kind, body: Mapping[str, Any], change: Callable[[str, str], str]
) -> Mapping[str, Any]:
    interface = profile.interfaces[kind]
    fields = profile.messages[interface.message]
    names = {profile.wire_name(interface.message, name) for name in FIELDS if name in fields}
    message = body.get(interface.root, {}) if interface.root else body
    if names.isdisjoint(message):
        return body
    told = {name: change(name, value) if name in names and value else value for name, value in message.items()}
    return {**body, interface.root: told} if interface.root else told
