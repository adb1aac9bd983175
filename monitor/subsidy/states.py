"""What becomes of a declaration: prepared, submitted, returned, accepted, refused, paid. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from csms.model.errors import CsmsError


class State(StrEnum):
    """Of a declaration."""

    PREPARED = "prepared"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    PAID = "paid"


MOVES = {
    State.PREPARED: {State.SUBMITTED},
    State.SUBMITTED: {State.RETURNED, State.ACCEPTED, State.REFUSED},
    State.RETURNED: {State.SUBMITTED},
    State.ACCEPTED: {State.PAID, State.RETURNED},
    State.REFUSED: set(),
    State.PAID: set(),
}
"""From each state where it may go; a dossier that is returned is changed and submitted again."""


class MoveImpossible(CsmsError):
    """A declaration cannot go from one state to another; the text names those that it can go to."""

    code = "subsidy_move_impossible"


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of the journal. `sha256`: of the dossier at that time."""

    state: State
    at: datetime
    sha256: str
    note: str = ""

    def line(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self) | {"at": self.at.isoformat()}, ensure_ascii=False, sort_keys=True)


def read_journal(text: str) -> list[Mark]:
    """Marks of a journal; raises MoveImpossible for one that cannot be read or has a move that there is not."""
    found: list[Mark] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            row = json.loads(line)
            mark = Mark(State(row["state"]), datetime.fromisoformat(row["at"]), str(row["sha256"]), str(row["note"]))
        except (ValueError, KeyError, TypeError) as fault:
            raise MoveImpossible(f"line {number} of the journal cannot be read: {fault}") from None
        check_move(found, mark.state)
        found.append(mark)
    return found


def check_move(journal: Sequence[Mark], to: State) -> None:
    """Raises MoveImpossible."""
    if not journal:
        if to is not State.PREPARED:
            raise MoveImpossible(f"a declaration begins {State.PREPARED}, not {to}")
        return
    now = journal[-1].state
    if to not in MOVES[now]:
        ways = ", ".join(sorted(MOVES[now])) or "nowhere"
        raise MoveImpossible(f"from {now} a declaration goes to {ways}, not to {to}")
