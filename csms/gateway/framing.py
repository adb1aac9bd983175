"""Where a websocket frame of a client starts and ends, and the text frames of a server (RFC 6455, section 5.2)."""

from __future__ import annotations

import struct

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without the compiled part
    from websockets.utils import apply_mask

__all__ = [
    "HEADER_BYTES_MIN",
    "PING",
    "PONG_HEAD",
    "TEXT_HEAD",
    "alone",
    "apply_mask",
    "bounds",
    "is_utf8",
    "text_frame",
]

TEXT_HEAD = 0x81
"""First byte of a whole text message: final, no reserved bit, opcode 1."""
PONG_HEAD = 0x8A
PING = b"\x89\x00"
HEADER_BYTES_MIN = 2

_MASK_BIT = 0x80
_MASK_BYTES = 4
_MEDIUM, _LONG = 126, 127
_MEDIUM_HEADER_BYTES = 2 + 2 + _MASK_BYTES
_MEDIUM_HEADER = struct.Struct("!BBH").pack
_LONG_HEADER = struct.Struct("!BBQ").pack


def bounds(data: bytes, start: int, payload_max: int) -> tuple[int, int]:
    """Index of the payload and of the end of the frame that starts at `start`; the end may lie beyond the data.

    (0, end): a frame that no server accepts, unmasked or longer than `payload_max` bytes, up to the end of the header
    that shows it. (0, 0): too few bytes to tell.
    """
    size = len(data) - start
    second = data[start + 1]
    length = second & 0x7F
    payload = start + 2
    if length == _MEDIUM:
        payload += 2
        if size < 4:
            return 0, 0
        length = data[start + 2] << 8 | data[start + 3]
    elif length == _LONG:
        payload += 8
        if size < 10:
            return 0, 0
        length = int.from_bytes(data[start + 2 : payload], "big")
    if second < _MASK_BIT or length > payload_max:
        return 0, payload
    payload += _MASK_BYTES
    return payload, payload + length


def alone(data: bytes, payload_max: int) -> int:
    """Index of the payload when `data` is one whole masked frame of less than 64 KiB; 0 when it is anything else."""
    if len(data) <= _MEDIUM_HEADER_BYTES:
        return 0
    length, payload = data[1], 2 + _MASK_BYTES
    if length == _MASK_BIT | _MEDIUM:
        length, payload = _MASK_BIT + (data[2] << 8 | data[3]), payload + 2
    elif length == _MASK_BIT | _LONG:
        return 0
    return payload if len(data) - payload == length - _MASK_BIT <= payload_max else 0


def text_frame(data: bytes) -> bytes:
    """A whole, unmasked text message."""
    size = len(data)
    if size < _MEDIUM:
        return bytes((TEXT_HEAD, size)) + data
    if size < 1 << 16:
        return _MEDIUM_HEADER(TEXT_HEAD, _MEDIUM, size) + data
    return _LONG_HEADER(TEXT_HEAD, _LONG, size) + data


def is_utf8(data: bytes) -> bool:
    """Whether a text message may have these bytes (section 8.1)."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
