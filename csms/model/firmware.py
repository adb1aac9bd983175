"""Firmware of stations (2.0.1 block L; 1.6 section 4.5, security extension L01): progress reports and commands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from csms.model.command import Command, Whole
from csms.model.files import FileName, Location, Moment, Times, one_source
from csms.model.inbound import Inbound

Certificate = Annotated[str, Meta(max_length=5500)]
"""PEM."""
Checksum = Annotated[str, Meta(max_length=32, pattern=r"^([0-9a-fA-F]{32})?$")]
"""MD5 over the whole file, 32 hexadecimal digits (L03.FR.02)."""


class FirmwareStatus(Inbound, frozen=True):
    """How an update goes on. `request_id` None: the message names none."""

    status: str
    request_id: int | None = None


class PublishFirmwareStatus(Inbound, frozen=True):
    """How a local controller goes on publishing a file; `locations` when it is published (L03.FR.04)."""

    status: str
    request_id: int | None = None
    locations: tuple[str, ...] = ()


class UpdateFirmware(Command, frozen=True):
    """Download and install firmware: a file of this server by name (`firmware`), or whatever lies at `location`.

    With `signing_certificate` and `signature` it is a secure update (L01), without a plain one (L02). A file of this
    server brings its own signature if it has one. `retrieve_at` None: now. `request_id` is given by the server.
    """

    location: Location = ""
    firmware: FileName = ""
    retrieve_at: Moment | None = None
    install_at: Moment | None = None
    retries: Times | None = None
    retry_interval_s: Whole | None = None
    signing_certificate: Certificate = ""
    signature: Annotated[str, Meta(max_length=800)] = ""
    request_id: Whole = 0

    def __post_init__(self) -> None:
        """Raises ValueError unless there is one source, and a signature with its certificate or neither."""
        one_source(self.location, self.firmware)
        if bool(self.signing_certificate) != bool(self.signature):
            raise ValueError("signing_certificate and signature go together")

    @property
    def begins_at(self) -> datetime:
        """When the station shall fetch the file; ValueError while nobody has said."""
        if self.retrieve_at is None:
            raise ValueError("retrieve_at is not set")
        return self.retrieve_at


class PublishFirmware(Command, frozen=True):
    """Let a local controller fetch a file and serve it to its stations (L03); `checksum` is known for own files."""

    location: Location = ""
    firmware: FileName = ""
    checksum: Checksum = ""
    retries: Times | None = None
    retry_interval_s: Whole | None = None
    request_id: Whole = 0

    def __post_init__(self) -> None:
        """Raises ValueError unless there is one source, with its checksum when it is not ours."""
        one_source(self.location, self.firmware)
        if self.location and not self.checksum:
            raise ValueError("a file that is not ours needs its checksum")


class UnpublishFirmware(Command, frozen=True):
    """Stop a local controller from serving a file (L04)."""

    checksum: Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{32}$")]
