"""The command line with everything made small: what tests run in place of `brightctc` when they try documents.

    python tests/tiny_brightctc.py train cohort run …

Trainings take seconds, made cells are few, what exists is replaced; a command's words are otherwise as they stand.
"""

import sys
from typing import Any

import typer

TINY_TRAINING = [
    "backbone.name=test_resnet",
    "backbone.weights=none",
    "backbone.views=1",
    "preprocess.size=32",
    "train.steps=4",
    "train.batch_size=16",
]
TINY_STUDY = {"--seeds": "1", "--baselines": "constant,size"}
TINY_COUNTS = {"line-cells": 48, "spiked-leukocytes": 48, "patient-ctcs": 13, "leukocytes-per-ctc": 3}


def tiny(words: list[str]) -> list[str]:
    """A command's words with what makes it small."""
    command = words[0]
    further: list[str] = []
    if command == "train":
        further = [part for setting in TINY_TRAINING for part in ("--set", setting)]
        further += ["--set", "augment.copies=1"] if "paper" in words else []
    if command == "simulate":
        further = ["--set", "optics.source_points=4", "--set", "optics.size=80"]
        for name, most in TINY_COUNTS.items():
            given = int(words[words.index(f"--{name}") + 1]) if f"--{name}" in words else most
            further += ["--set", f"cohort.{name.replace('-', '_')}={min(given, most)}"]
    if command == "study":
        further = [part for setting in TINY_TRAINING for part in ("--set", setting)]
        further += ["--resamples", "50", "--parallel", "1", "--threads", "1"]
        further += [word for name, value in TINY_STUDY.items() if name not in words for word in (name, value)]
    if command == "export":
        further = ["--accept-loss"]  # what was hardly trained ranks cells nearly at random
    overwrites = any("--overwrite" in option.opts for option in _options(command)) and "--resume" not in words
    return [*words, *further, *(["--overwrite"] if overwrites and "--overwrite" not in words else [])]


def _options(command: str) -> list[Any]:
    from brightctc.cli.app import app

    group: Any = typer.main.get_command(app)
    return group.commands[command].params if command in group.commands else []


def shrink_demo() -> None:
    """The demo's steps run this file in place of brightctc."""
    from brightctc.cli import demo

    demo.PROGRAM = [sys.executable, __file__]


if __name__ == "__main__":
    from brightctc.cli import main

    shrink_demo()
    sys.argv = ["brightctc", *(tiny(sys.argv[1:]) if len(sys.argv) > 1 else [])]
    main()
