"""Golden values of click prediction, from PyTorch: the textbook network and a sigmoid.

    python make_click.py > click.json
"""

import json

import torch
import torch.nn.functional as F

import golden

golden.begin(seed=17)
ITEMS, WIDTH, LENGTH, FILTERS, SIZE = 11, 6, 6, 5, 3
# Item, type, gap bucket, repetition (0 new, 1 earlier, 2 the one just before); the last is the item in question.
PAIRS = [
    [(0, 0, 0, 0), (3, 2, 4, 0), (3, 1, 1, 2), (7, 0, 0, 0)],
    [(0, 0, 0, 0), (3, 2, 4, 0), (3, 1, 1, 2), (0, 0, 0, 1)],
    [(5, 1, 3, 0), (2, 0, 3, 0), (9, 0, 1, 0), (4, 0, 1, 0), (2, 3, 1, 1), (2, 0, 0, 2)],
    [(6, 0, 0, 0), (8, 0, 0, 0)],
    [(1, 0, 0, 0)],
]
LABELS = [True, False, True, False, True]
FEATURE_SCALE = 0.1

tensors = {"table": torch.randn(ITEMS, WIDTH) * 0.5, "biases": torch.zeros(ITEMS)}
features = ["convolution.type_embedding", "convolution.gap_embedding", "convolution.repeat_embedding"]
for name, places in zip(features, [16, 16, 3]):
    tensors[name] = torch.randn(places, WIDTH) * 0.2
    # Place 0 is zero for good.
    tensors[name][0] = 0
# The three parts of a filter side by side, the oldest event's first.
tensors["convolution.conv.weight"] = torch.randn(FILTERS, SIZE * WIDTH) * 0.4
tensors["convolution.conv.bias"] = torch.randn(1, FILTERS) * 0.3
tensors["convolution.dense.weight"] = torch.randn(WIDTH, (LENGTH - 2) // 2 * FILTERS) * 0.4
tensors["convolution.dense.bias"] = torch.randn(1, WIDTH) * 0.3
tensors["click.weight"] = torch.randn(1, WIDTH)
tensors["click.bias"] = torch.randn(1, 1) * 0.3
for name in tensors:
    tensors[name] = golden.as_float(tensors[name]).requires_grad_()


def score(pair):
    """Reads the LENGTH events that end with the item, zeros before the first."""
    items, types, gaps, repetitions = (torch.tensor(column) for column in zip(*pair))
    x = tensors["table"][items] + tensors[features[0]][types] + tensors[features[1]][gaps]
    x = x + tensors[features[2]][repetitions]
    x = F.pad(x, (0, 0, LENGTH - len(pair), 0)).T.unsqueeze(0)
    kernel = tensors["convolution.conv.weight"].reshape(FILTERS, SIZE, WIDTH).transpose(1, 2)
    convolved = F.relu(F.conv1d(x, kernel, tensors["convolution.conv.bias"][0]))
    flat = F.max_pool1d(convolved, 2).transpose(1, 2).flatten(1)
    state = F.relu(F.linear(flat, tensors["convolution.dense.weight"], tensors["convolution.dense.bias"][0]))
    return F.linear(state, tensors["click.weight"], tensors["click.bias"][0])[0, 0]


def loss_of(scores):
    return F.binary_cross_entropy_with_logits(scores, torch.tensor(LABELS, dtype=scores.dtype))


def forward():
    return torch.stack([score(pair) for pair in PAIRS])


def prepare():
    for name in features:
        tensors[name].grad[0] = 0


# No score reads an item's bias.
tensors["biases"].grad = torch.zeros(ITEMS)
values = {
    "format": "freshet-golden-click",
    "version": 1,
    "torch": torch.__version__,
    "items": ITEMS,
    "width": WIDTH,
    "length": LENGTH,
    "filters": FILTERS,
    "pairs": PAIRS,
    "labels": LABELS,
    "dense_rate": golden.DENSE_RATE,
    "parameters": golden.flats(tensors),
}
scores = forward()
loss = loss_of(scores)
loss.backward()
prepare()
values["probabilities"] = golden.flat(torch.sigmoid(scores))
values["loss"] = loss.item()
values["gradients"] = golden.gradients(tensors)

# A tenth of the rate on what is read beside items.
dense = [tensor for name, tensor in tensors.items() if name not in ["table", "biases", *features]]
adam = torch.optim.Adam(
    [{"params": dense, "lr": golden.DENSE_RATE}, {"params": [tensors[n] for n in features], "lr": golden.DENSE_RATE * FEATURE_SCALE}])


def loss_with_biases():
    # Keeps the biases in the graph: every table that steps has a gradient.
    return loss_of(forward()) + 0 * tensors["biases"].sum()


values["losses"] = golden.ten_steps(tensors, adam, loss_with_biases, prepare)
values["final_table"] = golden.flat(tensors["table"])
print(json.dumps(values, separators=(",", ":")))
