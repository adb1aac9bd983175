"""Central systems that are served with every security profile, in this process, over real sockets and real TLS."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from csms.app.settings import Settings
from csms.app.tls import ServerTls
from tests.support.proof import OPERATOR, Operator, Site
from tests.support.scripted import central

OpenSite = Callable[..., AbstractAsyncContextManager[Site]]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the server's own keys and certificates, which take long to make."""
    folder = tmp_path_factory.mktemp("keys")
    asyncio.run(ServerTls(Settings(data_dir=folder)).contexts())
    return folder / "pki"


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """The authority of the site's operator."""
    return Operator(tmp_path / "operator")


@pytest.fixture
def open_site(tmp_path: Path, operator: Operator, keys: Path) -> OpenSite:
    """`async with open_site(security_profiles=[...]) as site`; without more, all but profile 0 are served."""

    @asynccontextmanager
    async def opened(**settings: Any) -> AsyncIterator[Site]:
        roots = [operator.root_file, keys / "station-ca.pem"]
        certificates = {"client_roots": roots, "organization": OPERATOR}
        certificates |= settings.pop("certificates", {})
        chosen: dict[str, Any] = {"security_profiles": [1, 2, 3], "certificates": certificates}
        folder = tmp_path / "data"
        shutil.copytree(keys, folder / "pki", dirs_exist_ok=True)
        async with central(folder, **(chosen | settings)) as csms:
            yield Site(csms, operator, folder)

    return opened


@pytest.fixture
async def site(open_site: OpenSite) -> AsyncIterator[Site]:
    """Profiles 1 to 3."""
    async with open_site() as running:
        yield running
