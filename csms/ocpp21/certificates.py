"""Revocation of a car's certificates on the wire (M07)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from csms.model.certificate_status import CertificateChain, CertificateChainReply, StatusWanted
from csms.wire.block import Block
from csms.wire.reading import items, section, text
from csms.wire.times import format_time
from csms.wire.translator import Payload

_HASHES = (("hashAlgorithm", 6), ("issuerNameHash", 128), ("issuerKeyHash", 128), ("serialNumber", 40))
"""Members of CertificateHashDataType with their lengths: they come back, so they must fit the answer's schema."""


def _chain(payload: Payload, received_at: datetime, zone: tzinfo) -> CertificateChain:
    return CertificateChain(tuple(_wanted(entry) for entry in items(payload, "certificateStatusRequests")))


def _wanted(entry: Mapping[str, Any]) -> StatusWanted:
    urls = entry.get("urls")
    told = section(entry, "certificateHashData")
    return StatusWanted(
        hashes={name: text(told, name)[:length] for name, length in _HASHES},
        source=text(entry, "source"),
        urls=tuple(url for url in urls if isinstance(url, str)) if isinstance(urls, list) else (),
    )


def _answer(reply: CertificateChainReply) -> Payload:
    """M07.FR.08."""
    next_update = format_time(reply.next_update)
    answers = [
        {"certificateHashData": wanted.hashes, "source": wanted.source, "status": status, "nextUpdate": next_update}
        for wanted, status in zip(reply.wanted, reply.statuses, strict=True)
    ]
    return {"certificateStatus": answers}


BLOCK = Block(calls={"GetCertificateChainStatus": _chain}, replies={CertificateChainReply: _answer})
