"""Whom limits count by, of the addresses that peers come from. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence

IPV6_NETWORK_BITS = 64
"""What one customer gets; all its addresses are one."""


def host_of(peer: str) -> str:
    """The address in `address:port`, in one spelling; as it is where it is none."""
    host = peer.rpartition(":")[0] or peer
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def network_of(host: str) -> str:
    """Whom limits count an address by: itself, or the network of one of IPv6."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    return str(ipaddress.ip_network((int(address), IPV6_NETWORK_BITS), strict=False).network_address)


def address_of(peer: str) -> str:
    """Of `address:port`, whom limits count by."""
    return network_of(host_of(peer))


def address_behind(peer: str, forwarded: Sequence[str], trusted: Collection[str]) -> str:
    """Whom a peer speaks for: the last address in X-Forwarded-For that is no trusted proxy, if the peer is one.

    Proxies are trusted by their very address, not by their network.
    """
    host = host_of(peer)
    named = [part.strip() for line in forwarded for part in line.split(",")]
    while host in trusted and named:
        told = named.pop()
        try:
            host = host_of(f"{ipaddress.ip_address(told)}:0")
        except ValueError:
            break
    return address_of(peer) if host in trusted else network_of(host)
