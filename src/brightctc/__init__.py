"""brightctc: find circulating tumour cells among leukocytes in bright-field single-cell images.

The verbs of the command line, for notebooks. Each is loaded when it is first used, so that `import brightctc`
is quick and scoring never loads torch.

For Research Use Only. Not for use in diagnostic procedures.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brightctc.baselines import baselines
    from brightctc.bundle import Bundle
    from brightctc.check import check
    from brightctc.cohort import Cohort, import_export, pack, split
    from brightctc.drift import drift
    from brightctc.errors import UserError
    from brightctc.evaluate import evaluate
    from brightctc.explain import explain
    from brightctc.learn import combine, train
    from brightctc.measure import measure
    from brightctc.predict import predict
    from brightctc.quantise import export
    from brightctc.recipe import Recipe, read_recipe
    from brightctc.report import report
    from brightctc.simulate import simulate
    from brightctc.study.studying import study
    from brightctc.withdraw import withdraw

_HOMES = {
    "Bundle": "bundle",
    "Cohort": "cohort",
    "Recipe": "recipe",
    "UserError": "errors",
    "baselines": "baselines",
    "check": "check",
    "combine": "learn",
    "drift": "drift",
    "evaluate": "evaluate",
    "explain": "explain",
    "export": "quantise",
    "import_export": "cohort",
    "measure": "measure",
    "pack": "cohort",
    "predict": "predict",
    "read_recipe": "recipe",
    "report": "report",
    "simulate": "simulate",
    "split": "cohort",
    "study": "study.studying",
    "train": "learn",
    "withdraw": "withdraw",
}

__all__ = [
    "Bundle",
    "Cohort",
    "Recipe",
    "UserError",
    "baselines",
    "check",
    "combine",
    "drift",
    "evaluate",
    "explain",
    "export",
    "import_export",
    "measure",
    "pack",
    "predict",
    "read_recipe",
    "report",
    "simulate",
    "split",
    "study",
    "train",
    "withdraw",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"brightctc.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'brightctc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """`brightctc.evaluate` is the verb, also after the module of that name was loaded."""

    def __setattr__(self, name: str, value: object) -> None:
        """The import system binds each submodule here; one named like a verb is left to `__getattr__`."""
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
