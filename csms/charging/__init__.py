"""The safety path: what every outlet may draw so that no feeder exceeds its cap, and how it gets told.

The optimiser proposes, the ledger decides. Pure parts decide, `dispatcher` and `service` carry out.
"""
