"""Golden values of the attention encoder, from PyTorch: states, loss, every gradient, the losses of ten steps.

    python make_attention.py > attention.json
"""

import json

import torch
import torch.nn.functional as F

import golden

golden.begin(seed=11)

ITEMS, WIDTH, BLOCKS, WIDE, DISTANCES = 11, 6, 2, 12, 3
# Item, type, gap bucket, repetition (0 new, 1 earlier, 2 the one just before); the last is a target only.
WINDOWS = [
    [(0, 0, 0, 0), (3, 2, 4, 0), (3, 1, 1, 2), (7, 0, 9, 0), (0, 0, 2, 1), (1, 0, 1, 0)],
    [(5, 1, 0, 0), (2, 0, 3, 0), (9, 0, 1, 0), (4, 0, 1, 0)],
    [(6, 0, 0, 0), (8, 0, 1, 0)],
]
WEIGHTS = [1.0, 0.5, 0.0, 1.0, 0.7, 1.0, 2.0, 1.0, 1.0]
NEGATIVES = [8, 7, 10, 8, 6]
LOG_EXPECTED = [0.4, -0.3, 0.0, 0.4, 1.1]
INPUT_SCALE = 2.0
FEATURE_SCALE = 0.1

tensors = {"table": torch.randn(ITEMS, WIDTH) * 0.3, "biases": torch.randn(ITEMS) * 0.1}
features = ["attention.type_embedding", "attention.gap_embedding", "attention.repeat_embedding"]
for name, places in zip(features, [16, 16, 3]):
    tensors[name] = torch.randn(places, WIDTH) * 0.2
    # Place 0 is zero for good.
    tensors[name][0] = 0
for block in range(BLOCKS):
    prefix = f"attention.{block}."
    for norm in ["attention_norm", "forward_norm"]:
        tensors[prefix + norm + ".weight"] = 1 + torch.randn(WIDTH) * 0.2
        tensors[prefix + norm + ".bias"] = torch.randn(WIDTH) * 0.2
    for layer in ["query", "key", "value", "output"]:
        tensors[prefix + layer + ".weight"] = torch.randn(WIDTH, WIDTH) * 0.4
    tensors[prefix + "distance_bias"] = torch.randn(1, DISTANCES) * 0.5
    tensors[prefix + "forward_1.weight"] = torch.randn(WIDE, WIDTH) * 0.4
    tensors[prefix + "forward_1.bias"] = torch.randn(WIDE) * 0.2
    tensors[prefix + "forward_2.weight"] = torch.randn(WIDTH, WIDE) * 0.4
tensors["attention.norm.weight"] = 1 + torch.randn(WIDTH) * 0.2
tensors["attention.norm.bias"] = torch.randn(WIDTH) * 0.2
for name in tensors:
    tensors[name] = golden.as_float(tensors[name]).requires_grad_()


def norm(x, name):
    return F.layer_norm(x, (WIDTH,), tensors[name + ".weight"], tensors[name + ".bias"], eps=1e-5)


def encode(window):
    items, types, gaps, repetitions = (torch.tensor(column) for column in zip(*window[:-1]))
    x = tensors["table"][items] + tensors[features[0]][types] + tensors[features[1]][gaps]
    x = INPUT_SCALE * (x + tensors[features[2]][repetitions])
    length = len(window) - 1
    distance = torch.arange(length).unsqueeze(1) - torch.arange(length).unsqueeze(0)
    for block in range(BLOCKS):
        prefix = f"attention.{block}."
        n = norm(x, prefix + "attention_norm")
        q, k, v = (n @ tensors[prefix + layer + ".weight"].T for layer in ["query", "key", "value"])
        bias = tensors[prefix + "distance_bias"][0][distance.clamp(0, DISTANCES - 1)]
        bias = bias.masked_fill(distance < 0, -torch.inf)
        attended = F.scaled_dot_product_attention(q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), attn_mask=bias.unsqueeze(0))[0]
        x = x + attended @ tensors[prefix + "output.weight"].T
        n = norm(x, prefix + "forward_norm")
        wide = n @ tensors[prefix + "forward_1.weight"].T + tensors[prefix + "forward_1.bias"]
        x = x + F.silu(wide) @ tensors[prefix + "forward_2.weight"].T
    return norm(x, "attention.norm")


def forward():
    return torch.cat([encode(window) for window in WINDOWS])


def loss_of(hidden):
    targets = [event[0] for window in WINDOWS for event in window[1:]]
    return golden.cross_entropy(
        hidden, tensors["table"], tensors["biases"], targets, NEGATIVES, LOG_EXPECTED, WEIGHTS)


def keep_place_zero():
    for name in features:
        tensors[name].grad[0] = 0


values = golden.file("attention", ITEMS, WIDTH, WINDOWS, WEIGHTS, NEGATIVES, LOG_EXPECTED)
values |= {"blocks": BLOCKS, "expansion": WIDE // WIDTH, "distances": DISTANCES, "input_scale": INPUT_SCALE}
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
