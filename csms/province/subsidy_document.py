"""A claim with everything that it was computed from, as one JSON document that anybody can compute again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

import msgspec

from csms.model.errors import CsmsError
from csms.province import strict_json
from csms.province.subsidy import Claim, DayScore, Inputs, Pile, Sold, claim_of
from csms.province.subsidy_rules import build_rule

FORM = "csms subsidy claim 1"
_LISTS = {"piles": tuple[Pile, ...], "orders": tuple[Sold, ...], "scores": tuple[DayScore, ...]}


class ClaimUnreadable(CsmsError):
    """The document is no claim."""

    code = "subsidy_claim_unreadable"


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A claim computed from its document. `same`: the document says the same, and nobody changed a letter of it."""

    claim: Claim
    same: bool


def document_of(given: Inputs, partner: str, made_at: datetime) -> dict[str, Any]:
    """The claim of these inputs; `sha256` is over inputs and result. What else is laid into it is not part of it."""
    told = _judged(given)
    return {"form": FORM, "partner": partner, "made_at": made_at.isoformat(), **told, "sha256": _digest(told)}


def recomputed(document: Mapping[str, Any]) -> Recomputed:
    """Compute the claim again from the inputs in its document; raises ClaimUnreadable or RuleInvalid."""
    try:
        if document["form"] != FORM:
            raise ClaimUnreadable(f"form is {document['form']!r}, not {FORM!r}")
        given = read_inputs(document["inputs"])
        told = _judged(given)
        kept = {"inputs": document["inputs"], "result": document["result"]}
        same = strict_json.canonical(kept) == strict_json.canonical(told) and document["sha256"] == _digest(told)
    except (KeyError, TypeError, ValueError, msgspec.ValidationError) as fault:
        raise ClaimUnreadable(f"not a claim: {fault}") from None
    return Recomputed(claim_of(given), same)


def read_inputs(table: Mapping[str, Any]) -> Inputs:
    """Inputs as they stand in a document; raises RuleInvalid, and KeyError, ValueError or msgspec.ValidationError."""
    lists = {name: msgspec.convert(table[name], kind) for name, kind in _LISTS.items()}
    days = (date.fromisoformat(table["first_day"]), date.fromisoformat(table["last_day"]))
    return Inputs(build_rule(table["rule"]), *days, **lists, grade=str(table["grade"]))


def scores_of(rows: Any) -> tuple[DayScore, ...]:
    """Scores as the platform publishes them (`csms monitor quality show --json`); days without data are left out.

    Raises ClaimUnreadable.
    """
    try:
        found = [(row["day"], row["score"]) for row in rows]
        told = [
            {"day": day, "total": score["total"], "dimensions": {k: v for k, v in score["dimensions"].items() if v}}
            for day, score in found
            if score["total"] is not None
        ]
        return msgspec.convert(sorted(told, key=lambda one: one["day"]), tuple[DayScore, ...])
    except (KeyError, TypeError, AttributeError, msgspec.ValidationError) as fault:
        raise ClaimUnreadable(f"not a list of scores: {fault}") from None


def _judged(given: Inputs) -> dict[str, Any]:
    claim = claim_of(given)
    lists = {name: msgspec.to_builtins(getattr(given, name)) for name in _LISTS}
    inputs = {
        "rule": given.rule.model_dump(mode="json"),
        "first_day": given.first_day.isoformat(),
        "last_day": given.last_day.isoformat(),
        "grade": given.grade,
        **lists,
    }
    shares = [
        {**msgspec.to_builtins(share), "pile": share.pile.connector, "yuan": str(share.yuan)} for share in claim.shares
    ]
    result = {
        "yuan": str(claim.yuan),
        "grade": claim.grade,
        "score": None if claim.score is None else str(claim.score),
        "shares": shares,
        "orders": dict(claim.orders),
        "refused": list(claim.refused),
        "warnings": list(claim.warnings),
    }
    return {"inputs": inputs, "result": result}


def _digest(told: Mapping[str, Any]) -> str:
    return sha256(strict_json.canonical(told)).hexdigest()
