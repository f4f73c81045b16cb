"""Golden values of the convolutions, from PyTorch: the textbook network and dilated residual blocks.

    python make_convolution.py textbook > textbook.json
    python make_convolution.py dilated > dilated.json
"""

import json
import sys

import torch
import torch.nn.functional as F

import golden

golden.begin(seed=13)
NETWORK = sys.argv[1]
ITEMS, WIDTH, LENGTH, FILTERS, SIZE, DILATIONS = 11, 6, 6, 5, 3, [1, 2]
# Item, type, gap bucket, repetition (0 new, 1 earlier, 2 the one just before); the last is a target only.
WINDOWS = [
    [(0, 0, 0, 0), (3, 2, 4, 0), (3, 1, 1, 2), (7, 0, 9, 0), (0, 0, 2, 1), (8, 1, 3, 0), (5, 0, 1, 0), (9, 0, 5, 0), (1, 0, 1, 0)],
    [(5, 1, 0, 0), (2, 0, 3, 0), (9, 0, 1, 0), (4, 0, 1, 0)],
    [(6, 0, 0, 0), (8, 0, 1, 0)],
]
WEIGHTS = [1.0, 0.5, 0.0, 1.0, 0.7, 1.0, 1.0, 0.3, 1.0, 2.0, 1.0, 1.0]
NEGATIVES = [8, 7, 10, 8, 6]
LOG_EXPECTED = [0.4, -0.3, 0.0, 0.4, 1.1]
FEATURE_SCALE = 0.1

tensors = {"table": torch.randn(ITEMS, WIDTH) * 0.5, "biases": torch.randn(ITEMS) * 0.1}
features = ["convolution.type_embedding", "convolution.gap_embedding", "convolution.repeat_embedding"]
for name, places in zip(features, [16, 16, 3]):
    tensors[name] = torch.randn(places, WIDTH) * 0.2
    # Place 0 is zero for good.
    tensors[name][0] = 0
if NETWORK == "textbook":
    # The three parts of a filter side by side, the oldest event's first.
    tensors["convolution.conv.weight"] = torch.randn(FILTERS, SIZE * WIDTH) * 0.4
    tensors["convolution.conv.bias"] = torch.randn(1, FILTERS) * 0.3
    tensors["convolution.dense.weight"] = torch.randn(WIDTH, (LENGTH - 2) // 2 * FILTERS) * 0.4
    tensors["convolution.dense.bias"] = torch.randn(1, WIDTH) * 0.3
else:
    for place in range(len(DILATIONS)):
        for part in ["first", "second"]:
            prefix = f"convolution.{place}.{part}"
            tensors[prefix + "_norm.weight"] = 1 + torch.randn(WIDTH) * 0.2
            tensors[prefix + "_norm.bias"] = torch.randn(WIDTH) * 0.2
            tensors[prefix + ".weight"] = torch.randn(WIDTH, SIZE * WIDTH) * 0.3
for name in tensors:
    tensors[name] = golden.as_float(tensors[name]).requires_grad_()


def kernel(name):
    """[outputs, inputs, 3], as PyTorch has it."""
    weights = tensors[name]
    return weights.reshape(weights.shape[0], SIZE, WIDTH).transpose(1, 2)


def textbook(x):
    """Each position reads the LENGTH events that end with it."""
    padded = F.pad(x, (0, 0, LENGTH - 1, 0))
    windows = torch.stack([padded[end : end + LENGTH].T for end in range(x.shape[0])])
    convolved = F.relu(F.conv1d(windows, kernel("convolution.conv.weight"), tensors["convolution.conv.bias"][0]))
    flat = F.max_pool1d(convolved, 2).transpose(1, 2).flatten(1)
    return F.relu(F.linear(flat, tensors["convolution.dense.weight"], tensors["convolution.dense.bias"][0]))


def causal(x, name, dilation):
    padded = F.pad(x.T, ((SIZE - 1) * dilation, 0)).unsqueeze(0)
    return F.conv1d(padded, kernel(name), dilation=dilation)[0].T


def norm(x, name):
    return F.layer_norm(x, (WIDTH,), tensors[name + ".weight"], tensors[name + ".bias"], eps=1e-5)


def dilated(x):
    for place, dilation in enumerate(DILATIONS):
        prefix = f"convolution.{place}."
        inner = causal(F.relu(norm(x, prefix + "first_norm")), prefix + "first.weight", dilation)
        x = x + causal(F.relu(norm(inner, prefix + "second_norm")), prefix + "second.weight", 2 * dilation)
    return x


def encode(window):
    items, types, gaps, repetitions = (torch.tensor(column) for column in zip(*window[:-1]))
    x = tensors["table"][items] + tensors[features[0]][types] + tensors[features[1]][gaps]
    x = x + tensors[features[2]][repetitions]
    return textbook(x) if NETWORK == "textbook" else dilated(x)


def forward():
    return torch.cat([encode(window) for window in WINDOWS])


def loss_of(hidden):
    targets = [event[0] for window in WINDOWS for event in window[1:]]
    return golden.cross_entropy(
        hidden, tensors["table"], tensors["biases"], targets, NEGATIVES, LOG_EXPECTED, WEIGHTS)


def keep_place_zero():
    for name in features:
        tensors[name].grad[0] = 0


values = golden.file(NETWORK, ITEMS, WIDTH, WINDOWS, WEIGHTS, NEGATIVES, LOG_EXPECTED)
values |= {"length": LENGTH, "filters": FILTERS, "dilations": DILATIONS}
values["parameters"] = golden.flats(tensors)
hidden = forward()
loss = loss_of(hidden)
loss.backward()
keep_place_zero()
values["hidden"] = golden.flat(hidden)
values["loss"] = loss.item()
values["gradients"] = golden.gradients(tensors)

# A tenth of the rate on what is read beside items.
dense = [tensor for name, tensor in tensors.items() if name not in ["table", "biases", *features]]
adam = torch.optim.Adam(
    [{"params": dense, "lr": golden.DENSE_RATE}, {"params": [tensors[n] for n in features], "lr": golden.DENSE_RATE * FEATURE_SCALE}])
values["losses"] = golden.ten_steps(tensors, adam, lambda: loss_of(forward()), keep_place_zero)
values["final_table"] = golden.flat(tensors["table"])
print(json.dumps(values, separators=(",", ":")))
