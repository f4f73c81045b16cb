"""Golden values of the attention encoder, from PyTorch: states, loss, every gradient, the losses of ten steps.

    pip install torch && python make_attention.py > attention.json

Needed only to make the file anew; the tests read attention.json. Double precision, so that the file is exact
to float.
"""

import json

import torch
import torch.nn.functional as F

torch.manual_seed(11)
torch.set_default_dtype(torch.float64)

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
RATE, EPSILON, DENSE_RATE, FEATURE_SCALE, STEPS = 0.05, 1e-6, 0.001, 0.1, 10

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
    # What is stored is float: begin from values that float holds.
    tensors[name] = tensors[name].to(torch.float32).to(torch.float64).requires_grad_()


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


def cross_entropy(hidden):
    table, biases = tensors["table"], tensors["biases"]
    targets = torch.tensor([event[0] for window in WINDOWS for event in window[1:]])
    negatives = torch.tensor(NEGATIVES)
    scores = hidden @ table[negatives].T + biases[negatives] - torch.tensor(LOG_EXPECTED)
    scores = scores.masked_fill(negatives.unsqueeze(0) == targets.unsqueeze(1), -torch.inf)
    target_scores = (hidden * table[targets]).sum(1) + biases[targets]
    logits = torch.cat([scores, target_scores.unsqueeze(1)], dim=1)
    losses = torch.logsumexp(logits, dim=1) - target_scores
    return (losses * torch.tensor(WEIGHTS)).sum()


def flat(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().reshape(-1).tolist()]


def keep_place_zero():
    for name in features:
        tensors[name].grad[0] = 0


golden = {
    "format": "freshet-golden-attention",
    "version": 1,
    "torch": torch.__version__,
    "items": ITEMS,
    "width": WIDTH,
    "windows": WINDOWS,
    "weights": WEIGHTS,
    "negatives": NEGATIVES,
    "log_expected": LOG_EXPECTED,
    "blocks": BLOCKS,
    "expansion": WIDE // WIDTH,
    "distances": DISTANCES,
    "input_scale": INPUT_SCALE,
    "rate": RATE,
    "epsilon": EPSILON,
    "dense_rate": DENSE_RATE,
    "parameters": {name: flat(tensor) for name, tensor in tensors.items()},
}
hidden = forward()
loss = cross_entropy(hidden)
loss.backward()
keep_place_zero()
golden["hidden"] = flat(hidden)
golden["loss"] = loss.item()
golden["gradients"] = {name: flat(tensor.grad) for name, tensor in tensors.items()}

# Ten steps: Adam on the encoder, a tenth of the rate on what is read beside items, row-wise Adagrad (one
# accumulator a row) on the table.
dense = [tensor for name, tensor in tensors.items() if name not in ["table", "biases", *features]]
adam = torch.optim.Adam(
    [{"params": dense, "lr": DENSE_RATE}, {"params": [tensors[n] for n in features], "lr": DENSE_RATE * FEATURE_SCALE}])
row_sums, bias_sums = torch.zeros(ITEMS), torch.zeros(ITEMS)
golden["losses"] = []
for _ in range(STEPS):
    for tensor in tensors.values():
        tensor.grad = None
    loss = cross_entropy(forward())
    golden["losses"].append(loss.item())
    loss.backward()
    keep_place_zero()
    adam.step()
    with torch.no_grad():
        table, biases = tensors["table"], tensors["biases"]
        row_sums += table.grad.square().mean(1)
        table -= RATE * table.grad / (row_sums.sqrt() + EPSILON).unsqueeze(1)
        bias_sums += biases.grad.square()
        biases -= RATE * biases.grad / (bias_sums.sqrt() + EPSILON)
golden["final_table"] = flat(tensors["table"])
print(json.dumps(golden, separators=(",", ":")))
