"""The live terminal view: four panes, a head line and the keys; works from 80 x 24 on. Drawing only, no network."""

from __future__ import annotations

from dataclasses import dataclass

from rich.align import Align
from rich.box import ROUNDED
from rich.console import RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.text import Text as Styled

from monitor.dashboard.history import History, Json, Snapshot
from monitor.dashboard.look import AMBER, GREY, RED, TEAL, Text, kilo, moment
from monitor.dashboard.panes import EventPane, FeederPane, LoadPane, PlanPane, StationPane

WALL_WINDOW_S = 300.0
"""The load picture shows five minutes of the wall: at the speed of a demo that is a day."""
STALE_S = 5.0


@dataclass(frozen=True, slots=True)
class Status:
    """How fresh the data is: seconds of the wall since the last answer, what went wrong since, paused by the viewer."""

    age_s: float = 0.0
    error: str = ""
    paused: bool = False


class LiveView:
    """Draws snapshots. Holds only what the viewer chose: which feeder, how long a window."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._feeder = 0
        self._zoom = 1.0
        self._ahead = False

    def next_feeder(self) -> None:
        """Show the next feeder's load picture."""
        self._feeder += 1

    def turn(self) -> None:
        """Look ahead, at the plan in force, or back, at what was."""
        self._ahead = not self._ahead

    def plan_of(self, snapshot: Snapshot | None) -> str:
        """The feeder whose plan is wanted: plans are made for the top of a tree; empty while nobody looks ahead."""
        if not self._ahead or snapshot is None:
            return ""
        parents = {feeder["feeder_id"]: feeder["parent_id"] for feeder in snapshot.overview["feeders"]}
        top = self.chosen_feeder(snapshot.overview)
        while parents.get(top):
            top = parents[top]
        return top

    def zoom(self, factor: float) -> None:
        """Show a window `factor` times as long (1/16 to 16 times the usual one)."""
        self._zoom = min(16.0, max(1 / 16, self._zoom * factor))

    def window_s(self, overview: Json) -> float:
        """Length of the load picture in seconds of the server's clock."""
        return WALL_WINDOW_S * max(1.0, float(overview.get("clock_speed", 1.0))) * self._zoom

    def render(self, snapshot: Snapshot | None, history: History, status: Status | None = None) -> RenderableType:
        """The screen; without a snapshot it says what is being waited for."""
        status = status or Status()
        if snapshot is None:
            return self._waiting(status)
        root = Layout()
        root.split_column(
            Layout(self._head(snapshot.overview, status), size=1),
            Layout(name="body"),
            Layout(self._keys(), size=1),
        )
        root["body"].split_column(Layout(name="upper", ratio=6), Layout(name="lower", ratio=5))
        self._fill(root, snapshot, history)
        return root

    def _fill(self, root: Layout, snapshot: Snapshot, history: History) -> None:
        feeder_id = self.chosen_feeder(snapshot.overview)
        common = (self._text, snapshot, history)
        root["upper"].split_row(
            Layout(self._picture(snapshot, history, feeder_id), ratio=3),
            Layout(_panel(FeederPane(*common, feeder_id), self._text("live.pane.feeders")), ratio=2),
        )
        root["lower"].split_row(
            Layout(_panel(StationPane(*common), self._text("live.pane.stations")), ratio=3),
            Layout(_panel(EventPane(*common), self._text("live.pane.events")), ratio=2),
        )

    def _picture(self, snapshot: Snapshot, history: History, feeder_id: str) -> Panel:
        common = (self._text, snapshot, history)
        if self._ahead and feeder_id:
            return _panel(PlanPane(*common), self._text("live.pane.plan", feeder=self.plan_of(snapshot)))
        title = self._text("live.pane.load", feeder=feeder_id) if feeder_id else self._text("live.pane.no_load")
        return _panel(LoadPane(*common, feeder_id, self.window_s(snapshot.overview)), title)

    def chosen_feeder(self, overview: Json) -> str:
        """The feeder whose load picture is shown; empty when there is none."""
        feeders = overview["feeders"]
        return str(feeders[self._feeder % len(feeders)]["feeder_id"]) if feeders else ""

    def _head(self, overview: Json, status: Status) -> Styled:
        text, stations = self._text, overview["stations"]
        speed = float(overview.get("clock_speed", 1.0))
        clock = f"{moment(overview['clock_time']).astimezone():%m-%d %H:%M:%S}" + (f" ×{speed:g}" if speed != 1 else "")
        parts = [
            Styled(clock, "bold"),
            Styled(f"{kilo(overview['power_w'])} kW", f"bold {TEAL}"),
            Styled(text("live.head.sessions", open=overview["sessions"]["open"])),
            Styled(text("live.head.online", online=stations["online"], total=stations["total"])),
            Styled(text("live.head.energy", energy=kilo(overview["energy_today_wh"]))),
            self._freshness(status),
        ]
        return _one_line(Styled(" · ", GREY).join(parts))

    def _freshness(self, status: Status) -> Styled:
        if status.error:
            return Styled(self._text("live.head.lost", age=f"{status.age_s:.0f}"), RED)
        if status.paused:
            return Styled(self._text("live.head.paused"), AMBER)
        if status.age_s > STALE_S:
            return Styled(self._text("live.head.stale", age=f"{status.age_s:.0f}"), AMBER)
        return Styled("●", TEAL)

    def _keys(self) -> Styled:
        keys = Styled(no_wrap=True, overflow="crop")
        for key, name in (("q", "quit"), ("p", "pause"), ("f", "feeder"), ("a", "ahead"), ("+/-", "zoom")):
            keys.append(f" {key} ", "reverse").append(f" {self._text(f'live.key.{name}')}  ")
        return keys

    def _waiting(self, status: Status) -> RenderableType:
        words = status.error or self._text("live.loading")
        return Align.center(Styled(words, RED if status.error else GREY), vertical="middle")


def _one_line(line: Styled) -> Styled:
    """One line, cut where the screen ends."""
    line.no_wrap, line.overflow = True, "crop"
    return line


def _panel(content: RenderableType, title: str) -> Panel:
    return Panel(content, title=title, title_align="left", box=ROUNDED, border_style=GREY, padding=0)
