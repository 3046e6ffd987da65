"""Which layers of a network stay in float32 when the others are quantised."""

import openvino

FIRST, SHARE = 3, 8  # the first layers, no more than one of so many
_PASSED = ("Convert", "FakeQuantize", "Multiply", "Reshape", "Transpose")  # between stored weights and their layer


def kept_layers(model: openvino.Model) -> list[str]:
    """Names of the operations that are not to be quantised, at both ends of a network.

    The end: the classifier, the differences and means that make a logit of its outputs, and the activation map.
    Quantised, a logit has 256 steps and saturates at the calibration cells' mean extremes, and nothing is gained.
    The beginning, three layers and no more than an eighth of all: a crop's contrast is small against its range, so
    that errors are largest here, and all later layers inherit them (docs/decisions/0021-precisions.md).
    """
    operations = model.get_ordered_ops()
    layers = {operation.get_friendly_name() for operation in operations if _is_layer(operation)}
    leads_to_layer: dict[str, bool] = {}
    for operation in reversed(operations):
        following = [target.get_node() for output in operation.outputs() for target in output.get_target_inputs()]
        leads_to_layer[operation.get_friendly_name()] = any(
            node.get_friendly_name() in layers or leads_to_layer[node.get_friendly_name()] for node in following
        )
    computing = [node for node in operations if node.get_type_name() not in ("Constant", "Parameter", "Result")]
    names = [node.get_friendly_name() for node in computing]
    inner = [name for name in names if name in layers and leads_to_layer[name]]
    return inner[: min(FIRST, len(inner) // SHARE)] + [name for name in names if not leads_to_layer[name]]


def _is_layer(operation: openvino.Node) -> bool:
    """Does it multiply its input by stored weights?"""
    kind = operation.get_type_name()
    if kind in ("Convolution", "GroupConvolution"):
        return True
    return kind == "MatMul" and any(_is_stored(given.get_source_output().get_node()) for given in operation.inputs())


def _is_stored(node: openvino.Node) -> bool:
    while node.get_type_name() in _PASSED:
        node = node.input(0).get_source_output().get_node()
    return node.get_type_name() == "Constant"
