"""The training loop, from top to bottom."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timm.optim._param_groups import param_groups_layer_decay
from torch import Tensor, nn
from torch.nn import functional

from brightctc.errors import UserError
from brightctc.learn import checkpoint
from brightctc.learn.batches import UNLABELLED, Batch, Batches
from brightctc.learn.lessons import Learner
from brightctc.metrics import choose_threshold, confusion
from brightctc.recipe import Train

WARM_UP = 0.2
"""Share of the steps in which one_cycle climbs to the peak learning rate, before its cosine descent."""

_ROWS = 60
_VALIDATION_BATCH = 64  # fixed: a figure must not depend on how many cells are looked at together


@dataclass(frozen=True)
class Validation:
    """What every epoch is judged by: network inputs float32 (n, channels, size, size) and bool (n,) labels."""

    inputs: np.ndarray
    positive: np.ndarray


def fit(
    learner: Learner,
    batches: Batches,
    validation: Validation,
    settings: Train,
    folder: Path,
    progress: Callable[..., None] | None = None,
) -> list[dict[str, Any]]:
    """Train in place and leave the kept epoch's weights in the network; return the history, a row an epoch.

    Where the last epoch is kept and there are more than sixty, a row is of some that follow each other: judging and
    keeping every pass over eighty cells would take a quarter of the time.
    folder: where the checkpoint lies; a run that was killed goes on from the last row.
    Raises UserError where the loss is not a number.
    """
    device, bfloat16 = batches.device, uses_bfloat16(settings.precision, batches.device)
    learner.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network, optimiser = learner.network, _optimiser(learner, settings)
    weights = _class_weights(settings, batches).to(device)
    total = settings.total_steps(batches.per_epoch)

    history: list[dict[str, Any]] = []
    best, best_epoch = checkpoint.copied(network), 0
    saved = checkpoint.load(folder, learner, optimiser)
    if saved is not None:
        best, facts = saved
        history, best_epoch = facts["history"], facts["best_epoch"]
    epoch, step = (history[-1]["epoch"], history[-1]["steps"]) if history else (0, 0)
    judged, shortest = step, total // _ROWS if settings.keep == "last" else 0
    losses: list[float] = []

    while step < total and not _gave_up(settings, epoch, best_epoch):
        torch.manual_seed(batches.seed * 1_000_003 + epoch)  # dropout; each epoch can be repeated by itself
        learner.train()
        for batch in batches.epoch(epoch):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(settings, step, total) * group.get("lr_scale", 1.0)
            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                loss = step_loss(learner, batch, settings, weights)
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                raise _not_a_number(epoch, step, settings)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            step += 1
            if progress is not None:
                progress("train", step, total, _note(history))
            if step == total:
                break

        epoch += 1
        if step < total and step - judged < shortest:
            continue
        judged = step
        history.append(_row(epoch, step, learning_rate(settings, step - 1, total), losses, network, validation, device))
        losses = []
        if settings.keep == "last" or best_epoch == 0 or _beats(history[-1], history[best_epoch - 1]):
            best, best_epoch = checkpoint.copied(network), epoch
        checkpoint.save(folder, learner, optimiser, best, {"history": history, "best_epoch": best_epoch})

    network.load_state_dict(best)
    for row in history:
        row["kept"] = row["epoch"] == best_epoch
    return history


def step_loss(learner: Learner, batch: Batch, settings: Train, weights: Tensor) -> Tensor:
    """The loss of one batch: of the class (cross-entropy), of the lesson, of turned crops that score differently."""
    share = 1.0
    mixed = batch
    if settings.mixup:
        mixed, share = _mixed_up(batch, settings.mixup)
    outputs, further = learner.lesson(learner.network, mixed)

    def of_class(labels: Tensor) -> Tensor:
        return functional.cross_entropy(
            outputs.float(), labels, weight=weights, label_smoothing=settings.label_smoothing
        )

    loss = of_class(batch.labels)
    if settings.mixup:
        loss = share * loss + (1 - share) * of_class(_partners(batch.labels))
    if further is not None:
        loss = loss + further
    if settings.consistency:
        turns = int(torch.randint(1, 8, ()))
        turned = torch.rot90(mixed.inputs, turns % 4, (-2, -1))
        other = learner.network(turned.flip(-1) if turns > 3 else turned)
        loss = loss + settings.consistency * (_logit(outputs) - _logit(other)).square().mean()
    return loss


def learning_rate(settings: Train, step: int, total: int) -> float:
    """The learning rate of one step: a function of the step alone, so that nothing needs to be restored."""
    if settings.schedule == "constant":
        return settings.learning_rate
    climb = max(1, round(WARM_UP * total))
    if step < climb:
        return settings.learning_rate * (step + 1) / climb
    share = (step - climb) / max(1, total - climb)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether matrix products run in bfloat16; `auto` says yes where the hardware computes it."""
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


