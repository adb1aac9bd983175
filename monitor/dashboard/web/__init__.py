"""The web dashboard: a process of its own and nothing but a client of the operations API."""
