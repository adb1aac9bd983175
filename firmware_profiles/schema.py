"""The tables of a profile but for limits: every field with its neutral value, its documentation and where it acts.

`csms` names the module of csms in which a field has its effect, or says why it needs none (`nothing: ...`); `sim` the
module of device_sim in which a simulated pile does it. A test looks whether they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_profiles.facts import fact

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

FINDING = "finding a profile"
ASKING = "station/asking.py"
WISHES = "station/wishes.py"
KEYS = "station/keys.py"
CONFIGURATION = "station/configuration.py"
CORRECTIONS = "station/corrections.py"
DIAGNOSIS = "station/diagnosis.py"
GREETING = "station/greeting.py"
REGISTRATION = "station/registration.py"
REMOTE = "station/remote_control.py"
VERSIONS = "station/versions.py"
ALIKE = "nothing: all stations are treated so"


@dataclass(frozen=True, slots=True)
class Match:
    """Which stations are meant. A pattern is `Name`, `Name*` (a beginning) or `/expression/`; a list: any of them."""

    vendor: tuple[str, ...] = fact((), "Vendor of the boot; may be empty text.", csms=FINDING)
    model: tuple[str, ...] = fact((), "Model of the boot.", csms=FINDING)
    firmware: tuple[str, ...] = fact((), "Firmware text of the boot.", csms=FINDING)
    version: str = fact("", "Range of versions in the firmware text, such as `>=5.1,<6`.", csms=FINDING)
    version_from: str = fact(
        "", "Expression whose group 1 is the version, where it is not the first number.", csms=FINDING
    )
    id: tuple[str, ...] = fact(
        (),
        "Station ids; count before the boot, or where neither vendor nor model is asked for.",
        csms=FINDING,
    )
    protocol: str = fact("", "Only over this protocol.", csms=FINDING, one_of=("", *PROTOCOLS))
    kind: str = fact("", "Only registered as this kind.", csms=FINDING, one_of=("", *KINDS))
    assumed: bool = fact(
        False,
        "No boot of it is published: vendor and model are the maker's usual names.",
        csms="nothing: a word for people",
    )


@dataclass(frozen=True, slots=True)
class Ocpp:
    """Which OCPP it speaks."""

    versions: tuple[str, ...] = fact(
        (),
        "Versions seen, best first; empty: not stated.",
        csms="nothing: what both offer counts",
        sim=HARDWARE,
        one_of=PROTOCOLS,
    )
    force_version: str = fact(
        "",
        "Only this version is usable, whatever else is offered.",
        csms=VERSIONS,
        one_of=("", *PROTOCOLS),
    )
    smart_charging_undeclared: bool = fact(
        False,
        "SupportedFeatureProfiles lacks SmartCharging.",
        csms="nothing: limits are tried whatever is declared",
        sim=CONFIGURING,
    )
    payloads_of_16: bool = fact(
        False,
        "Status messages in the form of 1.6 on a newer connection.",
        csms="nothing: whatever speaks another version than agreed is told so",
        sim=SHOWING,
    )


@dataclass(frozen=True, slots=True)
class Meter:
    """What its meter values look like."""

    energy_unit: str = fact(
        "Wh", "Unit of energies.", csms="nothing: values name their unit", sim=MEASURING, one_of=("Wh", "kWh")
    )
    power_unit: str = fact(
        "W", "Unit of powers.", csms="nothing: values name their unit", sim=MEASURING, one_of=("W", "kW")
    )
    measurands: tuple[str, ...] = fact((), "All that it sends; empty: not stated.", csms=WISHES, sim=MEASURING)
    per_phase_only: bool = fact(False, "Energy by phase, no total.", csms=ALIKE, sim=MEASURING)
    no_power: bool = fact(False, "No power among the values, or one that means nothing.", csms=WISHES, sim=MEASURING)
    power_zero: bool = fact(False, "Power.Active.Import is there and always 0.", csms=CORRECTIONS, sim=MEASURING)
    none: bool = fact(False, "No meter values ever, whatever is configured.", csms=WISHES, sim=MEASURING)
    only_on_trigger: bool = fact(
        False, "Values only when TriggerMessage asks.", csms="station/meter_calls.py", sim=MEASURING
    )
    interval_min_s: int = fact(0, "Shortest interval it keeps, s.", csms=WISHES, sim=MEASURING, least=0)
    register_resets: bool = fact(False, "The register counts from 0 in each session.", csms=DIAGNOSIS, sim=MEASURING)
    register_wraps_32bit: bool = fact(False, "The register stands at the edge of 32 bits.", csms=ALIKE, sim=MEASURING)
    interval_energy: bool = fact(False, "Energy.Active.Import.Interval comes too.", csms=ALIKE, sim=MEASURING)
    interval_equals_register: bool = fact(
        False, "The energy of an interval shows the whole register.", csms=ALIKE, sim=MEASURING
    )
    suffixed_measurands: bool = fact(
        False, "The phase stands in the name: `Current.Import.L1`.", csms=ALIKE, sim=MEASURING
    )
    empty_values: bool = fact(False, "Values that are empty texts.", csms=ALIKE, sim=MEASURING)
    empty_samples: bool = fact(False, "Messages with an empty list of values.", csms=ALIKE, sim=MEASURING)
    float_noise: bool = fact(False, "All digits of a binary fraction.", csms=ALIKE, sim=MEASURING)
    odd_context: str = fact("", "A context that OCPP does not know.", csms=ALIKE, sim=MEASURING)
    frequency_unit: str = fact("", "Frequency comes, in this unit.", csms=ALIKE, sim=MEASURING)
    connector0_values: bool = fact(False, "Values of connector 0 as well.", csms=ALIKE, sim=MEASURING)
    replays_history: bool = fact(False, "Old samples, of years, at the first connection.", csms=ALIKE, sim=MEASURING)
    one_measurand_rejects_list: bool = fact(
        False, "One unknown measurand and the whole list is refused.", csms=WISHES, sim=CONFIGURING
    )
    readback_reboots: bool = fact(False, "Reading the list of measurands back reboots it.", csms=KEYS, sim=CONFIGURING)


@dataclass(frozen=True, slots=True)
class Time:
    """How its clock is wrong."""

    no_zone_means_local: bool = fact(False, "Times without a zone, local.", csms=CORRECTIONS, sim=TIMING)
    local_labelled_z: bool = fact(False, "Local times that claim to be UTC.", csms=CORRECTIONS, sim=TIMING)
    local_until_boot: bool = fact(
        False, "Only until the boot is answered, right afterwards.", csms=CORRECTIONS, sim=TIMING
    )
    offset_minutes: int | None = fact(
        None,
        "Its zone, minutes before UTC; None: that of the site.",
        csms=CORRECTIONS,
        sim=TIMING,
        least=-720,
        most=840,
    )
    epoch_before_sync: bool = fact(False, "Times of 1970 until it knows the time.", csms=ALIKE, sim=TIMING)
    ahead_s: float = fact(
        0.0,
        "So far ahead, s.",
        csms="charging/traits.py",
        sim=TIMING,
        least=-3600,
        most=3600,
    )


@dataclass(frozen=True, slots=True)
class Boot:
    """How it comes up. The texts are what a boot says; a pile that behaves as this profile says them."""

    vendor: str = fact("", "Vendor as seen.", csms="nothing: [match] says whom it is about", sim=IDENTITY)
    model: str = fact("", "Model as seen.", csms="nothing: [match] says whom it is about", sim=IDENTITY)
    firmware: str = fact("", "Firmware as seen.", csms="nothing: [match] says whom it is about", sim=IDENTITY)
    meter_type: str = fact("", "Meter type as seen.", csms="nothing: it tells nothing of the station", sim=IDENTITY)
    absent_on_connect: bool = fact(False, "No boot by itself, only when triggered.", csms=GREETING, sim=BOOTING)
    empty_vendor: bool = fact(False, "The vendor is an empty text.", csms=ALIKE, sim=IDENTITY)
    serial_too_long: bool = fact(False, "A serial number of more than 25 characters.", csms=ALIKE, sim=IDENTITY)
    same_id_retry: bool = fact(
        False, "After an error answer to a stop: a boot every 10 s, always with one id.", csms=ALIKE, sim=BOOTING
    )


@dataclass(frozen=True, slots=True)
class Tx:
    """What it does with transactions."""

    stale_id_after_stop: bool = fact(
        False, "Values under the old transaction after its stop.", csms=ALIKE, sim=TRANSACTING
    )
    bogus_ids: tuple[int, ...] = fact((), "Transaction ids that nobody gave.", csms=ALIKE, sim=TRANSACTING)
    stop_without_tag: bool = fact(False, "A stop without idTag.", csms=ALIKE, sim=TRANSACTING)
    stop_empty_tag: bool = fact(False, "A stop with an empty idTag.", csms=ALIKE, sim=TRANSACTING)
    stop_lower_than_start: bool = fact(False, "meterStop is one below meterStart.", csms=ALIKE, sim=TRANSACTING)
    end_samples_after_stop: bool = fact(False, "The last samples come after the stop.", csms=ALIKE, sim=TRANSACTING)
    garbage_on_full_length_tag: bool = fact(
        False, "A tag of full length comes back with control characters.", csms=CORRECTIONS, sim=TRANSACTING
    )
    tag_chars_max: int = fact(20, "Longest tag it can take.", csms=REMOTE, sim=STARTING, least=1, most=20)
    forgets_after_power_cycle: bool = fact(
        False, "A transaction is forgotten when the power fails: no stop.", csms=ALIKE, sim=TRANSACTING
    )
    reservation_id_zero: bool = fact(False, "reservationId 0 where there is none.", csms=ALIKE, sim=TRANSACTING)
    authorize_connector_id: bool = fact(False, "Authorize has a connectorId.", csms=ALIKE, sim=TRANSACTING)


@dataclass(frozen=True, slots=True)
class Rpc:
    """How its frames are wrong."""

    no_subprotocol: bool = fact(False, "No subprotocol in the handshake.", csms=VERSIONS, sim=FRAMING)
    empty_station_id: bool = fact(
        False, "No station id in the address.", csms="nothing: such a handshake is refused", sim=FRAMING
    )
    raw_basic_password: bool = fact(False, "The password as raw bytes of its hex digits.", csms=ALIKE, sim=FRAMING)
    json_style: str = fact(
        "compact",
        "How JSON is written: compact, pretty (many lines) or spaced (blanks before commas).",
        csms=ALIKE,
        sim=FRAMING,
        one_of=("compact", "pretty", "spaced"),
    )
    message_ids: str = fact(
        "random",
        "Its message ids: random; restart (from 1 at each boot); decimal; time.",
        csms=ALIKE,
        sim=FRAMING,
        one_of=("random", "restart", "decimal", "time"),
    )
    short_callerror: bool = fact(False, "CALLERROR with four elements.", csms=ALIKE, sim=FRAMING)
    string_details: bool = fact(False, "Details of a CALLERROR are a text.", csms=ALIKE, sim=FRAMING)
    truncated_json: bool = fact(False, "The answer to GetConfiguration is cut off or no JSON.", csms=ALIKE, sim=FRAMING)
    no_reply_actions: tuple[str, ...] = fact(
        (),
        "Actions that get no answer; `Action:Word` only with that word in the request.",
        csms=ASKING,
        sim=REPLYING,
    )
    no_reply_share: float = fact(
        1.0,
        "Share of those that get none.",
        csms="nothing: one missing answer says as much",
        sim=REPLYING,
        least=0,
        most=1,
    )
    refuses: Mapping[str, str] = fact(
        {}, "Action -> how it is refused: a status, or `error CODE`.", csms=WISHES, sim=REPLYING
    )


@dataclass(frozen=True, slots=True)
class Cfg:
    """Its configuration keys."""

    bool_style: str = fact(
        "true", "How it writes true.", csms=KEYS, sim=CONFIGURING, one_of=("true", "TRUE", "True", "1")
    )
    key_case: str = fact("standard", "How it writes keys.", csms=KEYS, sim=CONFIGURING, one_of=("standard", "lower"))
    key_names: Mapping[str, str] = fact({}, "Key of the standard -> its own.", csms=KEYS, sim=CONFIGURING)
    max_keys_per_get: int | None = fact(
        None, "Most keys in one GetConfiguration.", csms="station/splitting.py", sim=CONFIGURING, least=1
    )
    no_standard_keys: bool = fact(False, "GetConfiguration shows no key of the standard.", csms=WISHES, sim=CONFIGURING)
    declares: Mapping[str, str] = fact(
        {}, "What keys say, true or not.", csms="nothing: the station itself is asked", sim=CONFIGURING
    )
    keys_lost_on_reboot: bool = fact(
        False, "Changed keys are gone after a reboot.", csms="station/provisioning.py", sim=CONFIGURING
    )
    reboot_required: tuple[str, ...] = fact(
        (), "Keys answered RebootRequired, though they act at once.", csms=CONFIGURATION, sim=CONFIGURING
    )


@dataclass(frozen=True, slots=True)
class Status:
    """What its status messages leave out or get wrong."""

    no_connector0: bool = fact(False, "Connector 0 is never told.", csms=ALIKE, sim=SHOWING)
    stays_finishing: bool = fact(
        False, "Finishing after the session, for longer than it should.", csms=ALIKE, sim=SHOWING
    )
    available_while_plugged: bool = fact(False, "Available though a car is there.", csms=ALIKE, sim=SHOWING)
    only_one_connector_after_reconnect: bool = fact(
        False, "After a reconnection only connector 1 is told.", csms=GREETING, sim=SHOWING
    )
    starts_unavailable: bool = fact(False, "The first status is Unavailable.", csms=ALIKE, sim=SHOWING)
    error_code: str = fact("NoError", "errorCode where there is no error.", csms=ALIKE, sim=SHOWING)
    info: str = fact("", "Text in info.", csms=ALIKE, sim=SHOWING)
    data_transfer: Mapping[str, str] = fact(
        {},
        "DataTransfer after each status: vendorId, messageId, data.",
        csms="nothing: a vendor that is not known is answered so",
        sim=SHOWING,
    )


@dataclass(frozen=True, slots=True)
class Setup:
    """How to set it up."""

    keys: Mapping[str, str] = fact({}, "Key -> the value it should have.", csms=WISHES)
    legal_measurands: tuple[str, ...] = fact(
        (), "The only measurands it takes in a list.", csms=WISHES, sim=CONFIGURING
    )
    readonly_keys: tuple[str, ...] = fact((), "Keys that cannot be changed.", csms=WISHES, sim=CONFIGURING)
    skip_actions: tuple[str, ...] = fact((), "Actions not to be sent.", csms=ASKING)
    settle_s: float = fact(0.0, "Wait after a connection before anything is asked, s.", csms=ASKING, least=0, most=60)
    no_trigger_bursts: bool = fact(False, "TriggerMessage one by one, never in a burst.", csms=ASKING)
    connect_wait_s: float = fact(0.0, "The first connection may take so long, s.", csms=DIAGNOSIS, least=0, most=86400)
    measurands_one_by_one: bool = fact(False, "Measurands are added to the list one at a time.", csms=WISHES)


@dataclass(frozen=True, slots=True)
class Start:
    """How charging begins."""

    remote_start_needed: bool = fact(False, "Nothing begins without a remote start.", csms=DIAGNOSIS, sim=STARTING)
    profile_in_remote_start: str = fact(
        "ok",
        "A charging profile inside a remote start: ok, or how it is refused (a status, `error CODE`).",
        csms=REMOTE,
        sim=STARTING,
    )
    remote_stop: str = fact(
        "ok",
        "A remote stop: ok, or how it is refused.",
        csms="nothing: whoever stops is told of the refusal",
        sim=STARTING,
    )


@dataclass(frozen=True, slots=True)
class Hw:
    """The hardware, for the simulator and for plausibility."""

    kind: str = fact("", "AC or DC.", csms=REGISTRATION, sim=HARDWARE, one_of=("", *KINDS))
    connectors: int = fact(
        1, "Connectors.", csms="nothing: the station tells of its outlets", sim=HARDWARE, least=1, most=64
    )
    parallel: bool = fact(True, "All connectors may charge at once.", csms="nothing: the station divides its power")
    power_w_max: int | None = fact(
        None, "The most it gives at a connector, W.", csms=REGISTRATION, sim=HARDWARE, least=1
    )
    current_a_max: float | None = fact(
        None, "The most it takes on each phase, A.", csms=REGISTRATION, sim=HARDWARE, least=1
    )
    phases: int | None = fact(None, "Phases; None: of either kind.", csms=REGISTRATION, sim=HARDWARE, least=1, most=3)
