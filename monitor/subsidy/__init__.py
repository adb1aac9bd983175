"""Subsidy declarations: what is claimed explained and checked for fraud, with its evidence in one signed file."""
