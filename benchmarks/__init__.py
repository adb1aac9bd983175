"""Measurements that anyone can repeat with `make bench`. Figures belong here, never into an assertion of a test."""
