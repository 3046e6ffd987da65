"""A bundle's trained networks, from its weights: what needs gradients can't take them from ONNX."""

from safetensors.torch import load

from brightctc.bundle import Bundle
from brightctc.bundle.folder import WEIGHTS
from brightctc.learn import backbones
from brightctc.learn.export import Exported
from brightctc.recipe import Recipe


def rebuilt(bundle: Bundle) -> list[Exported]:
    """Its network; or those of its folds or seeds, which the bundle averages, the first one's preparation its own."""
    recipe = Recipe.model_validate(bundle.about.recipe)
    weights = load(bundle.bytes_of(WEIGHTS))
    members: dict[str, dict] = {}
    for name, values in weights.items():
        number, _, own = name.partition(".")
        member, own = (number, own) if number.isdigit() else ("0", name)
        members.setdefault(member, {})[own] = values
    found = []
    for number in sorted(members, key=int):
        network = backbones.build(recipe.backbone.model_copy(update={"weights": "none"}), len(bundle.about.channels))
        network.load_state_dict(members[number])
        found.append(Exported(network, recipe.backbone.views).eval())
    return found
