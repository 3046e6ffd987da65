"""Backbones: every network of the paper is built and exported; weights come from where they should."""

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch.nn import functional

from brightctc.bundle.runtime import Session
from brightctc.errors import UserError
from brightctc.learn import backbones, export
from brightctc.learn.loop import logits_of
from brightctc.recipe import Backbone

TINY = "test_resnet"  # timm's own network for tests


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", ["resnet50", "resnet34", "densenet121", "efficientnet_b4", "tf_efficientnet_lite0"])
def test_networks_of_the_paper_take_two_steps(name, channels):
    torch.manual_seed(0)
    network = backbones.build(Backbone(name=name, weights="none"), channels).train()
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    inputs, labels = torch.randn(4, channels, 32, 32), torch.tensor([0, 1, 0, 1])
    before = next(network.parameters()).detach().clone()
    for _ in range(2):
        optimiser.zero_grad()
        loss = functional.cross_entropy(network(inputs), labels)
        loss.backward()
        optimiser.step()
    assert torch.isfinite(loss)
    assert not torch.equal(before, next(network.parameters()))


def test_weights_of_one_channel_start_a_network_of_two(tmp_path):
    one = backbones.build(Backbone(name=TINY, weights="none"), 1).eval()
    save_file({name: tensor.contiguous() for name, tensor in one.state_dict().items()}, tmp_path / "w.safetensors")
    two = backbones.build(Backbone(name=TINY, weights=str(tmp_path / "w.safetensors")), 2).eval()
    images = torch.randn(3, 1, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(two.forward_features(images.expand(3, 2, 32, 32)), one.forward_features(images))


@pytest.mark.parametrize(
    "name", ["test_resnet", "test_efficientnet", "test_convnext", "test_vit", "mobilenetv3_small_050"]
)
def test_exported_networks_score_as_in_torch(name):
    torch.manual_seed(0)
    network = backbones.build(Backbone(name=name, weights="none"), 1).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    size = 160 if name == "test_vit" else 48
    inputs = np.random.default_rng(0).standard_normal((5, 1, size, size), dtype=np.float32)
    onnx = export.to_onnx(export.Exported(network), 1, size)
    outputs = Session(onnx, (1, size, size), threads=1).run(inputs)
    assert export.parity(logits_of(network, inputs, torch.device("cpu")), outputs.logit) < 1e-4
    assert outputs.embedding.ndim == 2
    assert outputs.activation_map.shape[0] == 5
    for word in (b"site-packages", b"/home", b"/root", b"/tmp"):
        assert word not in onnx


def test_the_activation_map_explains_the_logit():
    torch.manual_seed(0)
    network = backbones.build(Backbone(name=TINY, weights="none"), 1).eval()
    inputs = torch.randn(3, 1, 96, 96)
    with torch.no_grad():
        logit, _, places = export.Exported(network)(inputs)
    torch.testing.assert_close(places.mean(dim=(1, 2)), logit, atol=1e-5, rtol=1e-4)  # the head starts without bias


def test_with_eight_views_a_turned_or_mirrored_crop_gets_the_same_score():
    torch.manual_seed(0)
    network = backbones.build(Backbone(name=TINY, weights="none"), 1).eval()
    torch.nn.init.normal_(network.get_classifier().weight)
    inputs = np.random.default_rng(0).standard_normal((3, 1, 96, 96), dtype=np.float32)
    exported = export.Exported(network, views=8)
    session = Session(export.to_onnx(exported, 1, 96), (1, 96, 96), threads=1)
    plain = session.run(inputs)
    assert export.parity(export.torch_logits(exported, inputs), plain.logit) < 1e-5
    alone = [
        logits_of(network, np.ascontiguousarray(np.rot90(inputs, k, (2, 3))), torch.device("cpu")) for k in range(4)
    ]
    assert np.ptp(alone, axis=0).min() > 1e-3  # one view alone does depend on the orientation
    for turned in (np.rot90(inputs, 1, (2, 3)), inputs[..., ::-1], np.rot90(inputs, 2, (2, 3))[..., ::-1, :]):
        again = session.run(np.ascontiguousarray(turned))
        np.testing.assert_allclose(again.logit, plain.logit, atol=1e-5)
        np.testing.assert_allclose(again.embedding, plain.embedding, atol=1e-4)
    again = session.run(np.ascontiguousarray(np.rot90(inputs, 1, (2, 3))))
    np.testing.assert_allclose(again.activation_map, np.rot90(plain.activation_map, 1, (1, 2)), atol=1e-4)
    assert plain.activation_map.shape[1] == 3


def test_packaged_weights_are_timms_network_in_order():
    colour = backbones._packaged(backbones.PACKAGED)
    network = timm.create_model(backbones.PACKAGED)
    assert [tuple(t.shape) for t in colour.values()] == [tuple(t.shape) for t in network.state_dict().values()]
    grey = backbones.build(Backbone(), 1)
    torch.testing.assert_close(grey.conv_stem.weight, next(iter(colour.values())).sum(1, keepdim=True))
    pair = backbones.build(Backbone(), 2)
    assert pair.conv_stem.weight.shape[1] == 2


def test_weights_from_a_file_replace_all_but_the_classifier(tmp_path):
    source = timm.create_model(TINY, num_classes=7)
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    network = backbones.build(Backbone(name=TINY, weights=str(tmp_path / "w.safetensors")), 3)
    for name, tensor in source.state_dict().items():
        if not name.startswith("fc."):
            torch.testing.assert_close(network.state_dict()[name], tensor)
    assert network.get_classifier().out_features == 2


def test_imagenet_weights_come_from_timm(monkeypatch):
    source = timm.create_model(TINY)
    create = timm.create_model

    def with_weights(name, pretrained=False, **options):
        return source if pretrained else create(name, **options)

    monkeypatch.setattr(timm, "create_model", with_weights)
    monkeypatch.setattr(backbones.hub, "HF_HUB_OFFLINE", True)  # what a machine without a network sets
    network = backbones.build(Backbone(name=TINY, weights="imagenet"), 1)
    torch.testing.assert_close(network.layer1[0].conv1.weight, source.layer1[0].conv1.weight)


def test_without_a_network_the_cache_alone_is_asked(monkeypatch):
    monkeypatch.setattr(backbones.hub, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(backbones.socket, "getaddrinfo", lambda *a: (_ for _ in ()).throw(OSError("no name")))
    asked = []
    monkeypatch.setattr(timm, "create_model", lambda *a, **k: asked.append(backbones.hub.HF_HUB_OFFLINE) or [].pop())
    with pytest.raises(IndexError):
        backbones._imagenet(TINY)
    assert asked == [True]


@pytest.mark.parametrize(
    ("backbone", "words"),
    [
        pytest.param({"name": "resnet51"}, "resnet", id="unknown network"),
        pytest.param({"name": "resnet50", "weights": "packaged"}, "tf_efficientnet_lite0", id="not packaged"),
        pytest.param({"name": TINY, "weights": "imagenet"}, "packaged", id="no network, no cache"),
        pytest.param({"name": TINY, "weights": "missing.safetensors"}, "missing.safetensors", id="no such file"),
        pytest.param({"name": TINY, "weights": "weights.pth"}, "safetensors", id="a pickle"),
    ],
)
def test_what_is_not_to_be_had_is_told(backbone, words, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    (tmp_path / "weights.pth").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        backbones.build(Backbone(**backbone), 1)
    assert words in str(caught.value)


def test_weights_of_another_network_are_refused(tmp_path):
    save_file(timm.create_model("test_efficientnet").state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(UserError, match="not of test_resnet"):
        backbones.build(Backbone(name=TINY, weights=str(tmp_path / "w.safetensors")), 1)


def test_a_broken_file_is_refused(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"not a safetensors file")
    with pytest.raises(UserError, match="can't be read"):
        backbones.build(Backbone(name=TINY, weights=str(tmp_path / "w.safetensors")), 1)


def test_changed_packaged_weights_are_never_opened(monkeypatch):
    monkeypatch.setattr(backbones, "_PACKAGED_SHA256", "0" * 64)
    monkeypatch.setattr(torch, "load", lambda *a, **k: pytest.fail("torch opened the file"))
    with pytest.raises(UserError, match="SHA-256"):
        backbones.build(Backbone(), 1)


def test_a_disparity_is_refused():
    with pytest.raises(UserError, match="differently"):
        export.parity(np.array([0.0]), np.array([0.01]))
