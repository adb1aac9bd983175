"""What an appeal needs: the document of a judgement names its profile and inputs, or says that they are gone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256

from csms.model.errors import CsmsError
from csms.province import strict_json
from csms.province.profile import PlatformProfile
from monitor.quality.judge import Judgement
from monitor.store.evidence import Row
from monitor.store.quality import Extent


class NotJudged(CsmsError):
    """There is no judgement of that day, or it cannot be recomputed."""

    code = "not_judged"


class InputsGone(NotJudged):
    """What a day was judged by was deleted when its time was over."""

    code = "inputs_gone"


def profile_text(profile: PlatformProfile) -> str:
    """A profile as it is kept: the same text for the same profile."""
    return json.dumps(profile.model_dump(), sort_keys=True, default=sorted)


def profile_digest(profile: PlatformProfile) -> str:
    """What tells whether a profile is still the one that judged."""
    return text_digest(profile_text(profile))


def text_digest(text: str) -> str:
    """The digest of a profile's text."""
    return sha256(text.encode()).hexdigest()[:16]


def document_of(judged: Judgement, profile: str, extent: Extent | None) -> bytes:
    """The judgement as it is kept and published, with the digest of its profile; `inputs` says by what it was made
    (judgements of earlier versions did not)."""
    inputs = {"inputs": asdict(extent)} if extent else {}
    return strict_json.canonical(judged.as_document() | {"profile_digest": profile} | inputs)


def check_whole(rows: Sequence[Row], gone: Mapping[str, datetime], since: datetime) -> None:
    """Raises InputsGone unless everything since a moment is still there."""
    lost = [f"{kind} before {before.isoformat()}" for kind, before in sorted(gone.items()) if before > since]
    if empty := sum(not row.record for row in rows):
        lost.append(f"the content of {empty} of {len(rows)} accepted messages")
    if lost:
        what = ", ".join(lost)
        raise InputsGone(f"deleted when their time was over ([retention]): {what}; the published judgement stands")
