"""Who may use the HTTP interface: roles, what a token is bound to, and the caller behind a request."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from csms.model.errors import CsmsError


class Role(StrEnum):
    """What a token is for. Grid operators are bound to feeders (and what is below them), partners to their platform,
    drivers (or their app) to id tokens.
    """

    VIEWER = "viewer"
    TECHNICIAN = "technician"
    GRID_OPERATOR = "grid_operator"
    PROVINCE_PARTNER = "province_partner"
    DRIVER = "driver"
    ADMINISTRATOR = "administrator"


BOUND = frozenset({Role.GRID_OPERATOR, Role.PROVINCE_PARTNER, Role.DRIVER})
"""Roles that see what they are bound to and nothing else."""


class Caller(Struct, frozen=True):
    """Whose token came with a request, and from where."""

    token_id: str
    name: str
    role: Role
    bound_to: tuple[str, ...] = ()
    address: str = ""

    @property
    def source(self) -> str:
        """Under which identity this caller limits feeders: a grid operator under its own, the house under one."""
        return f"grid:{self.name}" if self.role is Role.GRID_OPERATOR else "http"


class AccessRefused(CsmsError):
    """A request is not served; `reason` says why in a stable word, `headers` go with the answer."""

    def __init__(self, reason: str, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.reason, self.headers = reason, headers or {}


class Unauthenticated(AccessRefused):
    """No valid token came with the request. Reasons: missing, invalid, expired, revoked."""

    code = "unauthenticated"


class NotAuthorised(AccessRefused):
    """The token is good, but not for this. Reasons: role, bound."""

    code = "not_authorised"


class RateLimited(AccessRefused):
    """Too many requests. Reasons: token, address, failures."""

    code = "rate_limited"


class TokenExists(CsmsError):
    """A token of this name exists or existed; names are never given twice, because records speak of them."""

    code = "token_exists"


class UnknownAccessToken(CsmsError):
    """No token of this name is valid."""

    code = "unknown_access_token"


class LastAdministrator(CsmsError):
    """Without this token nobody could administer the server; make another administrator first."""

    code = "last_administrator"


class TokenInvalid(CsmsError):
    """A token like this cannot be made."""

    code = "invalid_access_token"


class AuditUnavailable(CsmsError):
    """The audit log cannot be written now, so the action was not begun; try again."""

    code = "audit_unavailable"
