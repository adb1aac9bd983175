"""What a session costs, in 2.0.1 (block I)."""

from __future__ import annotations

from csms.model.cost import PersonalMessage, UpdateCost
from csms.model.errors import NotInThisVersion
from csms.wire.block import Block, Calls, present
from csms.wire.translator import Payload


def _update(command: UpdateCost) -> Calls:
    if command.total_cost is None:
        raise NotInThisVersion("CostUpdated carries an amount")
    return [("CostUpdated", {"totalCost": command.total_cost, "transactionId": command.transaction_id})]


def personal_message(message: PersonalMessage) -> Payload:
    """A MessageContentType."""
    language = {"language": message.language or None}
    return {"format": message.format, "content": message.content, **present(language)}


BLOCK = Block(commands={UpdateCost: _update})
