"""The frequent requests of 2.1 stations: those of 2.0.1, unless they say something that only 2.1 can."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from csms.model.inbound import Inbound
from csms.ocpp201.hot import HOT as HOT_201
from csms.wire.typed import Translate

_OF_EVENT = ("costDetails", "preconditioningStatus", "evseSleep")
_OF_TRANSACTION = ("tariffId", "operationMode", "transactionLimit")
"""What `csms.ocpp21.sessions` reads in an event beside what 2.0.1 says. Absent: None, or an empty text."""


def _transaction_event(payload: Any, received_at: datetime, zone: tzinfo) -> Inbound | None:
    told = [getattr(payload, name, None) for name in _OF_EVENT]
    told += [getattr(payload.transactionInfo, name, None) for name in _OF_TRANSACTION]
    if any(value not in (None, "") for value in told):
        return None
    return HOT_201["TransactionEvent"](payload, received_at, zone)


HOT: Mapping[str, Translate] = {**HOT_201, "TransactionEvent": _transaction_event}
