"""The demonstration: a simulated day at one site, run on the real processes, with a report at the end."""
