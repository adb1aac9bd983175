"""The interchange interface with provincial and city platforms: envelope, messages, profiles, outbox, forwarder."""
