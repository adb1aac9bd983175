"""The tables of a profile but for limits: every field with its neutral value, its documentation and where it acts.

`csms` names what the central system uses a field for, `sim` the module of device_sim in which a simulated pile does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_profiles.facts import ANY, NOT_YET, fact

PROTOCOLS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
KINDS = ("ac", "dc")
IDENTITY = "quirks/identity.py"
MEASURING = "quirks/measuring.py"
TIMING = "quirks/timing.py"
BOOTING = "quirks/booting.py"
TRANSACTING = "quirks/transacting.py"
FRAMING = "quirks/framing.py"
REPLYING = "quirks/replying.py"
CONFIGURING = "quirks/configuring.py"
SHOWING = "quirks/showing.py"
STARTING = "quirks/starting.py"
HARDWARE = "quirks/hardware.py"


@dataclass(frozen=True, slots=True)
class Match:
    """Which stations are meant. A pattern is `Name`, `Name*` (a beginning) or `/expression/`; a list: any of them."""

    vendor: tuple[str, ...] = fact((), "Vendor of the boot; may be empty text.", csms="finding a profile")
    model: tuple[str, ...] = fact((), "Model of the boot.", csms="finding a profile")
    firmware: tuple[str, ...] = fact((), "Firmware text of the boot.", csms="finding a profile")
    version: str = fact("", "Range of versions in the firmware text, such as `>=5.1,<6`.", csms="finding a profile")
    version_from: str = fact(
        "", "Expression whose group 1 is the version, where it is not the first number.", csms="finding a profile"
    )
    id: tuple[str, ...] = fact(
        (),
        "Station ids; count before the boot, or where neither vendor nor model is asked for.",
        csms="finding a profile",
    )
    protocol: str = fact("", "Only over this protocol.", csms="finding a profile", one_of=("", *PROTOCOLS))
    kind: str = fact("", "Only registered as this kind.", csms="finding a profile", one_of=("", *KINDS))
    assumed: bool = fact(False, "No boot of it is published: vendor and model are the maker's usual names.")


@dataclass(frozen=True, slots=True)
class Ocpp:
    """Which OCPP it speaks."""

    versions: tuple[str, ...] = fact(
        (), "Versions seen, best first; empty: not stated.", sim=HARDWARE, one_of=PROTOCOLS
    )
    force_version: str = fact(
        "",
        "Only this version is usable, whatever else is offered.",
        csms=NOT_YET + "choice of the version",
        one_of=("", *PROTOCOLS),
    )
    smart_charging_undeclared: bool = fact(
        False,
        "SupportedFeatureProfiles lacks SmartCharging.",
        csms=ANY + "limit ladder: try it all the same",
        sim=CONFIGURING,
    )
    payloads_of_16: bool = fact(
        False,
        "Status messages in the form of 1.6 on a newer connection.",
        csms=ANY + "choice of the version",
        sim=SHOWING,
    )


@dataclass(frozen=True, slots=True)
class Meter:
    """What its meter values look like."""

    energy_unit: str = fact("Wh", "Unit of energies.", csms=ANY + "metering", sim=MEASURING, one_of=("Wh", "kWh"))
    power_unit: str = fact("W", "Unit of powers.", csms=ANY + "metering", sim=MEASURING, one_of=("W", "kW"))
    measurands: tuple[str, ...] = fact((), "All that it sends; empty: not stated.", csms="start-up", sim=MEASURING)
    per_phase_only: bool = fact(False, "Energy by phase, no total.", csms=ANY + "metering", sim=MEASURING)
    no_power: bool = fact(
        False, "No power among the values, or one that means nothing.", csms="metering, confirmation", sim=MEASURING
    )
    power_zero: bool = fact(
        False, "Power.Active.Import is there and always 0.", csms=ANY + "confirmation", sim=MEASURING
    )
    none: bool = fact(False, "No meter values ever, whatever is configured.", csms="metering", sim=MEASURING)
    only_on_trigger: bool = fact(False, "Values only when TriggerMessage asks.", csms="metering", sim=MEASURING)
    interval_min_s: int = fact(0, "Shortest interval it keeps, s.", csms="start-up", sim=MEASURING, least=0)
    register_resets: bool = fact(False, "The register counts from 0 in each session.", csms="metering", sim=MEASURING)
    register_wraps_32bit: bool = fact(
        False, "The register stands at the edge of 32 bits.", csms=ANY + "metering", sim=MEASURING
    )
    interval_energy: bool = fact(
        False, "Energy.Active.Import.Interval comes too.", csms=ANY + "metering", sim=MEASURING
    )
    interval_equals_register: bool = fact(
        False, "The energy of an interval shows the whole register.", csms=ANY + "metering", sim=MEASURING
    )
    suffixed_measurands: bool = fact(
        False, "The phase stands in the name: `Current.Import.L1`.", csms=ANY + "metering", sim=MEASURING
    )
    empty_values: bool = fact(False, "Values that are empty texts.", csms=ANY + "metering", sim=MEASURING)
    empty_samples: bool = fact(False, "Messages with an empty list of values.", csms=ANY + "metering", sim=MEASURING)
    float_noise: bool = fact(False, "All digits of a binary fraction.", csms=ANY + "metering", sim=MEASURING)
    odd_context: str = fact("", "A context that OCPP does not know.", csms=ANY + "metering", sim=MEASURING)
    frequency_unit: str = fact("", "Frequency comes, in this unit.", csms=ANY + "metering", sim=MEASURING)
    connector0_values: bool = fact(False, "Values of connector 0 as well.", csms=ANY + "metering", sim=MEASURING)
    replays_history: bool = fact(
        False, "Old samples, of years, at the first connection.", csms=ANY + "metering", sim=MEASURING
    )
    one_measurand_rejects_list: bool = fact(
        False, "One unknown measurand and the whole list is refused.", csms=ANY + "start-up", sim=CONFIGURING
    )
    readback_reboots: bool = fact(
        False, "Reading the list of measurands back reboots it.", csms="start-up: never read", sim=CONFIGURING
    )


@dataclass(frozen=True, slots=True)
class Time:
    """How its clock is wrong."""

    no_zone_means_local: bool = fact(
        False, "Times without a zone, local.", csms=NOT_YET + "reading of times", sim=TIMING
    )
    local_labelled_z: bool = fact(
        False, "Local times that claim to be UTC.", csms=NOT_YET + "reading of times", sim=TIMING
    )
    local_until_boot: bool = fact(
        False, "Only until the boot is answered, right afterwards.", csms=NOT_YET + "reading of times", sim=TIMING
    )
    offset_minutes: int | None = fact(
        None,
        "Its zone, minutes before UTC; None: that of the site.",
        csms=NOT_YET + "reading of times",
        sim=TIMING,
        least=-720,
        most=840,
    )
    epoch_before_sync: bool = fact(
        False, "Times of 1970 until it knows the time.", csms=ANY + "reading of times", sim=TIMING
    )
    ahead_s: float = fact(0.0, "So far ahead, s.", csms=ANY + "reading of times", sim=TIMING, least=-3600, most=3600)


@dataclass(frozen=True, slots=True)
class Boot:
    """How it comes up. The texts are what a boot says; a pile that behaves as this profile says them."""

    vendor: str = fact("", "Vendor as seen.", sim=IDENTITY)
    model: str = fact("", "Model as seen.", sim=IDENTITY)
    firmware: str = fact("", "Firmware as seen.", sim=IDENTITY)
    meter_type: str = fact("", "Meter type as seen.", sim=IDENTITY)
    absent_on_connect: bool = fact(False, "No boot by itself, only when triggered.", csms=ANY + "start-up", sim=BOOTING)
    empty_vendor: bool = fact(False, "The vendor is an empty text.", csms=ANY + "start-up", sim=IDENTITY)
    serial_too_long: bool = fact(
        False, "A serial number of more than 25 characters.", csms=ANY + "start-up", sim=IDENTITY
    )
    same_id_retry: bool = fact(
        False,
        "After an error answer to a stop: a boot every 10 s, always with one id.",
        csms=ANY + "answering",
        sim=BOOTING,
    )


@dataclass(frozen=True, slots=True)
class Tx:
    """What it does with transactions."""

    stale_id_after_stop: bool = fact(
        False, "Values under the old transaction after its stop.", csms=ANY + "sessions", sim=TRANSACTING
    )
    bogus_ids: tuple[int, ...] = fact((), "Transaction ids that nobody gave.", csms=ANY + "sessions", sim=TRANSACTING)
    stop_without_tag: bool = fact(False, "A stop without idTag.", csms=ANY + "sessions", sim=TRANSACTING)
    stop_empty_tag: bool = fact(False, "A stop with an empty idTag.", csms=ANY + "sessions", sim=TRANSACTING)
    stop_lower_than_start: bool = fact(
        False, "meterStop is one below meterStart.", csms=ANY + "sessions", sim=TRANSACTING
    )
    end_samples_after_stop: bool = fact(
        False, "The last samples come after the stop.", csms=ANY + "sessions", sim=TRANSACTING
    )
    garbage_on_full_length_tag: bool = fact(
        False, "A tag of full length comes back with control characters.", csms=ANY + "remote commands", sim=TRANSACTING
    )
    tag_chars_max: int = fact(20, "Longest tag it can take.", csms="remote commands", sim=STARTING, least=1, most=20)
    forgets_after_power_cycle: bool = fact(
        False, "A transaction is forgotten when the power fails: no stop.", csms=ANY + "sessions", sim=TRANSACTING
    )
    reservation_id_zero: bool = fact(
        False, "reservationId 0 where there is none.", csms=ANY + "sessions", sim=TRANSACTING
    )
    authorize_connector_id: bool = fact(False, "Authorize has a connectorId.", csms=ANY + "answering", sim=TRANSACTING)


@dataclass(frozen=True, slots=True)
class Rpc:
    """How its frames are wrong."""

    no_subprotocol: bool = fact(False, "No subprotocol in the handshake.", csms=ANY + "handshake", sim=FRAMING)
    empty_station_id: bool = fact(False, "No station id in the address.", csms=NOT_YET + "handshake", sim=FRAMING)
    raw_basic_password: bool = fact(
        False, "The password as raw bytes of its hex digits.", csms=ANY + "handshake", sim=FRAMING
    )
    json_style: str = fact(
        "compact",
        "How JSON is written: compact, pretty (many lines) or spaced (blanks before commas).",
        csms=ANY + "reading of frames",
        sim=FRAMING,
        one_of=("compact", "pretty", "spaced"),
    )
    message_ids: str = fact(
        "random",
        "Its message ids: random; restart (from 1 at each boot); decimal; time.",
        csms=ANY + "reading of frames",
        sim=FRAMING,
        one_of=("random", "restart", "decimal", "time"),
    )
    short_callerror: bool = fact(False, "CALLERROR with four elements.", csms=ANY + "reading of frames", sim=FRAMING)
    string_details: bool = fact(
        False, "Details of a CALLERROR are a text.", csms=ANY + "reading of frames", sim=FRAMING
    )
    truncated_json: bool = fact(
        False, "The answer to GetConfiguration is cut off or no JSON.", csms=ANY + "start-up", sim=FRAMING
    )
    no_reply_actions: tuple[str, ...] = fact(
        (),
        "Actions that get no answer; `Action:Word` only with that word in the request.",
        csms=NOT_YET + "start-up, commands",
        sim=REPLYING,
    )
    no_reply_share: float = fact(
        1.0, "Share of those that get none.", csms=NOT_YET + "start-up, commands", sim=REPLYING, least=0, most=1
    )
    refuses: Mapping[str, str] = fact(
        {}, "Action -> how it is refused: a status, or `error CODE`.", csms=NOT_YET + "commands", sim=REPLYING
    )


@dataclass(frozen=True, slots=True)
class Cfg:
    """Its configuration keys."""

    bool_style: str = fact(
        "true", "How it writes true.", csms=ANY + "configuration", sim=CONFIGURING, one_of=("true", "TRUE", "True", "1")
    )
    key_case: str = fact(
        "standard", "How it writes keys.", csms=NOT_YET + "configuration", sim=CONFIGURING, one_of=("standard", "lower")
    )
    key_names: Mapping[str, str] = fact({}, "Key of the standard -> its own.", csms="configuration", sim=CONFIGURING)
    max_keys_per_get: int | None = fact(
        None, "Most keys in one GetConfiguration.", csms="configuration", sim=CONFIGURING, least=1
    )
    no_standard_keys: bool = fact(
        False, "GetConfiguration shows no key of the standard.", csms=ANY + "start-up", sim=CONFIGURING
    )
    declares: Mapping[str, str] = fact(
        {}, "What keys say, true or not.", csms=ANY + "limit ladder: a hint", sim=CONFIGURING
    )
    keys_lost_on_reboot: bool = fact(
        False, "Changed keys are gone after a reboot.", csms=NOT_YET + "configuration: send again", sim=CONFIGURING
    )
    reboot_required: tuple[str, ...] = fact(
        (), "Keys answered RebootRequired, though they act at once.", csms=ANY + "configuration", sim=CONFIGURING
    )


@dataclass(frozen=True, slots=True)
class Status:
    """What its status messages leave out or get wrong."""

    no_connector0: bool = fact(False, "Connector 0 is never told.", csms=ANY + "status", sim=SHOWING)
    stays_finishing: bool = fact(
        False, "Finishing after the session, for longer than it should.", csms=ANY + "status", sim=SHOWING
    )
    available_while_plugged: bool = fact(False, "Available though a car is there.", csms=ANY + "status", sim=SHOWING)
    only_one_connector_after_reconnect: bool = fact(
        False, "After a reconnection only connector 1 is told.", csms=ANY + "status", sim=SHOWING
    )
    starts_unavailable: bool = fact(False, "The first status is Unavailable.", csms=ANY + "status", sim=SHOWING)
    error_code: str = fact("NoError", "errorCode where there is no error.", csms=ANY + "status", sim=SHOWING)
    info: str = fact("", "Text in info.", csms=ANY + "status", sim=SHOWING)
    data_transfer: Mapping[str, str] = fact(
        {}, "DataTransfer after each status: vendorId, messageId, data.", csms=ANY + "data transfer", sim=SHOWING
    )


@dataclass(frozen=True, slots=True)
class Setup:
    """How to set it up."""

    keys: Mapping[str, str] = fact({}, "Key -> the value it should have.", csms="configuration diff, start-up")
    legal_measurands: tuple[str, ...] = fact(
        (), "The only measurands it takes in a list.", csms="start-up", sim=CONFIGURING
    )
    readonly_keys: tuple[str, ...] = fact((), "Keys that cannot be changed.", csms="start-up", sim=CONFIGURING)
    skip_actions: tuple[str, ...] = fact((), "Actions not to be sent.", csms=NOT_YET + "start-up, commands")
    settle_s: float = fact(
        0.0, "Wait after a connection before anything is asked, s.", csms="start-up", least=0, most=3600
    )
    no_trigger_bursts: bool = fact(False, "TriggerMessage one by one, never in a burst.", csms=NOT_YET + "start-up")
    connect_wait_s: float = fact(
        0.0, "The first connection may take so long, s.", csms=NOT_YET + "doctor", least=0, most=86400
    )
    measurands_one_by_one: bool = fact(
        False, "Measurands are added to the list one at a time.", csms=NOT_YET + "start-up"
    )


@dataclass(frozen=True, slots=True)
class Start:
    """How charging begins."""

    remote_start_needed: bool = fact(
        False, "Nothing begins without a remote start.", csms=NOT_YET + "remote commands", sim=STARTING
    )
    profile_in_remote_start: str = fact(
        "ok",
        "A charging profile inside a remote start: ok, or how it is refused (a status, `error CODE`).",
        csms=NOT_YET + "remote commands",
        sim=STARTING,
    )
    remote_stop: str = fact(
        "ok", "A remote stop: ok, or how it is refused.", csms=NOT_YET + "remote commands", sim=STARTING
    )


@dataclass(frozen=True, slots=True)
class Hw:
    """The hardware, for the simulator and for plausibility."""

    kind: str = fact("", "AC or DC.", csms=NOT_YET + "onboarding", sim=HARDWARE, one_of=("", *KINDS))
    connectors: int = fact(1, "Connectors.", csms=NOT_YET + "onboarding", sim=HARDWARE, least=1, most=64)
    parallel: bool = fact(True, "All connectors may charge at once.", csms=NOT_YET + "onboarding")
    power_w_max: int | None = fact(
        None, "The most it gives at a connector, W.", csms=NOT_YET + "onboarding", sim=HARDWARE, least=1
    )
    current_a_max: float | None = fact(
        None, "The most it takes on each phase, A.", csms=NOT_YET + "onboarding", sim=HARDWARE, least=1
    )
    phases: int | None = fact(
        None, "Phases; None: of either kind.", csms=NOT_YET + "onboarding", sim=HARDWARE, least=1, most=3
    )
