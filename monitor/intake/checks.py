"""Steps 7 and 8 of section 3.3 for an opened request: schema, whose data it is, what makes it the same again. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from csms.province import strict_json
from csms.province.envelope import BUSINESS_INVALID, OK
from csms.province.messages import DQ_RANGE, Defect, business_key, check_body, message_of, read
from csms.province.profile import Kind, PlatformProfile


@dataclass(frozen=True, slots=True)
class Judged:
    """What a platform thinks of a message: Ret 0 or 4004 with its defects; `fields` by canonical names, plain JSON."""

    ret: int
    defects: tuple[Defect, ...]
    business_id: str
    fields: Mapping[str, Any]
    digest: str


def judge_message(profile: PlatformProfile, kind: Kind, body: Mapping[str, Any], operator_id: str) -> Judged:
    """Judge the decrypted body of a notification from `operator_id`."""
    defects = check_body(profile, kind, body)
    fields = read(profile, kind, body)
    if fields.get("OperatorID", operator_id) != operator_id:
        defects.append(Defect(DQ_RANGE, "OperatorID"))
    key = business_key(profile, kind, body)
    if defects:
        return Judged(BUSINESS_INVALID, tuple(defects), key, {}, "")
    return Judged(OK, (), key, plain(fields), digest_of(profile, kind, body))


def digest_of(profile: PlatformProfile, kind: Kind, body: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical message without its volatile fields: equal content, equal digest."""
    message = message_of(profile, kind, body)
    interface = profile.interfaces[kind]
    volatile = {profile.wire_name(interface.message, name) for name in interface.volatile}
    stable = {name: value for name, value in message.items() if name not in volatile}
    return sha256(strict_json.canonical(stable)).hexdigest()


def plain(value: Any) -> Any:
    """The same value with floats for Decimals, as a JSON column takes it."""
    return json.loads(strict_json.canonical(value))


BODY_KEPT_BYTES = 64 * 1024
"""A refused body up to this size is kept, so that a judgement of it can be disputed."""


def kept_body(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The refused body as it is kept."""
    written = strict_json.canonical(body)
    return json.loads(written) if len(written) <= BODY_KEPT_BYTES else {}


def check_token_request(body: Mapping[str, Any]) -> tuple[Defect, ...]:
    """Defects of the body of `query_token` (section 5)."""
    wanted = ("OperatorID", "OperatorSecret")
    missing = [Defect("DQ_MISSING", name) for name in wanted if name not in body]
    mistyped = [Defect("DQ_TYPE", name) for name in wanted if name in body and not isinstance(body[name], str)]
    unknown = [Defect("DQ_UNKNOWN_KEY", name) for name in body if name not in wanted]
    return (*missing, *mistyped, *unknown)
