"""The figures of limits for Prometheus: what may be drawn and is, how fast limits came into force, who is silent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from csms.charging.status import FeederLoad
from csms.grid.liveness import Mode
from csms.grid.overruns import Overruns
from csms.grid.progress import LimitProgress
from csms.grid.service import LimitService
from csms.grid.tally import Tally
from csms.model.exposition import metric


@dataclass(frozen=True, slots=True)
class LimitFigures:
    """The lines of limits in `GET /api/v1/metrics`."""

    limits: LimitService
    progress: LimitProgress
    overruns: Overruns
    loads: Callable[[], Mapping[str, FeederLoad]]

    def lines(self) -> Iterator[str]:
        """As of now."""
        loads = self.loads()
        cap_w = {feeder_id: load.cap_w for feeder_id, load in loads.items()}
        drawn_w = {feeder_id: load.drawn_w for feeder_id, load in loads.items()}
        bound_w = {feeder_id: load.bound_w for feeder_id, load in loads.items()}
        above_s = {feeder_id: self.overruns.above_s[feeder_id] for feeder_id in loads}
        yield metric("csms_feeder_cap_watts", "gauge", "What may be drawn under a feeder", _by_feeder(cap_w))
        yield metric("csms_feeder_metered_watts", "gauge", "What is drawn, as metered", _by_feeder(drawn_w))
        yield metric("csms_feeder_upper_bound_watts", "gauge", "What may be drawn at the most", _by_feeder(bound_w))
        about = "Seconds in which metering was above the cap"
        yield metric("csms_limit_violation_seconds_total", "counter", about, _by_feeder(above_s))
        silent = [({"source": one.source}, float(one.mode is not Mode.SPEAKS)) for one in self.limits.sources()]
        yield metric("csms_source_failsafe", "gauge", "1 while a source of limits is silent", silent)
        yield _summary("csms_limit_ack_seconds", "From its arrival until a limit is durable", self.limits.acknowledging)
        about = "From when a limit is to hold until metering shows it"
        yield _summary("csms_limit_effective_seconds", about, self.progress.taking_effect)


def _by_feeder(values: Mapping[str, float]) -> Iterable[tuple[Mapping[str, str], float]]:
    return [({"feeder": feeder_id}, float(value)) for feeder_id, value in values.items()]


def _summary(name: str, about: str, tally: Tally) -> str:
    lines = [f"# HELP {name} {about}", f"# TYPE {name} summary", f"{name}_sum {tally.sum_s:.6g}"]
    return "\n".join([*lines, f"{name}_count {tally.count}"]) + "\n"
