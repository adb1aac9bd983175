"""Routes for stations: one-time addresses under which they send logs and fetch firmware.

Who has the address may use it, once; every address that is not good any more is answered alike.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from email.message import Message

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from csms.access.needs import open_to_all
from csms.access.routing import Router
from csms.api.multipart import first_file
from csms.api.ports import ApiDeps
from csms.station.files import FileDesk, NoFileServer

PATH = "/files"

by_address = open_to_all("stations have no token of the API: the address holds a one-time token of its own")

log = logging.getLogger(__name__)


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(prefix=PATH, tags=["files"], include_in_schema=False)

    @by_address
    async def upload(token: str, request: Request, name: str = "") -> Response:
        """PUT and POST alike (N01.FR.18), as a plain body or as a form with a file in it."""
        desk = _desk(deps)
        await desk.expect(token)  # before anything of the body is read
        try:
            told, content = await _file_of(request)
            await desk.receive(token, told or name, content)
        except ClientDisconnect:
            log.info("upload_broke_off")
            return Response(status_code=400)
        return Response(status_code=201)

    @by_address
    async def fetch(token: str, request: Request, name: str = "") -> Response:
        """HEAD tells the size and uses nothing up; `name` is for stations that go by the end of an address."""
        download = await _desk(deps).fetch(token, look_only=request.method == "HEAD")
        headers = {
            "Content-Length": str(download.size_bytes),
            "Content-Disposition": f'attachment; filename="{download.name}"',
        }
        if request.method == "HEAD":
            return Response(headers=headers, media_type="application/octet-stream")
        return StreamingResponse(download.content, headers=headers, media_type="application/octet-stream")

    for path in ("/upload/{token}", "/upload/{token}/{name:path}"):
        routes.add_api_route(path, upload, methods=["PUT", "POST"])
    for path in ("/firmware/{token}", "/firmware/{token}/{name}"):
        routes.add_api_route(path, fetch, methods=["GET", "HEAD"])
    return routes


async def _file_of(request: Request) -> tuple[str, AsyncIterator[bytes]]:
    """The name that the station gives the file, empty when it gives none, and the file (N01.FR.19)."""
    kind = _header(request.headers.get("content-type", ""))
    boundary = kind.get_param("boundary")
    if kind.get_content_type() == "multipart/form-data" and isinstance(boundary, str):
        return await first_file(request.stream(), boundary)
    disposition = request.headers.get("content-disposition", "")
    return file_name(disposition), request.stream()


def file_name(disposition: str) -> str:
    """The file name in a Content-Disposition header; empty without one."""
    message = Message()
    message["Content-Disposition"] = disposition
    return message.get_filename("") or ""


def _header(content_type: str) -> Message:
    message = Message()
    message["Content-Type"] = content_type
    return message


def _desk(deps: ApiDeps) -> FileDesk:
    if deps.files is None:
        raise NoFileServer("this server takes no files")
    return deps.files
