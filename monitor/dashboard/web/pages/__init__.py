"""One page a file; each builds itself from a snapshot and follows the snapshots after it."""
