"""Terms that more than one method uses.

Shape letters: B clips, T frames, K coefficients, A encoder steps.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from talkcli.models.base import TalkModel
from talkcli.models.basis import OutputBasis
from talkcli.models.batch import Batch, Told
from talkcli.models.layers import length_mask


def usual(model: TalkModel, told: Told, batch: Batch) -> dict[str, Tensor]:
    """What every method's motion and heads are trained on, by the weights in its config."""
    config, basis, heard = model.config, model.basis, told.heard
    error = told.motion - batch.motion  # (B, T, K)
    terms = {"position": config.position_weight * position(basis, error, batch)}
    if config.velocity_weight:
        terms["velocity"] = config.velocity_weight * velocity(basis, error, batch)
    if config.lip_weight:
        lips = config.position_weight * position(basis, error, batch, "lips")
        if config.velocity_weight:
            lips = lips + config.velocity_weight * velocity(basis, error, batch, "lips")
        terms["lips"] = config.lip_weight * lips
    if heard.phone_logits is not None and heard.contact_logits is not None:
        terms["phones"] = config.phone_weight * phone_error(heard.phone_logits, batch.phones)
        terms["contacts"] = config.contact_weight * contact_error(heard.contact_logits, batch.contacts, batch.phones)
    return terms


def masked_mean(values: Tensor, inside: Tensor) -> Tensor:
    """The mean of values where inside is true, both (B, T)."""
    return (values * inside).sum() / shared(inside.sum())


def shared(count: Tensor) -> Tensor:
    """What a sum is divided by, at least 1.

    Where processes train together, it is the mean of their counts: the mean of their losses is then the loss of all
    their clips in one batch, however long each is.
    """
    if not (torch.is_grad_enabled() and dist.is_initialized()):
        return count.clamp(min=1)
    total = count.detach().double()
    dist.all_reduce(total)
    return (total.clamp(min=1) / dist.get_world_size()).float()


def position(basis: OutputBasis, error: Tensor, batch: Batch, region: str | None = None) -> Tensor:
    """Mean squared error of vertices; error (B, T, K). What the target holds outside the basis counts as well."""
    inside = length_mask(batch.frames, error.shape[1])
    mean = masked_mean(basis.squared_error(error, region), inside)
    return mean if region else mean + (batch.outside * batch.frames).sum() / shared(batch.frames.sum())


def velocity(basis: OutputBasis, error: Tensor, batch: Batch, region: str | None = None) -> Tensor:
    """Mean squared error of the vertices' first differences in time; error (B, T, K)."""
    inside = length_mask(batch.frames - 1, error.shape[1] - 1)
    return masked_mean(basis.squared_error(error.diff(dim=1), region), inside)


def phone_error(logits: Tensor, phones: Tensor) -> Tensor:
    """Cross entropy of the phone head; logits (B, A, 40), phones (B, A) with -1 where unknown."""
    steps = min(logits.shape[1], phones.shape[1])
    flat, target = logits[:, :steps].flatten(0, 1).float(), phones[:, :steps].flatten()
    total = F.cross_entropy(flat, target, ignore_index=-1, label_smoothing=0.05, reduction="sum")
    return total / shared((target >= 0).sum())


def contact_error(logits: Tensor, contacts: Tensor, phones: Tensor) -> Tensor:
    """Binary cross entropy of the contact head, both (B, A, 2), over the steps whose phone is known.

    Contacts are rare, so they weigh three times.
    """
    steps = min(logits.shape[1], contacts.shape[1])
    target = contacts[:, :steps]
    each = F.binary_cross_entropy_with_logits(logits[:, :steps].float(), target, reduction="none")
    known = (phones[:, :steps] >= 0)[..., None].expand_as(each)
    return masked_mean(each * (1 + 2 * target), known)
