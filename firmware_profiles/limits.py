"""How a station takes limits on its load."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_profiles.facts import fact

PURPOSES = ("ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile")
LADDER = "charging/ladder.py"
TRAITS = "charging/traits.py"
SHAPING = "charging/shaping.py"
OBEYING = "quirks/obeying.py"
JUDGING = "quirks/judging.py"


@dataclass(frozen=True, slots=True)
class Limits:
    """None means "as the station declares, else the neutral way"; an empty list of purposes: no profile works."""

    purposes: tuple[str, ...] = fact(
        PURPOSES,
        "Purposes that work, best first (1.6 calls the first ChargePointMaxProfile); empty: no charging profile works.",
        csms=LADDER,
        sim=JUDGING,
        one_of=PURPOSES,
    )
    ignores_accepted: bool = fact(False, "Charging profiles are accepted and not obeyed.", csms=LADDER, sim=OBEYING)
    refusal: str = fact(
        "Rejected",
        "How a profile that does not work is answered: a status, or `error CODE` for a CALLERROR.",
        csms="nothing: every refusal is a refusal",
        sim=JUDGING,
    )
    static_key: str = fact(
        "",
        "Configuration key that limits the load for good; kept in flash memory, so a last resort.",
        csms=LADDER + ", station/wishes.py",
        sim=OBEYING,
    )
    static_unit: str = fact("A", "Unit of that key.", csms=LADDER, sim=OBEYING, one_of=("A", "mA", "dA", "W"))
    unit: str | None = fact(None, "A or W, when only that works.", csms=LADDER, sim=JUDGING, one_of=("A", "W"))
    unit_key_lies: bool = fact(False, "What the station declares of units is wrong.", csms=LADDER)
    kind: str | None = fact(
        None,
        "Absolute or Relative, when the other one is refused.",
        csms=LADDER,
        sim=JUDGING,
        one_of=("Absolute", "Relative"),
    )
    stack_level: int | None = fact(None, "The only stack level that works.", csms=LADDER, sim=JUDGING, least=0)
    connector: str | None = fact(
        None,
        "station (connector 0) or outlet (1..n), when only that works.",
        csms=LADDER,
        sim=JUDGING,
        one_of=("station", "outlet"),
    )
    station_only: bool = fact(False, "A limit on one outlet acts on all of them.", csms=SHAPING)
    profile_id_max: int | None = fact(None, "Largest id of a profile.", csms=TRAITS, sim=JUDGING, least=1)
    periods_max: int | None = fact(None, "Most periods in a schedule.", csms=TRAITS, sim=JUDGING, least=1)
    profiles_max: int | None = fact(None, "Most profiles installed at a time.", csms=LADDER, sim=JUDGING, least=1)
    valid_to: str | None = fact(
        None,
        "What becomes of validTo: honoured (the profile ends then); ignored; refused (such a profile is not taken).",
        csms=TRAITS,
        sim=JUDGING,
        one_of=("honoured", "ignored", "refused"),
    )
    step_a: float = fact(
        0.1,
        "Step of the current, A; what lies between is rounded down.",
        csms=TRAITS,
        sim=OBEYING,
        least=0.001,
    )
    steps_a: tuple[float, ...] = fact(
        (),
        "The only currents there are, A; the next lower one is taken.",
        csms=TRAITS,
        sim=OBEYING,
        least=0,
    )
    floor_a: float = fact(6.0, "Under this current it stops, A.", csms=TRAITS, sim=OBEYING, least=0, most=500)
    floor_w: int = fact(0, "Under this power it stops, W.", csms=TRAITS, sim=OBEYING, least=0)
    one_phase_below_w: int | None = fact(
        None,
        "Under this power it charges on one phase, W.",
        csms="nothing: less is drawn than counted",
        sim=OBEYING,
        least=0,
    )
    raise_ignored_above_a: float | None = fact(
        None,
        "A limit above this current is accepted and counts as this current, A.",
        csms="nothing: less is drawn than counted",
        sim=OBEYING,
        least=0,
    )
    zero_means: str = fact(
        "pause",
        "What a limit of 0 does: pause; remote_stop (0 does nothing, a remote stop must be sent); hangs (the session "
        "never goes on).",
        csms=TRAITS,
        sim=OBEYING,
        one_of=("pause", "remote_stop", "hangs"),
    )
    first_after_pause_ignored: bool = fact(
        False, "The first limit after a pause is accepted and forgotten.", csms="charging/answers.py", sim=OBEYING
    )
    after_reconnect: str = fact(
        "lost",
        "Whether profiles are kept or lost when the connection was gone; lost is the safe thing to assume.",
        csms=TRAITS,
        sim=OBEYING + " (where the profile states it)",
        one_of=("kept", "lost"),
    )
    repeat_same: str = fact(
        "harmless",
        "harmful: a limit sent a second time is dropped.",
        csms=TRAITS,
        sim=OBEYING,
        one_of=("harmless", "harmful"),
    )
    needs_number_phases: bool = fact(False, "Without numberPhases the phases are not what was meant.", csms=TRAITS)
    tx_profile_needs_transaction_id: bool = fact(
        False,
        "A TxProfile without transactionId is refused.",
        csms="nothing: a TxProfile always names its transaction",
        sim=JUDGING,
    )
    confirm_by: tuple[str, ...] = fact(
        ("offered", "power", "composite"),
        "What proves a limit, best first: offered (Current.Offered), power (metered), composite; empty: nothing does.",
        csms=TRAITS,
        sim="quirks/measuring.py (Current.Offered misleads where it is not listed)",
        one_of=("offered", "power", "composite"),
    )
    composite: str = fact(
        "true",
        "How GetCompositeSchedule is answered: true; rejected; empty (accepted, no periods); none (accepted, no "
        "schedule); unlimited (-1 when nothing limits); other_unit; impossible (start times that cannot be); "
        "not_executed (answered, nothing behind it); noisy (all digits of a binary fraction).",
        csms=TRAITS,
        sim="quirks/composing.py",
        one_of=("true", "rejected", "empty", "none", "unlimited", "other_unit", "impossible", "not_executed", "noisy"),
    )
    reaction_s: float | None = fact(None, "Until a limit acts, s.", csms=TRAITS, sim=OBEYING, least=0, most=3600)
