"""What a killed run needs to go on with the same bytes: one safetensors file, replaced whole after each epoch.

Random draws depend on (seed, epoch, cell) alone, so no generator's state is kept.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialised
from torch import Tensor, nn
from torch.optim import Optimizer

from brightctc import files
from brightctc.errors import UserError

FORMAT_VERSION = 1
_FILE = "state.safetensors"


def save(
    folder: Path, network: nn.Module, optimiser: Optimizer, best: dict[str, Tensor], facts: dict[str, Any]
) -> None:
    """Write network, optimiser, best weights and `facts` (plain JSON: epoch, steps, history, …)."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in state.items()}
    separate = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    metadata = {"facts": json.dumps({"format_version": FORMAT_VERSION, **facts})}
    folder.mkdir(parents=True, exist_ok=True)
    with files.new_file(folder / _FILE) as path:
        path.write_bytes(serialised(separate, metadata))  # not save_file: it hides that a disk is full


def load(folder: Path, network: nn.Module, optimiser: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Restore network and optimiser; return the best weights and the facts, or None where nothing was saved."""
    path = folder / _FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(f"the checkpoint can't be read: {error}", path, "train again with --overwrite") from None
    if facts["format_version"] != FORMAT_VERSION:
        raise UserError(
            "the checkpoint is of another brightctc version", path, "finish it with that one, or train again"
        )
    network.load_state_dict(_below(tensors, "network."))
    saved = optimiser.state_dict()
    for name, tensor in _below(tensors, "optimiser.").items():
        index, _, field = name.partition(".")
        saved["state"].setdefault(int(index), {})[field] = tensor
    optimiser.load_state_dict(saved)
    return _below(tensors, "best."), facts


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def copied(network: nn.Module) -> dict[str, Tensor]:
    """The network's weights now, independent of what training does to them afterwards."""
    return {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in network.state_dict().items()
    }
