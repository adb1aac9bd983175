"""The page for drivers: where to charge now, and cheaply; no account, no live connection, nothing about people."""
