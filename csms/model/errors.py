"""Two families of errors.

    PeerError   what a peer did wrong: answered by its protocol, counted, never fatal
    CsmsError   what we did wrong or cannot do: logged with a stable code, the task goes on or is restarted

`RpcErrorCode` holds the error codes of OCPP-J without a version; a translator picks the spelling of its version.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class RpcErrorCode(StrEnum):
    """Error codes of OCPP-J part 4, table 7 (2.0.1 spelling; 1.6 differs in two)."""

    FORMAT_VIOLATION = "FormatViolation"
    GENERIC_ERROR = "GenericError"
    INTERNAL_ERROR = "InternalError"
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    PROTOCOL_ERROR = "ProtocolError"
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    SECURITY_ERROR = "SecurityError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"


class PeerError(Exception):
    """The peer sent something that its protocol answers with an error."""

    def __init__(self, code: RpcErrorCode, description: str = "", details: Mapping[str, object] | None = None) -> None:
        super().__init__(f"{code}: {description}" if description else str(code))
        self.code = code
        self.description = description
        self.details = dict(details or {})


class CsmsError(Exception):
    """Something on our side failed; `code` is stable, the text says what to do about it."""

    code = "csms_error"


class UnknownStation(CsmsError):
    """No station with this id is registered."""

    code = "unknown_station"


class StationOffline(CsmsError):
    """The station is not connected, so it cannot be asked anything now."""

    code = "station_offline"


class StationNotAccepted(CsmsError):
    """The station's boot was not accepted, so it may not be asked for this."""

    code = "station_not_accepted"


class CallTimeout(CsmsError):
    """The station did not answer in time; whether it acted is unknown."""

    code = "call_timeout"


class CallRefused(CsmsError):
    """The station answered the call with an error frame."""

    code = "call_refused"

    def __init__(self, error_code: str, description: str = "") -> None:
        super().__init__(f"the station answered {error_code}" + (f": {description}" if description else ""))
        self.error_code = error_code


class AnswerUnusual(CallTimeout):
    """The station did not answer, as its firmware profile says of it; it may well have acted."""


class ConnectionLost(CsmsError):
    """The connection closed before the station answered; whether it acted is unknown."""

    code = "connection_lost"


class StationBusy(CsmsError):
    """Too many commands wait for this station already."""

    code = "station_busy"


class NotInThisVersion(CsmsError):
    """The station's OCPP version has no such command."""

    code = "not_in_this_version"


class NotForThisStation(CsmsError):
    """The firmware profile says that this does nothing or harm there; only a raw call is sent all the same."""

    code = "not_for_this_station"


class TokenRefused(CsmsError):
    """The token may not do this: it is unknown, blocked or expired."""

    code = "token_refused"


class StoreUnavailable(CsmsError):
    """The database did not take the change; nothing was acknowledged."""

    code = "store_unavailable"


class ChangeRefused(StoreUnavailable):
    """The database works, but does not take this one change; others are not affected."""


class DiskFull(StoreUnavailable):
    """There is no space for the change; nothing was acknowledged. Writing goes on by itself when there is space."""

    code = "disk_full"


class LimitRefused(CsmsError):
    """A grid limit was refused; `reason` is the reject code of the interface."""

    code = "limit_refused"

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
