"""Limits from outside on what a feeder may draw: one decision for every channel, durable, merged by minimum."""
