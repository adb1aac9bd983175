"""Tamper evidence: an append-only log of accepted messages, signed daily, provable without trusting this server."""
