"""Two servers never share a data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from csms.security.folder import AlreadyRunning, FolderLock
from tests.support.running import csms, running


def test_the_second_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path / "d"), FolderLock(tmp_path / "d")
    first.take()
    with pytest.raises(AlreadyRunning, match=str(tmp_path)):
        second.take()
    first.release()
    second.take()
    second.release()


def test_a_second_server_says_so_and_the_first_goes_on(tmp_path: Path) -> None:
    with running(tmp_path / "one") as server:
        done = csms("serve", "--config", str(server.file))
        assert done.returncode == 1
        assert "another csms serve" in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        assert (server.folder / "serve.json").exists()
        assert server.api.get("/healthz").status_code == 200
