"""Composition root: settings, wiring, supervisor, logs. Knows every room of csms; extensions come from outside."""
