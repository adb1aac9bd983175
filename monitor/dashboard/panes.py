"""The panes of the live view; each draws itself into the room that it is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text as Styled

from monitor.dashboard.chart import STYLES, load_picture
from monitor.dashboard.history import Event, History, Json, Snapshot, evse_states
from monitor.dashboard.look import AMBER, GREEN, GREY, RED, STATES, TEAL, Text, clock_face, family, kilo, letter
from monitor.dashboard.plan import STYLES as PLAN_STYLES
from monitor.dashboard.plan import plan_picture

BAR_LEFT, BAR_CAP = "█", "▏"


@dataclass(frozen=True, slots=True)
class Pane:
    """Common to all: words, what was seen last and before."""

    text: Text
    snapshot: Snapshot
    history: History

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Exactly the given height, nothing wider than the given width."""
        height = options.height or console.height
        for line in self.lines(options.max_width, height)[:height]:
            line.truncate(options.max_width)
            line.no_wrap, line.overflow = True, "crop"
            yield line

    def lines(self, width: int, height: int) -> list[Styled]:
        """What to show."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class LoadPane(Pane):
    """Load against the cap of one feeder."""

    feeder_id: str
    window_s: float

    def lines(self, width: int, height: int) -> list[Styled]:
        """Legend, picture, time axis."""
        points = list(self.history.points.get(self.feeder_id, ()))
        if not points:
            return [Styled(self.text("live.no_feeder"), GREY)]
        return [self._legend(), *load_picture(points, self.snapshot.time, self.window_s, width, height - 1)]

    def _legend(self) -> Styled:
        marks = (("━", "cap"), ("┄", "plan"), ("─", "bound"), ("▪", "charging"), ("▪", "base"))
        legend = Styled()
        for sign, layer in marks:
            legend.append(f"{sign} {self.text(f'live.legend.{layer}')}  ", STYLES[layer])
        return legend


@dataclass(frozen=True, slots=True)
class PlanPane(Pane):
    """The plan in force, from when it was made on."""

    def lines(self, width: int, height: int) -> list[Styled]:
        """Legend with the proof, picture, time axis."""
        plan = self.snapshot.plan
        if plan is None or not plan["content"].get("base_kw"):
            return [Styled(self.text("live.no_plan"), GREY)]
        return [self._legend(plan), *plan_picture(plan, width, height - 1)]

    def _legend(self, plan: Json) -> Styled:
        layers = [("━", "cap"), ("▪", "charging"), ("▪", "base")]
        if plan["content"].get("storage_kw"):
            layers.insert(1, ("▪", "storage"))
        legend = Styled()
        for sign, layer in layers:
            legend.append(f"{sign} {self.text(f'live.legend.{layer}')}  ", PLAN_STYLES[layer])
        return legend.append(self.text("live.gap", gap=f"{plan['gap']:.1e}"), GREY)


@dataclass(frozen=True, slots=True)
class FeederPane(Pane):
    """A bar per feeder: load against cap."""

    feeder_id: str

    def lines(self, width: int, height: int) -> list[Styled]:
        """Two lines for each feeder."""
        feeders: Sequence[Json] = self.snapshot.overview["feeders"]
        if not feeders:
            return [Styled(self.text("live.no_feeder"), GREY)]
        return [line for feeder in feeders for line in self._feeder(feeder, width)]

    def _feeder(self, feeder: Json, width: int) -> list[Styled]:
        load_w = (feeder["base_w"] or 0) + (feeder["metered_w"] or 0)
        cap_w = feeder["cap_w"]
        share = load_w / cap_w if cap_w else 0.0
        colour = RED if share > 1 else AMBER if share > 0.95 else TEAL
        numbers = f"{kilo(load_w)} / {kilo(cap_w)} kW"
        chosen = "bold" if feeder["feeder_id"] == self.feeder_id else ""
        name = middle(feeder["feeder_id"], max(4, width - len(numbers) - 1))
        head = Styled(name, chosen)
        head.append(" " * max(1, width - cell_len(name) - len(numbers)))
        head.append(numbers, colour)
        bar = Styled(BAR_LEFT * round(min(share, 1.0) * (width - 1)), colour)
        bar.pad_right(max(0, width - 1 - len(bar.plain)))
        return [head, bar.append(BAR_CAP, RED)]


class StationPane(Pane):
    """Every EVSE as a letter in its colour, then how many there are of each."""

    def lines(self, width: int, height: int) -> list[Styled]:
        """Letters as far as they fit, counts below."""
        states = evse_states(self.snapshot.stations)
        if not states:
            return [Styled(self.text("live.no_station"), GREY), Styled("csms station add", "bold")]
        counts = self._counts(states, width)
        room = max(1, height - len(counts)) * width
        hidden = max(0, len(states) - room)
        if hidden:
            states = states[: room - len(f" +{hidden}")]
        letters = Styled()
        for state in states:
            letters.append(*letter(state))
        grid = [letters[start : start + width] for start in range(0, len(letters), width)]
        if hidden:
            grid[-1].append(f" +{hidden}", GREY)
        return [*grid, *counts]

    def _counts(self, states: Sequence[str], width: int) -> list[Styled]:
        totals = Counter(family(state) for state in states)
        signs = {kind: (sign, colour) for sign, colour, kind in STATES.values()}
        lines = [Styled()]
        for kind, (sign, colour) in signs.items():
            words = f"{sign} {self.text(f'live.state.{kind}')} {totals[kind]}  "
            if not totals[kind]:
                continue
            if lines[-1].cell_len + cell_len(words.rstrip()) > width:
                lines.append(Styled())
            lines[-1].append(words, colour)
        return lines


class EventPane(Pane):
    """What happened last, newest first."""

    def lines(self, width: int, height: int) -> list[Styled]:
        """One event per line."""
        events = list(self.history.events)[:height]
        return [self._event(event, width) for event in events] or [Styled(self.text("live.no_event"), GREY)]

    def _event(self, event: Event, width: int) -> Styled:
        colours = {"began": TEAL, "ended": GREEN, "online": GREEN, "offline": GREY, "faulted": RED, "cap": AMBER}
        words = self.text(f"live.event.{event.kind}", value=kilo(event.value))
        time = clock_face(event.time)
        subject = middle(event.subject, max(4, width - len(time) - cell_len(words) - 2))
        return Styled.assemble((time, GREY), " ", (subject, "bold"), " ", (words, colours[event.kind]))


def middle(words: str, width: int) -> str:
    """`words` in at most `width` cells, cut in the middle."""
    if cell_len(words) <= width:
        return words
    tail = len(words)
    while cell_len(words[tail - 1 :]) <= (width - 1) // 2:
        tail -= 1
    end = words[tail:]
    return set_cell_size(words, width - 1 - cell_len(end)).rstrip() + "…" + end
