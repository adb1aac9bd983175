"""The vocabulary of the central system: version-free, pure data. No I/O, no clock reading outside `clock`."""
