"""Evidence as files: what is given to an operator, read again with nothing else at hand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from csms.province import strict_json
from csms.security.files import write_whole
from monitor.evidence.documents import EXPORT, EvidenceUnreadable, hashes, read_head
from monitor.evidence.judge import Export

RECORDS, LEAVES, HEADS, KEY = "records.ndjson", "leaves.txt", "heads.json", "public-key.pem"
FILE_BYTES_MAX = 1 << 34
KEY_NAME = "evidence-key.pem"


def private_key(folder: Path) -> Ed25519PrivateKey:
    """The platform's key in its data folder, made there the first time, readable by its owner only."""
    path = folder / KEY_NAME
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        draft = path.with_name(f"{path.name}.{os.getpid()}.part")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise EvidenceUnreadable(f"{path} holds no Ed25519 key")
    return key


def write_export(folder: Path, export: Export) -> None:
    """Write an export into a folder that is made for it; raises FileExistsError if it holds something already."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    (folder / RECORDS).write_bytes(b"".join(record + b"\n" for record in export.records))
    (folder / LEAVES).write_text("".join(f"{leaf.hex()}\n" for leaf in export.leaves), encoding="ascii")
    heads = {
        "document": EXPORT,
        "start": export.start,
        "chain": export.chain.hex(),
        "peaks": [peak.hex() for peak in export.peaks],
        "heads": [signed.as_document() for signed in export.heads],
    }
    (folder / HEADS).write_bytes(strict_json.write(heads) + b"\n")
    (folder / KEY).write_text(export.public_key, encoding="ascii")


def read_export(folder: Path) -> Export:
    """Read what `write_export` wrote; raises EvidenceUnreadable or OSError."""
    document = read_document(folder / HEADS)
    if document.get("document") != EXPORT or type(document.get("start")) is not int or document["start"] < 0:
        raise EvidenceUnreadable(f"{folder / HEADS} is no export of the evidence log")
    heads = document.get("heads")
    if not isinstance(heads, list):
        raise EvidenceUnreadable(f"{folder / HEADS} holds no heads")
    (chain,) = hashes([document.get("chain")])
    return Export(
        records=(folder / RECORDS).read_bytes().split(b"\n")[:-1],
        leaves=hashes((folder / LEAVES).read_text(encoding="utf-8").split()),
        heads=[read_head(head) for head in heads],
        start=document["start"],
        chain=chain,
        peaks=hashes(document.get("peaks")),
        public_key=(folder / KEY).read_text(encoding="utf-8"),
    )


def read_document(path: Path) -> dict[str, Any]:
    """Read one JSON object; raises EvidenceUnreadable or OSError."""
    try:
        return strict_json.parse_object(path.read_bytes(), FILE_BYTES_MAX)
    except strict_json.JsonRefused as fault:
        raise EvidenceUnreadable(f"{path}: {fault}") from None


def read_heads(folder: Path) -> list[dict[str, Any]]:
    """The heads that an operator keeps in a folder, which need not be there; raises EvidenceUnreadable or OSError."""
    return [read_document(path) for path in sorted(folder.glob("*.json"))]


def keep_head(path: Path, document: Mapping[str, Any]) -> None:
    """Write a head beside those that are kept; what is there is left alone. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_whole(path, strict_json.write(document) + b"\n", 0o644)
