"""The page at `/docs`: the API's description made readable, with a form to try each operation; no file from outside.

Its policy allows the one script and the one style that stand in it, by their hash, and calls to this server.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from fastapi.responses import HTMLResponse

from csms.access.needs import open_to_all
from csms.access.routing import Router

PAGE = Path(__file__).with_name("docs.html")


def policy_of(page: str) -> str:
    """The content security policy of a page whose script and style stand in it."""
    script, style = (_hash_of(page, tag) for tag in ("script", "style"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash_of(page: str, tag: str) -> str:
    (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}'"


def router() -> Router:
    """Serves the page at `/docs`."""
    routes = Router()
    page = PAGE.read_text(encoding="utf-8")
    policy = policy_of(page)

    @routes.get("/docs", include_in_schema=False)
    @open_to_all("the page tells what everybody can read in the source")
    async def docs() -> HTMLResponse:
        return HTMLResponse(page, headers={"content-security-policy": policy})

    return routes
