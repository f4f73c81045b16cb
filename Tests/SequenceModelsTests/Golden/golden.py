"""What the scripts that make golden files share: numbers that float holds, the sampled softmax, ten steps.

    python -m venv venv && venv/bin/pip install torch && venv/bin/python make_gru.py > gru.json

Needed only to make a file anew; the tests read the files. Double precision, so that a file is exact to float.
"""

import torch

RATE, EPSILON, DENSE_RATE, STEPS = 0.05, 1e-6, 0.001, 10


def begin(seed):
    torch.manual_seed(seed)
    torch.set_default_dtype(torch.float64)


def as_float(tensor):
    """The nearest values that float holds: what is stored is float."""
    return tensor.detach().to(torch.float32).to(torch.float64)


def flat(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().reshape(-1).tolist()]


def flats(tensors):
    return {name: flat(tensor) for name, tensor in tensors.items()}


def gradients(tensors):
    return {name: flat(tensor.grad) for name, tensor in tensors.items()}


def clear(tensors):
    for tensor in tensors.values():
        tensor.grad = None


def cross_entropy(hidden, table, biases, targets, negatives, log_expected, weights):
    """The weighted sum of the positions' cross-entropies beside shared negatives."""
    targets, negatives = torch.tensor(targets), torch.tensor(negatives)
    scores = hidden @ table[negatives].T + biases[negatives] - torch.tensor(log_expected)
    scores = scores.masked_fill(negatives.unsqueeze(0) == targets.unsqueeze(1), -torch.inf)
    target_scores = (hidden * table[targets]).sum(1) + biases[targets]
    logits = torch.cat([scores, target_scores.unsqueeze(1)], dim=1)
    losses = torch.logsumexp(logits, dim=1) - target_scores
    return (losses * torch.tensor(weights)).sum()


def ten_steps(tensors, adam, loss, prepare=lambda: None):
    """Adam on the encoder, row-wise Adagrad (one accumulator a row) on the table and its biases.

    Returns the losses before each step; the table is left as the last step leaves it.
    """
    table, biases = tensors["table"], tensors["biases"]
    row_sums, bias_sums = torch.zeros(table.shape[0]), torch.zeros(table.shape[0])
    losses = []
    for _ in range(STEPS):
        clear(tensors)
        value = loss()
        losses.append(value.item())
        value.backward()
        prepare()
        adam.step()
        with torch.no_grad():
            row_sums += table.grad.square().mean(1)
            table -= RATE * table.grad / (row_sums.sqrt() + EPSILON).unsqueeze(1)
            bias_sums += biases.grad.square()
            biases -= RATE * biases.grad / (bias_sums.sqrt() + EPSILON)
    return losses


def file(name, items, width, windows, weights, negatives, log_expected):
    """The part that every file of an encoder begins with."""
    return {
        "format": f"freshet-golden-{name}",
        "version": 1,
        "torch": torch.__version__,
        "items": items,
        "width": width,
        "windows": windows,
        "weights": weights,
        "negatives": negatives,
        "log_expected": log_expected,
        "rate": RATE,
        "epsilon": EPSILON,
        "dense_rate": DENSE_RATE,
    }