@torch.inference_mode()
def logits_of(network: nn.Module, inputs: np.ndarray, device: torch.device) -> np.ndarray:
    """Logit of the positive class (its output less the negative's), float32 (n,), in float32 arithmetic."""
    network.eval()
    found = []
    for start in range(0, len(inputs), _VALIDATION_BATCH):
        batch = torch.from_numpy(inputs[start : start + _VALIDATION_BATCH]).to(device)
        outputs = network(batch.contiguous(memory_format=torch.channels_last)).float()
        found.append((outputs[:, 1] - outputs[:, 0]).cpu().numpy())
    return np.concatenate(found)


def _optimiser(learner: Learner, settings: Train) -> torch.optim.Optimizer:
    """AdamW; with layer_decay, a group of parameters a layer, by timm's order of the layers."""
    groups: list[dict[str, Any]] = [{"params": list(learner.parameters())}]
    if settings.layer_decay < 1:
        groups = param_groups_layer_decay(
            learner.network,
            settings.weight_decay,
            layer_decay=settings.layer_decay,
            weight_decay_exclude_1d=False,
        )
        groups += [{"params": list(learner.lesson.parameters())}]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay, foreach=True)


def _logit(outputs: Tensor) -> Tensor:
    return (outputs[:, 1] - outputs[:, 0]).float()


def _partners(labels: Tensor) -> Tensor:
    """Of a batch's labelled images, in the opposite order, so that those without a label keep none."""
    labelled = int((labels != UNLABELLED).sum())
    return torch.cat([labels[:labelled].flip(0), labels[labelled:]])


def _mixed_up(batch: Batch, shape: float) -> tuple[Batch, float]:
    """The labelled images, each with a share of another one (Zhang et al. 2018, arXiv 1710.09412); and the share."""
    share = float(torch.distributions.Beta(shape, shape).sample())
    labelled = int((batch.labels != UNLABELLED).sum())
    first, rest = batch.inputs[:labelled], batch.inputs[labelled:]
    inputs = torch.cat([share * first + (1 - share) * first.flip(0), rest])
    return replace(batch, inputs=inputs), share


def _row(
    epoch: int,
    step: int,
    rate: float,
    losses: list[float],
    network: nn.Module,
    validation: Validation,
    device: torch.device,
) -> dict[str, Any]:
    logits = logits_of(network, validation.inputs, device).astype(np.float64)
    signed = np.where(validation.positive, logits, -logits)
    return {
        "epoch": epoch,
        "steps": step,
        "learning_rate": rate,
        "train_loss": float(np.mean(losses)),
        "validation_loss": float(np.mean(np.logaddexp(0.0, -signed))),
        "validation_f1": _largest_f1(logits, validation.positive),
    }


def _largest_f1(logits: np.ndarray, positive: np.ndarray) -> float:
    """F1 at the threshold that would be chosen now; 0 where there are no positives."""
    f1 = confusion(positive, logits >= choose_threshold(logits, positive).logit).f1
    return f1 if math.isfinite(f1) else 0.0


def _beats(new: dict[str, Any], old: dict[str, Any]) -> bool:
    """Higher validation F1; ties go to the lower validation loss."""
    return (new["validation_f1"], -new["validation_loss"]) > (old["validation_f1"], -old["validation_loss"])


def _gave_up(settings: Train, epoch: int, best_epoch: int) -> bool:
    return settings.early_stop is not None and epoch - best_epoch >= settings.early_stop


def _class_weights(settings: Train, batches: Batches) -> Tensor:
    if settings.class_weights == "none":
        return torch.ones(2)
    positives = sum(bool(batches.cells.positive[sample.labelled_by]) for sample in batches.samples)
    counts = np.array([len(batches.samples) - positives, positives])
    return torch.from_numpy(counts.sum() / (2 * np.maximum(counts, 1))).float()


def _note(history: list[dict[str, Any]]) -> str:
    if not history:
        return ""
    return f"epoch {history[-1]['epoch']}: validation F1 {history[-1]['validation_f1']:.3f}"


def _not_a_number(epoch: int, step: int, settings: Train) -> UserError:
    return UserError(
        f"the training loss is not a number at step {step + 1} (epoch {epoch + 1})",
        f"train.learning_rate={settings.learning_rate}",
        "lower it, e.g. --set train.learning_rate=1e-4, or use --set train.precision=float32; "
        "brightctc check COHORT finds images that are broken",
    )
