"""A trained network as ONNX and safetensors, and the proof that both runtimes give the same scores."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import onnx
import torch
from safetensors.torch import save
from torch import Tensor, nn

from brightctc.errors import UserError
from brightctc.learn import checkpoint
from brightctc.preprocess import Preparation

LARGEST_DIFFERENCE = 1e-4
"""Largest allowed |score difference| between torch and OpenVINO, both in float32."""

_BATCH = 32


class Exported(nn.Module):
    """What a bundle promises of a network: logit (n,), embedding (n, d), activation_map (n, h, w).

    The activation map is the class activation map of Zhou et al. (2016, arXiv 1512.04150): the last feature maps
    weighted by the classifier's weights, positive less negative class. Where layers lie between the pooling and
    the classifier, it is the logit that each place would give alone. Networks of tokens get a square grid.
    """

    def __init__(self, network: nn.Module, views: int = 1):
        """views: 1; or 8, to score the crop in its eight orientations and average: a cell has no up."""
        super().__init__()
        self.network: Any = network
        self.turns = [(quarters, mirrored) for mirrored in (False, True) for quarters in range(4)][:views]

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Crops float32 (n, channels, size, size) → logit, embedding, activation_map."""
        if len(self.turns) == 1:
            return self._scored(crops)
        stacked = torch.cat([_turned(crops, *turn) for turn in self.turns])
        logit, embedding, places = self._scored(stacked)
        maps = [_turned_back(part, *turn) for part, turn in zip(self._by_turn(places), self.turns, strict=True)]
        return self._by_turn(logit).mean(0), self._by_turn(embedding).mean(0), torch.stack(maps).mean(0)

    def _by_turn(self, values: Tensor) -> Tensor:
        return values.unflatten(0, (len(self.turns), -1))

    def _scored(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.network.forward_features(crops)
        embedding = self.network.forward_head(features, pre_logits=True)
        classifier = self.network.get_classifier()
        return _contrast(classifier(embedding)), embedding, self._map(features, classifier.weight)

    def _map(self, features: Tensor, weight: Tensor) -> Tensor:
        direction, channels = weight[1] - weight[0], weight.shape[1]
        if features.ndim == 4 and features.shape[1] == channels:
            return torch.einsum("nchw,c->nhw", features, direction)
        if features.ndim == 4 and features.shape[3] == channels:
            return torch.einsum("nhwc,c->nhw", features, direction)
        if features.ndim == 4:
            height, width = features.shape[2:]
            places = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1], 1, 1)
            return _contrast(self.network.forward_head(places)).reshape(-1, height, width)
        tokens = features[:, getattr(self.network, "num_prefix_tokens", 0) :]
        side = round(tokens.shape[1] ** 0.5)
        return torch.einsum("nlc,c->nl", tokens, direction).reshape(-1, side, side)


class Averaged(nn.Module):
    """Several networks as one: mean logit, mean activation map, embeddings side by side (n, sum of d)."""

    def __init__(self, members: "Sequence[tuple[Exported, Tensor, Tensor]]"):
        """Each with the factor and the term, float (channels,), that make its own input of the common one."""
        super().__init__()
        self.members = nn.ModuleList(member for member, _, _ in members)
        self.factors: Any = nn.ParameterList(nn.Parameter(factor, requires_grad=False) for _, factor, _ in members)
        self.terms: Any = nn.ParameterList(nn.Parameter(term, requires_grad=False) for _, _, term in members)

    @property
    def exported(self) -> list[Exported]:
        """The networks."""
        return [cast(Exported, member) for member in self.members]

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `Exported`, on inputs prepared in the common way."""
        found = [
            member(crops * factor[:, None, None] + term[:, None, None])
            for member, factor, term in zip(self.members, self.factors, self.terms, strict=True)
        ]
        logits, embeddings, maps = zip(*found, strict=True)
        return torch.stack(logits).mean(0), torch.cat(embeddings, 1), torch.stack(maps).mean(0)


def averaged(parts: Sequence[Exported], preparations: Sequence[Preparation]) -> Averaged:
    """Several networks, each with its own preparation, on inputs that are prepared as the first one's."""
    common = preparations[0]
    members = []
    for part, preparation in zip(parts, preparations, strict=True):
        made = [preparation.from_input_of(common, channel) for channel in common.channels]
        factor, term = torch.tensor(made, dtype=torch.float32).T
        members.append((part, factor, term))
    return Averaged(members)


def _turned(images: Tensor, quarters: int, mirrored: bool) -> Tensor:
    turned = torch.rot90(images, quarters, (-2, -1))
    return turned.flip(-1) if mirrored else turned


def _turned_back(images: Tensor, quarters: int, mirrored: bool) -> Tensor:
    return torch.rot90(images.flip(-1) if mirrored else images, -quarters, (-2, -1))


def _contrast(outputs: Tensor) -> Tensor:
    return outputs[:, 1] - outputs[:, 0]


def to_onnx(exported: Exported | Averaged, channels: int, size: int) -> bytes:
    """The network as ONNX with a free batch size; the same weights give the same bytes, without paths or dates."""
    exported = exported.cpu().to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    example = torch.zeros(2, channels, size, size)
    with _quiet(), torch.inference_mode(False):
        program = torch.onnx.export(
            exported,
            (example,),
            input_names=["crops"],
            output_names=["logit", "embedding", "activation_map"],
            dynamic_shapes=({0: torch.export.Dim("cells")},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _strip(model)
    return model.SerializeToString(deterministic=True)


@torch.inference_mode()
def torch_logits(exported: Exported | Averaged, inputs: np.ndarray) -> np.ndarray:
    """The logits that torch gives, float32 (n,), for inputs float32 (n, channels, size, size)."""
    exported.eval()
    batches = torch.from_numpy(inputs).split(_BATCH)
    return torch.cat([exported(batch)[0] for batch in batches]).numpy()


def to_safetensors(network: nn.Module) -> bytes:
    """The network's weights by timm's names."""
    return save(checkpoint.copied(network))


def parity(trained: np.ndarray, exported: np.ndarray) -> float:
    """Largest |score difference| between logits float (n,) of torch and of the exported network.

    Raises UserError where it is above what a bundle may have.
    """
    largest = float(np.abs(_sigmoid(trained) - _sigmoid(exported)).max())
    if not largest <= LARGEST_DIFFERENCE:
        raise UserError(
            f"the exported network scores differently than the trained one (by up to {largest:.2g})",
            "export to ONNX",
            "choose another backbone, and report this network's name and the versions that brightctc doctor prints",
        )
    return largest


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64)))


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter prints its steps, and warns of its own deprecations; neither is for users."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _strip(model: onnx.ModelProto) -> None:
    """Remove what the exporter notes of this machine's source files."""
    model.doc_string = ""
    del model.metadata_props[:]
    graph = model.graph
    graph.doc_string = ""
    del graph.metadata_props[:]
    for entry in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        entry.doc_string = ""
        del entry.metadata_props[:]
    for function in model.functions:
        function.doc_string = ""
        del function.metadata_props[:]
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]
