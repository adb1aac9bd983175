"""The websocket side: listener, one connection, registry. What a frame means is decided in lower rooms."""
