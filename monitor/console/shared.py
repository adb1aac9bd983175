"""Options that several commands have in common, written once: what is made of them is handed to the command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

Command = Callable[..., None]


def sharing(made: Callable[..., Any]) -> Callable[[Command], Command]:
    """The command takes the options of `made` before its own; its first parameter is what `made` makes of them."""

    def shared(act: Command) -> Command:
        return _together(made, act)

    return shared


def _together(made: Callable[..., Any], act: Command) -> Command:
    common, own = _parameters(made), _parameters(act)[1:]

    def command(**given: Any) -> None:
        taken = {parameter.name: given.pop(parameter.name) for parameter in common}
        act(made(**taken), **given)

    together = [*common, *own]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in together}
    vars(command)["__signature__"] = inspect.Signature(together)
    return command


def _parameters(of: Callable[..., Any]) -> list[inspect.Parameter]:
    """With their types instead of the words for them."""
    return list(inspect.signature(of, eval_str=True).parameters.values())
