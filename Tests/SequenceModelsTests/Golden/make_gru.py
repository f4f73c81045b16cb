"""Golden values of the GRU, from PyTorch: scores, loss, every gradient, and the losses of ten steps.

    pip install torch && python make_gru.py > gru.json

Needed only to make the file anew; the tests read gru.json. Double precision, so that the file is exact
to float.
"""

import json

import torch

torch.manual_seed(7)
torch.set_default_dtype(torch.float64)

ITEMS, WIDTH = 11, 6
# The last item of a window is a target only.
WINDOWS = [[0, 3, 3, 7, 1], [5, 2, 9, 4]]
# The weight of each position; 0 is context only.
WEIGHTS = [1.0, 0.5, 0.0, 1.0, 1.0, 2.0, 1.0]
# With a repetition (8), and one that is a target (7).
NEGATIVES = [8, 7, 10, 8, 6]
LOG_EXPECTED = [0.4, -0.3, 0.0, 0.4, 1.1]
RATE, EPSILON, DENSE_RATE, STEPS = 0.05, 1e-6, 0.001, 10

gru = torch.nn.GRU(WIDTH, WIDTH, batch_first=True)
table = (torch.randn(ITEMS, WIDTH) * 0.3).requires_grad_()
biases = (torch.randn(ITEMS) * 0.1).requires_grad_()
with torch.no_grad():
    # What is stored is float: begin from values that float holds.
    for tensor in [table, biases, *gru.parameters()]:
        tensor.copy_(tensor.to(torch.float32).to(torch.float64))


def forward():
    states = [gru(table[torch.tensor(window[:-1])].unsqueeze(0))[0][0] for window in WINDOWS]
    return torch.cat(states)


def cross_entropy(hidden):
    targets = torch.tensor([item for window in WINDOWS for item in window[1:]])
    negatives = torch.tensor(NEGATIVES)
    scores = hidden @ table[negatives].T + biases[negatives] - torch.tensor(LOG_EXPECTED)
    scores = scores.masked_fill(negatives.unsqueeze(0) == targets.unsqueeze(1), -torch.inf)
    target_scores = (hidden * table[targets]).sum(1) + biases[targets]
    logits = torch.cat([scores, target_scores.unsqueeze(1)], dim=1)
    losses = torch.logsumexp(logits, dim=1) - target_scores
    return (losses * torch.tensor(WEIGHTS)).sum()


def flat(tensor):
    return tensor.detach().reshape(-1).tolist()


tensors = {
    "table": table,
    "biases": biases,
    "gru.weight_ih": gru.weight_ih_l0,
    "gru.weight_hh": gru.weight_hh_l0,
    "gru.bias_ih": gru.bias_ih_l0,
    "gru.bias_hh": gru.bias_hh_l0,
}
golden = {
    "format": "freshet-golden-gru",
    "version": 1,
    "torch": torch.__version__,
    "items": ITEMS,
    "width": WIDTH,
    "windows": WINDOWS,
    "weights": WEIGHTS,
    "negatives": NEGATIVES,
    "log_expected": LOG_EXPECTED,
    "rate": RATE,
    "epsilon": EPSILON,
    "dense_rate": DENSE_RATE,
    "parameters": {name: flat(tensor) for name, tensor in tensors.items()},
}
hidden = forward()
loss = cross_entropy(hidden)
loss.backward()
golden["hidden"] = flat(hidden)
golden["loss"] = loss.item()
golden["gradients"] = {name: flat(tensor.grad) for name, tensor in tensors.items()}

# Ten steps: Adam on the encoder, row-wise Adagrad (one accumulator a row) on the table.
adam = torch.optim.Adam(gru.parameters(), lr=DENSE_RATE)
row_sums, bias_sums = torch.zeros(ITEMS), torch.zeros(ITEMS)
golden["losses"] = []
for _ in range(STEPS):
    for tensor in tensors.values():
        tensor.grad = None
    loss = cross_entropy(forward())
    golden["losses"].append(loss.item())
    loss.backward()
    adam.step()
    with torch.no_grad():
        row_sums += table.grad.square().mean(1)
        table -= RATE * table.grad / (row_sums.sqrt() + EPSILON).unsqueeze(1)
        bias_sums += biases.grad.square()
        biases -= RATE * biases.grad / (bias_sums.sqrt() + EPSILON)
golden["final_table"] = flat(table)
print(json.dumps(golden, indent=1))
