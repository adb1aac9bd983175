"""Room of passwords, TLS contexts, certificates, throttling, tokens and roles."""
