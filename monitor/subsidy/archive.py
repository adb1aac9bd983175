"""A dossier as one file: a zip whose bytes depend on its content only, read with bounds."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from csms.security.files import write_whole
from monitor.subsidy.dossier import DossierUnreadable

BYTES_MAX = 1 << 30
FILES_MAX = 2_000_000
EPOCH = (1980, 1, 1, 0, 0, 0)


def write_archive(path: Path, files: Mapping[str, bytes]) -> None:
    """Write all at once or nothing; raises OSError."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), raw, zipfile.ZIP_DEFLATED)
    write_whole(path, out.getvalue(), 0o644)


def read_archive(path: Path) -> dict[str, bytes]:
    """Its files; nothing is written anywhere. Raises DossierUnreadable or OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            if len(set(names)) != len(names) or len(names) > FILES_MAX:
                raise DossierUnreadable(f"{path}: a name stands twice in it, or there are too many")
            if sum(entry.file_size for entry in entries) > BYTES_MAX:
                raise DossierUnreadable(f"{path} is larger than {BYTES_MAX >> 20} MiB")
            return {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as fault:
        raise DossierUnreadable(f"{path}: {fault}") from None
