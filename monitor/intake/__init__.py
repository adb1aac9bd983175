"""The supervising platform of the interchange interface: receives what operators report, judges and stores it."""
