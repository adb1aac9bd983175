"""What all sections of the settings have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from csms.model.errors import CsmsError


class SettingsInvalid(CsmsError):
    """The settings cannot be used; the text names the file or variable and what is wrong."""

    code = "settings_invalid"


class Section(BaseModel):
    """A name that is not known is refused: a misspelt setting must not be a silent default."""

    model_config = ConfigDict(extra="forbid")
