"""brightctc: find circulating tumour cells among leukocytes in bright-field single-cell images.

The verbs of the command line, for notebooks. Each is loaded when it is first used, so that `import brightctc`
is quick and scoring never loads torch.

For Research Use Only. Not for use in diagnostic procedures.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brightctc.bundle import Bundle
    from brightctc.cohort import Cohort, check, import_export, split, withdraw
    from brightctc.errors import UserError
    from brightctc.evaluate import evaluate
    from brightctc.learn import train
    from brightctc.predict import predict
    from brightctc.recipe import Recipe, read_recipe

_HOMES = {
    "Bundle": "bundle",
    "Cohort": "cohort",
    "Recipe": "recipe",
    "UserError": "errors",
    "check": "cohort",
    "evaluate": "evaluate",
    "import_export": "cohort",
    "predict": "predict",
    "read_recipe": "recipe",
    "split": "cohort",
    "train": "learn",
    "withdraw": "withdraw",
}

__all__ = [
    "Bundle",
    "Cohort",
    "Recipe",
    "UserError",
    "check",
    "evaluate",
    "import_export",
    "predict",
    "read_recipe",
    "split",
    "train",
    "withdraw",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"brightctc.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'brightctc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
