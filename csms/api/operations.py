"""Routes about operations: what stations were asked for and goes on after their answer, and the files that came."""

from __future__ import annotations

from typing import Any

from fastapi import Query
from fastapi.responses import FileResponse
from pydantic import AwareDatetime

from csms.access.needs import technicians, viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps
from csms.api.problems import Refused
from csms.api.schemas import Out
from csms.store.station_reading import Matters
from csms.store.station_tables import Operation, ReceivedFile

ID_MAX = 2**31 - 1


class FileOut(Out):
    """A file that a station sent; `name` is the station's word for it."""

    name: str
    size_bytes: int
    sha256: str
    received_at: AwareDatetime


class OperationOut(Out):
    """One operation. `status`: the station's last word, or asked, unanswered (whether it acts is unknown), superseded.

    `detail` holds what was asked and, under `steps`, every status with its time. `ended_at` None: it goes on.
    """

    operation_id: int
    station_id: str
    kind: str
    status: str
    begun_at: AwareDatetime
    changed_at: AwareDatetime
    ended_at: AwareDatetime | None
    detail: dict[str, Any]
    file: FileOut | None


class OperationsOut(Out):
    """A page of operations, newest first; `next_before_id` asks for older ones."""

    clock_time: AwareDatetime
    operations: list[OperationOut]
    next_before_id: int | None


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(prefix="/operations", tags=["operations"])

    @routes.get("", summary="List operations")
    @viewers
    async def list_operations(
        limit: int = Query(default=50, ge=1, le=1000),
        station_id: str | None = None,
        kind: str | None = None,
        open: bool | None = None,  # noqa: A002 - the name in the address
        before_id: int | None = Query(default=None, ge=1, le=ID_MAX),
    ) -> OperationsOut:
        """Newest first; of a station, of a kind (the name of its command), those that go on or ended."""
        rows = await deps.reader.operations(Matters(limit, station_id, kind, open, before_id))
        files = {row.id: row for row in await deps.reader.received_files([row.id for row in rows])}
        views = [operation_view(row, files.get(row.id)) for row in rows]
        next_before_id = views[-1].operation_id if len(views) == limit else None
        return OperationsOut(clock_time=deps.clock.now(), operations=views, next_before_id=next_before_id)

    @routes.get("/{operation_id}", summary="Show an operation")
    @viewers
    async def show_operation(operation_id: int) -> OperationOut:
        """One operation with all its steps."""
        row = await _known(deps, operation_id)
        files = await deps.reader.received_files([operation_id])
        return operation_view(row, files[0] if files else None)

    @routes.get("/{operation_id}/file", summary="The file that the station sent", response_class=FileResponse)
    @technicians
    async def operation_file(operation_id: int) -> FileResponse:
        """As it came, byte for byte."""
        await _known(deps, operation_id)
        found = await deps.files.received(operation_id) if deps.files is not None else None
        if found is None or not found[1].is_file():
            raise Refused(404, "no_file", f"no file came for operation {operation_id}, or it was cleared out")
        row, path = found
        headers = {"X-Content-Type-Options": "nosniff"}
        return FileResponse(path, media_type="application/octet-stream", filename=row.name, headers=headers)

    return routes


def operation_view(row: Operation, file: ReceivedFile | None) -> OperationOut:
    """One operation, with its file if one came."""
    return OperationOut(
        operation_id=row.id,
        station_id=row.station_id,
        kind=row.kind,
        status=row.status,
        begun_at=row.begun_at,
        changed_at=row.changed_at,
        ended_at=row.ended_at,
        detail=row.detail,
        file=FileOut.model_validate(file, from_attributes=True) if file else None,
    )


async def _known(deps: ApiDeps, operation_id: int) -> Operation:
    row = await deps.reader.operation(operation_id) if 0 < operation_id <= ID_MAX else None
    if row is None:
        raise Refused(404, "unknown_operation", f"there is no operation {operation_id}")
    return row
