"""Routes about firmware that this server hands out to stations."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request, Response
from pydantic import AwareDatetime, Field

from csms.access.needs import technicians, viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps
from csms.api.schemas import Body, Out
from csms.model.files import NAME_LENGTH_MAX
from csms.station.files import FileDesk, NoFileServer
from csms.store.station_tables import FirmwareFile

Name = Annotated[str, Path(max_length=NAME_LENGTH_MAX, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]


class FirmwareOut(Out):
    """One file; `signed`: it has its maker's signature, so updates with it are secure ones."""

    name: str
    size_bytes: int
    sha256: str
    md5: str
    uploaded_at: AwareDatetime
    signed: bool


class FirmwareListOut(Out):
    """All files by name."""

    firmware: list[FirmwareOut]


class SignatureBody(Body):
    """The maker's signature over the whole file (RSA-PSS or ECDSA, SHA-256; Base64) and its certificate (PEM)."""

    signing_certificate: str = Field(min_length=1, max_length=5500)
    signature: str = Field(min_length=1, max_length=800)


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(prefix="/firmware", tags=["firmware"])

    @routes.get("", summary="List firmware")
    @viewers
    async def list_firmware() -> FirmwareListOut:
        """What stations can be updated with by name."""
        return FirmwareListOut(firmware=[firmware_view(row) for row in await _desk(deps).all_firmware()])

    @routes.put("/{name}", summary="Upload firmware")
    @technicians.but(body=False)
    async def put_firmware(name: Name, request: Request) -> FirmwareOut:
        """The body is the file. A name is never given to another file: delete the old one first."""
        return firmware_view(await _desk(deps).put_firmware(name, request.stream()))

    @routes.put("/{name}/signature", summary="Give firmware its maker's signature")
    @technicians
    async def put_signature(name: Name, body: SignatureBody) -> FirmwareOut:
        """Checked against the file and the certificate's validity before it is kept."""
        return firmware_view(await _desk(deps).sign_firmware(name, body.signing_certificate, body.signature))

    @routes.delete("/{name}", status_code=204, summary="Delete firmware")
    @technicians
    async def delete_firmware(name: Name) -> Response:
        """Stations that were sent for it find nothing any more."""
        await _desk(deps).remove_firmware(name)
        return Response(status_code=204)

    return routes


def firmware_view(row: FirmwareFile) -> FirmwareOut:
    """One file."""
    return FirmwareOut(
        name=row.name,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        md5=row.md5,
        uploaded_at=row.uploaded_at,
        signed=bool(row.signature),
    )


def _desk(deps: ApiDeps) -> FileDesk:
    if deps.files is None:
        raise NoFileServer("this server keeps no files")
    return deps.files
