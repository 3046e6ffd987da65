"""What every part of `bundle.json` is."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Never changed, no keys but its own, finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
