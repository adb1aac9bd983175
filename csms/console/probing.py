"""Finds out by trying which charging profiles a station takes, and writes it as a firmware profile.

Nothing that is sent limits anybody by more than an ampere: every limit is the outlet's rating, or a little below it
where the station must be able to tell the difference. Each profile that is taken is removed at once, and in the end all
that were sent are removed again, whatever happened. Steps of the current and ends by validTo are read off the composite
schedule; what only a charging car shows (the smallest current, whether a limit acts) is not claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

Ask = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Give a command of the API; its answer. Raises csms.console.client.Refused."""

STATION_MAX, TX_DEFAULT, TX = "ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"
KINDS, UNITS = ("Absolute", "Relative"), ("A", "W")
SMALL_ID = 91
IDS = (2_000_000_000, 65_535, 32_767, 255)
PERIODS_MAX = 24
"""More are of no use to anybody here."""

PERIOD_S = 60
COMPOSITE_S = 900
BACKDATED_S = 5
"""Absolute schedules have begun already, also by a clock that is a little behind."""

VALID_S, VALID_BAND_S = 300, 120
"""How long a profile with an end is valid, and how far off its end may be told: clocks differ."""

FRACTION_A = 0.1
STEPS_A = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Steps that are looked for, finest first."""

NOISE_A = 0.01


@dataclass(frozen=True, slots=True)
class Form:
    """One way to tell a limit: `below_a` the rating; `ends`: with a validTo."""

    purpose: str = TX_DEFAULT
    evse_id: int = 1
    unit: str = "A"
    kind: str = "Absolute"
    stack_level: int = 0
    periods: int = 1
    profile_id: int = SMALL_ID
    below_a: float = 0.0
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """The station as the API shows it. `transaction_id`: of a session that runs on its EVSE 1, else empty."""

    station_id: str
    vendor: str
    model: str
    firmware: str
    protocol: str
    kind: str
    phases: int
    current_max_a: float
    power_max_w: int
    transaction_id: str = ""

    def limit(self, unit: str, below_a: float) -> float:
        """The rating, so that nobody is limited, or so many amperes less."""
        part = (self.current_max_a - below_a) / self.current_max_a
        return round(self.current_max_a - below_a, 1) if unit == "A" else float(round(self.power_max_w * part))


@dataclass(slots=True)
class Found:
    """What came out: `limits` are fields of the [limits] table; `notes` what no field can say; `log` each attempt."""

    limits: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)


class Prober:
    """One probe of one station. `refused` turns what `ask` raises into a word; `now`: the server's time."""

    def __init__(
        self,
        subject: Subject,
        ask: Ask,
        now: Callable[[], datetime],
        refused: Callable[[Exception], str | None],
        say: Callable[[str], None],
    ) -> None:
        self._subject, self._ask, self._now, self._refused, self._say = subject, ask, now, refused, say
        self._sent: set[int] = set()
        self._levels: tuple[int, ...] = (0, 1)
        self._told_units: set[str] = set()
        self.found = Found()

    def run(self, reconnect: Callable[[], None] | None = None) -> Found:
        """The whole sequence; `reconnect` restarts the station and waits until it is back."""
        try:
            self._declared()
            base = self._base()
            if base is None:
                self.found.limits["purposes"] = []
                return self.found
            self._vary(base)
            self._composite(base)
            self._step(base)
            self._end(base)
            if reconnect is not None:
                self._survives(base, reconnect)
        finally:
            self._tidy()
        return self.found

    # -- one attempt ---------------------------------------------------------------------------------------------------

    def _command(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer; a refusal is one with its word as the status."""
        try:
            return self._ask(name, body)
        except Exception as fault:
            word = self._refused(fault)
            if word is None:
                raise
            return {"accepted": False, "status": word}

    def _set(self, form: Form) -> bool:
        self._sent.add(form.profile_id)
        limit, now = self._subject.limit(form.unit, form.below_a), self._now()
        profile = {
            "profile_id": form.profile_id,
            "stack_level": form.stack_level,
            "purpose": form.purpose,
            "kind": form.kind,
            "unit": form.unit,
            "periods": [{"start_s": number * PERIOD_S, "limit": limit} for number in range(form.periods)],
        }
        begun = now - timedelta(seconds=BACKDATED_S)
        profile |= {"start": begun.isoformat()} if form.kind == "Absolute" else {}
        profile |= {"valid_to": (now + timedelta(seconds=VALID_S)).isoformat()} if form.ends else {}
        profile |= {"transaction_id": self._subject.transaction_id} if form.purpose == TX else {}
        answer = self._command("set_charging_profile", {"evse_id": form.evse_id, "profile": profile})
        shape = f"{form.unit} {form.kind} level {form.stack_level}, {form.periods} periods, id {form.profile_id}"
        told = f"{form.purpose} on {form.evse_id}, {shape}"
        told += f", {form.below_a:g} A less" * (form.below_a > 0) + ", validTo" * form.ends
        self.found.log.append((told, str(answer["status"])))
        self._say(f"{told}: {answer['status']}")
        return bool(answer["accepted"])

    def _clear(self, form: Form) -> bool:
        """Whether it was there."""
        return bool(self._command("clear_charging_profile", {"profile_id": form.profile_id})["accepted"])

    def _takes(self, form: Form) -> bool:
        """Whether it is taken; it is gone again afterwards."""
        with self._installed(form) as taken:
            return taken

    @contextmanager
    def _installed(self, form: Form) -> Iterator[bool]:
        taken = self._set(form)
        try:
            yield taken
        finally:
            if taken:
                self._clear(form)

    def _tidy(self) -> None:
        for number in sorted(self._sent):
            self._command("clear_charging_profile", {"profile_id": number})

    # -- the sequence --------------------------------------------------------------------------------------------------

    def _declared(self) -> None:
        """What the station says of itself: only a hint where to look."""
        old = self._subject.protocol == "ocpp1.6"
        name = "ChargeProfileMaxStackLevel" if old else "SmartChargingCtrlr.ProfileStackLevel"
        units = "ChargingScheduleAllowedChargingRateUnit" if old else "SmartChargingCtrlr.RateUnit"
        values = self._command("get_variables", {"names": [name, units]}).get("values") or {}
        told = {key.casefold(): value for key, value in values.items()}
        level = told.get(name.casefold()) or ""
        if level.isdecimal() and int(level) > 1:
            self._levels = (0, 1, min(int(level), 1000))
        self._told_units = {"A" if word in ("a", "current") else "W" for word in _words(told.get(units.casefold()))}

    def _base(self) -> Form | None:
        """The first form that is taken at all."""
        places = [(TX_DEFAULT, 1), (STATION_MAX, 0), (TX_DEFAULT, 0)]
        places += [(TX, 1)] if self._subject.transaction_id else []
        forms = (
            Form(purpose, evse_id, unit, kind, level)
            for purpose, evse_id in places
            for level in self._levels
            for kind in KINDS
            for unit in UNITS
            if not (purpose == STATION_MAX and kind == "Relative")
        )
        return next((form for form in forms if self._takes(form)), None)

    def _vary(self, base: Form) -> None:
        limits = self.found.limits
        units = self._all(base, "unit", UNITS)
        if len(units) == 1:
            limits["unit"] = units[0]
        if self._told_units and set(units) != self._told_units:
            limits["unit_key_lies"] = True
        if base.purpose != STATION_MAX and len(kinds := self._all(base, "kind", KINDS)) == 1:
            limits["kind"] = kinds[0]
        if len(levels := self._all(base, "stack_level", self._levels)) == 1:
            limits["stack_level"] = levels[0]
        self._purposes(base)
        periods = self._most_periods(base)
        if periods < PERIODS_MAX:
            limits["periods_max"] = periods
        numbers = self._all(replace(base, profile_id=IDS[-1]), "profile_id", IDS)
        if IDS[0] not in numbers:
            limits["profile_id_max"] = max((SMALL_ID, *numbers))

    def _all(self, base: Form, name: str, values: Iterable[Any]) -> list[Any]:
        return [
            value
            for value in values
            if (value == getattr(base, name) and name != "profile_id") or self._takes(replace(base, **{name: value}))
        ]

    def _purposes(self, base: Form) -> None:
        """Where and for what; the purpose of a running transaction only while one runs."""
        station = replace(base, purpose=STATION_MAX, evse_id=0, kind="Absolute")
        every, outlet = replace(base, purpose=TX_DEFAULT, evse_id=0), replace(base, purpose=TX_DEFAULT, evse_id=1)
        taken = {form: form == base or self._takes(form) for form in (station, every, outlet)}
        purposes = [
            purpose for purpose in (STATION_MAX, TX_DEFAULT) if any(taken[f] for f in taken if f.purpose == purpose)
        ]
        if self._subject.transaction_id:
            mine = replace(base, purpose=TX, evse_id=1)
            purposes += [TX] if mine == base or self._takes(mine) else []
        if len(purposes) < (3 if self._subject.transaction_id else 2):
            self.found.limits["purposes"] = purposes
        if not self._subject.transaction_id:
            self.found.notes.append("TxProfile was not tried: no session ran while it was probed.")
        if not (taken[station] or taken[every]):
            self.found.limits["connector"] = "outlet"
        elif not taken[outlet]:
            self.found.limits["connector"] = "station"

    def _most_periods(self, base: Form) -> int:
        """The largest number that is taken, by halving."""
        if self._takes(replace(base, periods=PERIODS_MAX)):
            return PERIODS_MAX
        low, high = base.periods, PERIODS_MAX
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._takes(replace(base, periods=middle)) else (low, middle)
        return low

    def _composite(self, base: Form) -> None:
        answer = self._planned(base)
        if answer is not None:
            self.found.limits["composite"] = composite_form(answer, base.unit)

    def _planned(self, form: Form) -> dict[str, Any] | None:
        """What the station says that it will do of this form; None when it does not take it."""
        with self._installed(form) as taken:
            body = {"evse_id": form.evse_id, "duration_s": COMPOSITE_S, "unit": form.unit}
            return self._command("get_composite_schedule", body) if taken else None

    @property
    def _tells(self) -> bool:
        return self.found.limits.get("composite") in ("true", "unlimited")

    def _step(self, base: Form) -> None:
        """A tenth of an ampere less: what becomes of it shows the step."""
        form = replace(base, unit="A", below_a=FRACTION_A)
        if self.found.limits.get("unit") == "W":
            return
        if not self._tells:
            self.found.notes.append("The step of the current was not seen: its composite schedules do not tell.")
            return
        answer = self._planned(form)
        if answer is None:
            self.found.limits["step_a"] = 1.0
            self.found.notes.append("It refuses fractions of an ampere.")
            return
        told_a, shown_a = self._subject.limit("A", FRACTION_A), _first_limit(answer)
        step_a = None if shown_a is None else step_between(told_a, shown_a)
        if step_a is None:
            self.found.notes.append(f"The step of the current was not seen: {told_a:g} A was shown as {shown_a}.")
        elif step_a != STEPS_A[0]:
            self.found.limits["step_a"] = step_a

    def _end(self, base: Form) -> None:
        """A profile that ends within what the composite schedule shows."""
        form = replace(base, below_a=1.0, ends=True)
        if not self._tells:
            if not self._takes(form):
                self.found.limits["valid_to"] = "refused"
            self.found.notes.append("Whether validTo ends a profile was not seen: its composite schedules do not tell.")
            return
        answer = self._planned(form)
        if answer is None:
            self.found.limits["valid_to"] = "refused"
            return
        periods = (answer.get("composite") or {}).get("periods") or []
        limit = self._subject.limit(form.unit, form.below_a)
        later = [p for p in periods if abs(p["start_s"] - VALID_S) <= VALID_BAND_S]
        freed = any(p["limit"] is None or p["limit"] > limit + NOISE_A for p in later)
        self.found.limits["valid_to"] = "honoured" if freed else "ignored"

    def _survives(self, base: Form, reconnect: Callable[[], None]) -> None:
        """Whether it is still there after a restart: who is asked to remove it says so."""
        if not self._set(base):
            return
        reconnect()
        self.found.limits["after_reconnect"] = "kept" if self._clear(base) else "lost"


def step_between(told_a: float, shown_a: float) -> float | None:
    """The finest step that makes `shown_a` of `told_a` by rounding down; None when none does."""
    steps = (step for step in STEPS_A if abs((told_a + NOISE_A) // step * step - shown_a) < NOISE_A)
    return next(steps, None)


def _first_limit(answer: dict[str, Any]) -> float | None:
    periods = (answer.get("composite") or {}).get("periods") or []
    return periods[0]["limit"] if periods else None


def composite_form(answer: dict[str, Any], unit: str) -> str:
    """The answer to GetCompositeSchedule in the words of `limits.composite`.

    What makes no sense reaches us without periods (RB-65), so the answer as it was tells that apart from nothing said.
    """
    if not answer["accepted"]:
        return "rejected"
    payload = answer.get("payload") or {}
    told = payload.get("chargingSchedule") or payload.get("schedule")
    if not told:
        return "none"
    if not told.get("chargingSchedulePeriod"):
        return "empty"
    composite = answer.get("composite") or {}
    periods = composite.get("periods") or []
    if not periods or any(period["start_s"] > COMPOSITE_S for period in periods):
        return "impossible"
    if composite["unit"] != unit:
        return "other_unit"
    return "unlimited" if all(period["limit"] is None for period in periods) else "true"


def _words(value: str | None) -> list[str]:
    return [word.strip().casefold() for word in (value or "").split(",") if word.strip()]
