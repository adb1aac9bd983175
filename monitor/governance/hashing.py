"""Names for users and vehicles that tell nobody who they are: hashes with a secret of this set of facts.

The same user has the same name in all facts of a data folder, and another one in that of somebody else.
"""

from __future__ import annotations

import secrets
from functools import partial
from hashlib import blake2b
from pathlib import Path

from csms.security.files import write_whole

FILE_NAME = "governance.salt"
PRIVATE = 0o600


def hashed(secret: bytes, name: str) -> str:
    """24 hexadecimal digits; empty for an empty name."""
    return blake2b(name.encode(), digest_size=12, key=secret).hexdigest() if name else ""


def hashing(folder: Path) -> partial[str]:
    """`hashed` with the secret of a folder, which is made when it is not there. Raises OSError."""
    path = folder / FILE_NAME
    if not path.is_file():
        write_whole(path, secrets.token_hex(32).encode(), PRIVATE)
    return partial(hashed, path.read_bytes())
