"""OCPP-J without a version: frames, call state, handshake bytes, schemas, times, meter values. No I/O."""
