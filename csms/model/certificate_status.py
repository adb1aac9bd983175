"""Revocation of a car's certificates (OCPP 2.1 M07): messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from csms.model.inbound import Inbound, Reply


class StatusWanted(Struct, frozen=True):
    """A certificate by its hashes, as the station wrote them, and where its status can be asked for."""

    hashes: dict[str, Any]
    source: str
    urls: tuple[str, ...] = ()


class CertificateChain(Inbound, frozen=True):
    """Which of these certificates are revoked?"""

    wanted: tuple[StatusWanted, ...]


CertificateStatus = Literal["Good", "Revoked", "Unknown", "Failed"]


class CertificateChainReply(Reply, frozen=True):
    """One status for each, in their order; worth asking again at `next_update`."""

    wanted: tuple[StatusWanted, ...]
    statuses: tuple[CertificateStatus, ...]
    next_update: datetime
