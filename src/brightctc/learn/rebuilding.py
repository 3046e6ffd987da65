"""A bundle's trained networks, from its weights: what needs gradients can't take them from ONNX."""

from safetensors.torch import load

from brightctc.bundle import Bundle
from brightctc.bundle.folder import WEIGHTS
from brightctc.errors import UserError
from brightctc.learn import backbones
from brightctc.learn.export import Exported
from brightctc.recipe import Recipe
from brightctc.settings import validated


def rebuilt(bundle: Bundle) -> list[Exported]:
    """Its network; or those of its folds or seeds, which the bundle averages, the first one's preparation its own."""
    recipe = recipe_of(bundle)
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


def recipe_of(bundle: Bundle) -> Recipe:
    """The recipe that it was trained by.

    Raises UserError where another version wrote settings that this one refuses: its scores are as good as ever, but
    its networks can't be built again from them.
    """
    try:
        return validated(Recipe, bundle.about.recipe, bundle.folder)
    except UserError as error:
        trained_by = bundle.about.provenance.versions.get("brightctc", "that trained it")
        fix = f"use the brightctc {trained_by}, or train it again with this one"
        raise UserError(f"this version does not take its recipe: {error.what}", bundle.folder, fix) from None
