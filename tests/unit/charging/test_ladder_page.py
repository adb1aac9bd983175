"""The page about the limit ladder shows the table as it is; CSMS_WRITE_DOCS=1 writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

from csms.charging.ladder import TABLE, Happening, Move, State

PAGE = Path(__file__).resolve().parents[3] / "docs" / "topics" / "limit-ladder.md"
BEGIN, END = "<!-- from csms.charging.ladder.TABLE -->\n", "<!-- end -->"
WORDS = {
    Move.STAY: "",
    Move.STEP: " → next rung",
    Move.DEFER: " → next rung, this one again later",
    Move.SKIP: " → configuration key",
    Move.RESTART: " → first rung",
}


def diagram() -> str:
    """A Mermaid state diagram; what changes neither state nor rung is left out."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> untried"]
    for state, happenings in TABLE.items():
        edges: dict[tuple[State, Move], list[Happening]] = {}
        for happening, (after, move) in happenings.items():
            if after is not state or move is not Move.STAY:
                edges.setdefault((after, move), []).append(happening)
        for (after, move), named in edges.items():
            words = ", ".join(happening.value for happening in named)
            lines.append(f"    {state.value} --> {after.value}: {words}{WORDS[move]}")
    lines += [f"    {state.value} --> uncontrollable: no rung is left" for state in (State.NEGOTIATING, State.DOUBTFUL)]
    return "\n".join([*lines, "```", ""])


def test_the_diagram_is_that_of_the_table() -> None:
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, behind = rest.partition(END)
    wanted = before + BEGIN + diagram() + END + behind
    if os.environ.get("CSMS_WRITE_DOCS"):
        PAGE.write_text(wanted, "utf-8")
    assert PAGE.read_text("utf-8") == wanted


def test_the_page_names_every_state_and_every_happening() -> None:
    text = PAGE.read_text("utf-8")
    assert not [word for word in (*State, *Happening) if word.value not in text]
