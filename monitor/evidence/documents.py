"""The documents of the evidence log: records, signed heads of a day, proofs. Pure, but for the signature's mathematics.

All are JSON that anybody can read: canonical (sorted keys, no white space, UTF-8), hashes in hex, signatures in base64.
A signature covers a line that says what is signed and the canonical head.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from csms.province import strict_json
from monitor.evidence.merkle import hash_named

SIGNED = b"csms evidence head 1\n"
INCLUSION = "csms-evidence-inclusion-1"
CONSISTENCY = "csms-evidence-consistency-1"
EXPORT = "csms-evidence-export-1"
HEAD = "csms-evidence-head-1"


class EvidenceUnreadable(ValueError):
    """A document of the evidence log is not what it should be."""


def record_bytes(
    operator_id: str, kind: str, business_id: str, received_at: datetime, body: Mapping[str, Any]
) -> bytes:
    """The record of an accepted message."""
    return strict_json.canonical(
        {
            "at": received_at.isoformat(),
            "body": body,
            "business_id": business_id,
            "kind": kind,
            "operator_id": operator_id,
        }
    )


@dataclass(frozen=True, slots=True)
class Head:
    """The log of one operator as it was at the end of a local day. `first` to before `size` are the day's records;
    `previous` is the hash (that of the log) of the canonical head before it, empty for the first."""

    log: str
    day: str
    hash: str
    first: int
    size: int
    day_root: str
    root: str
    chain: str
    previous: str
    signed_at: str
    key_id: str

    def canonical(self) -> bytes:
        """The bytes that are signed and hashed."""
        return strict_json.canonical(asdict(self))

    def digest(self) -> str:
        """What the next head names as `previous`."""
        return hash_named(self.hash)(self.canonical()).hex()


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head and the signature of the platform."""

    head: Head
    signature: str

    def as_document(self) -> dict[str, Any]:
        """As JSON."""
        return {"head": asdict(self.head), "signature": self.signature}


def sign(head: Head, key: Ed25519PrivateKey) -> SignedHead:
    """Sign a head."""
    return SignedHead(head, b64encode(key.sign(SIGNED + head.canonical())).decode("ascii"))


def is_signed(signed: SignedHead, key: Ed25519PublicKey) -> bool:
    """Whether the signature is that of the key."""
    try:
        key.verify(b64decode(signed.signature, validate=True), SIGNED + signed.head.canonical())
    except (InvalidSignature, ValueError):
        return False
    return True


def key_id(key: Ed25519PublicKey) -> str:
    """A short name of a key: 16 hex digits of its SHA-256."""
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def public_pem(key: Ed25519PublicKey) -> str:
    """The key as it is given to operators."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def read_public(pem: str) -> Ed25519PublicKey:
    """Read `public_pem`; raises EvidenceUnreadable."""
    try:
        key = load_pem_public_key(pem.encode("ascii"))
    except ValueError:
        raise EvidenceUnreadable("the public key cannot be read") from None
    if not isinstance(key, Ed25519PublicKey):
        raise EvidenceUnreadable("the public key is no Ed25519 key")
    return key


def read_head(document: Any) -> SignedHead:
    """Read what `SignedHead.as_document` wrote; raises EvidenceUnreadable."""
    try:
        fields, signature = document["head"], document["signature"]
        numbers = {"first", "size"}
        right = fields.keys() == Head.__dataclass_fields__.keys() and isinstance(signature, str)
        typed = all(type(value) is (int if name in numbers else str) for name, value in fields.items())
    except (TypeError, KeyError, AttributeError):
        raise EvidenceUnreadable("this is no signed head") from None
    if not right or not typed or not 0 <= fields["first"] <= fields["size"] or not _is_day(fields["day"]):
        raise EvidenceUnreadable("this is no signed head")
    return SignedHead(Head(**fields), signature)


def _is_day(text: str) -> bool:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return False
    return day.isoformat() == text and date.min < day < date.max


def hashes(values: Any) -> list[bytes]:
    """Hashes from their hex; raises EvidenceUnreadable."""
    try:
        found = [bytes.fromhex(value) for value in values]
    except (TypeError, ValueError):
        raise EvidenceUnreadable("a hash is not written in hex") from None
    if any(len(value) != 32 for value in found):
        raise EvidenceUnreadable("a hash has not 32 bytes")
    return found


def inclusion_document(
    record: bytes, number: int, signed: SignedHead, path: Sequence[bytes], public: str
) -> dict[str, Any]:
    """The proof that a record is in the log of a day; needs nothing else to be checked but trust in the key."""
    return {
        "document": INCLUSION,
        "record": record.decode("utf-8"),
        "number": number,
        "path": [step.hex() for step in path],
        "public_key": public,
        **signed.as_document(),
    }


def consistency_document(old: SignedHead, new: SignedHead, path: Sequence[bytes], public: str) -> dict[str, Any]:
    """The proof that the log of an earlier day is the beginning of that of a later one."""
    return {
        "document": CONSISTENCY,
        "old": old.as_document(),
        "new": new.as_document(),
        "path": [step.hex() for step in path],
        "public_key": public,
    }


def head_document(signed: SignedHead, before: SignedHead | None, path: Sequence[bytes], public: str) -> dict[str, Any]:
    """The head of a day as it is given to its operator, with the head before it and the proof that the log only grew
    from that one; `before` is empty for the first day."""
    return {
        "document": HEAD,
        **signed.as_document(),
        "before": before.as_document() if before else None,
        "path": [step.hex() for step in path],
        "public_key": public,
    }
