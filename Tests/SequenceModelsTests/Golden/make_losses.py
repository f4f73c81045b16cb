"""Golden values of every loss, with plain scores and with cosines, from PyTorch: the loss and its gradients.

    python make_losses.py > losses.json
"""

import json

import torch
import torch.nn.functional as F

import golden

golden.begin(seed=17)
ITEMS, WIDTH, TEMPERATURE = 9, 6, 0.2
LAMBDA, CALIBRATION = 0.5, 0.75
TARGETS = [3, 7, 0, 8, 3, 1]
# Of the events that came; None where there was none.
VALUES = [4.5, None, -1.0, 0.0, 2.5, 3.0]
WEIGHTS = [1.0, 0.5, 0.0, 2.0, 1.0, 1.0]
# With a repetition (8), and some that are targets.
NEGATIVES = [8, 7, 2, 8, 6]
LOG_EXPECTED = [0.4, -0.3, 0.0, 0.4, 1.1]

tensors = {
    "hidden": torch.randn(len(TARGETS), WIDTH) * 0.9,
    "table": torch.randn(ITEMS, WIDTH) * 0.7,
    "biases": torch.randn(ITEMS) * 0.3,
}
for name in tensors:
    tensors[name] = golden.as_float(tensors[name]).requires_grad_()
targets, negatives = torch.tensor(TARGETS), torch.tensor(NEGATIVES)
is_target = negatives.unsqueeze(0) == targets.unsqueeze(1)


def scores(temperature):
    """Of every item at every position."""
    hidden, table = tensors["hidden"], tensors["table"]
    if temperature is not None:
        hidden, table = F.normalize(hidden, dim=1) / temperature, F.normalize(table, dim=1)
    return hidden @ table.T + tensors["biases"]


def sampled_softmax(all_scores, score):
    others = (all_scores[:, negatives] - torch.tensor(LOG_EXPECTED)).masked_fill(is_target, -torch.inf)
    return torch.logsumexp(torch.cat([others, score.unsqueeze(1)], dim=1), dim=1) - score


def full_softmax(all_scores, score):
    return F.cross_entropy(all_scores, targets, reduction="none")


def bpr_max(all_scores, score):
    # As GRU4Rec's own code has it, but that nobody is his own negative.
    others = all_scores[:, negatives]
    shares = torch.softmax(others.masked_fill(is_target, -torch.inf), dim=1)
    won = (shares * torch.sigmoid(score.unsqueeze(1) - others)).sum(1)
    return -torch.log(won + 1e-24) + LAMBDA * (shares * others.square()).sum(1)


def binary(all_scores, score, power):
    others = all_scores[:, negatives]
    misses = F.binary_cross_entropy_with_logits(others, torch.zeros_like(others), reduction="none")
    hit = -power * F.logsigmoid(score)
    return (hit + misses.masked_fill(is_target, 0).sum(1)) / (len(NEGATIVES) + 1)


def gbce(all_scores, score):
    alpha = min(1, len(NEGATIVES) / (ITEMS - 1))
    return binary(all_scores, score, alpha * (CALIBRATION * (1 - 1 / alpha) + 1 / alpha))


def squared_error(all_scores, score):
    known = torch.tensor([value is not None for value in VALUES])
    return ((score - torch.tensor([value or 0.0 for value in VALUES])) ** 2) * known


LOSSES = {
    "sampled_softmax": sampled_softmax,
    "full_softmax": full_softmax,
    "bpr_max": bpr_max,
    "gbce": gbce,
    "binary_cross_entropy": lambda all_scores, score: binary(all_scores, score, 1),
    "squared_error": squared_error,
}
values = {
    "format": "freshet-golden-losses",
    "version": 1,
    "torch": torch.__version__,
    "items": ITEMS,
    "width": WIDTH,
    "temperature": TEMPERATURE,
    "regularization": LAMBDA,
    "calibration": CALIBRATION,
    "targets": TARGETS,
    "values": VALUES,
    "weights": WEIGHTS,
    "negatives": NEGATIVES,
    "log_expected": LOG_EXPECTED,
    "parameters": golden.flats(tensors),
    "cases": [],
}
for name, loss in LOSSES.items():
    for temperature in [None, TEMPERATURE]:
        golden.clear(tensors)
        all_scores = scores(temperature)
        score = all_scores.gather(1, targets.unsqueeze(1)).squeeze(1)
        total = (loss(all_scores, score) * torch.tensor(WEIGHTS)).sum()
        total.backward()
        values["cases"].append(
            {"loss": name, "cosine": temperature is not None, "value": total.item(), "gradients": golden.gradients(tensors)})
print(json.dumps(values, separators=(",", ":")))
