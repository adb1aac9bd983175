"""Stations as they are in the field: small bad habits on a websocket, each of which a central system has to survive.

`book.KINDS` lists them by name; `csms sim misbehave` tries them against any central system, the tests against ours.
"""
