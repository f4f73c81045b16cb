"""Golden values of the GRU, from PyTorch: scores, loss, every gradient, and the losses of ten steps.

    python make_gru.py > gru.json
"""

import json

import torch

import golden

golden.begin(seed=7)

ITEMS, WIDTH = 11, 6
# The last item of a window is a target only.
WINDOWS = [[0, 3, 3, 7, 1], [5, 2, 9, 4]]
# The weight of each position; 0 is context only.
WEIGHTS = [1.0, 0.5, 0.0, 1.0, 1.0, 2.0, 1.0]
# With a repetition (8), and one that is a target (7).
NEGATIVES = [8, 7, 10, 8, 6]
LOG_EXPECTED = [0.4, -0.3, 0.0, 0.4, 1.1]

gru = torch.nn.GRU(WIDTH, WIDTH, batch_first=True)
table = (torch.randn(ITEMS, WIDTH) * 0.3).requires_grad_()
biases = (torch.randn(ITEMS) * 0.1).requires_grad_()
with torch.no_grad():
    for tensor in [table, biases, *gru.parameters()]:
        tensor.copy_(golden.as_float(tensor))
tensors = {
    "table": table,
    "biases": biases,
    "gru.weight_ih": gru.weight_ih_l0,
    "gru.weight_hh": gru.weight_hh_l0,
    "gru.bias_ih": gru.bias_ih_l0,
    "gru.bias_hh": gru.bias_hh_l0,
}


def forward():
    return torch.cat([gru(table[torch.tensor(window[:-1])].unsqueeze(0))[0][0] for window in WINDOWS])


def loss_of(hidden):
    targets = [item for window in WINDOWS for item in window[1:]]
    return golden.cross_entropy(hidden, table, biases, targets, NEGATIVES, LOG_EXPECTED, WEIGHTS)


# Item, type, gap bucket, repetition: this encoder's file knows items only.
windows = [[(item, 0, 0, 0) for item in window] for window in WINDOWS]
values = golden.file("gru", ITEMS, WIDTH, windows, WEIGHTS, NEGATIVES, LOG_EXPECTED)
values["parameters"] = golden.flats(tensors)
hidden = forward()
loss = loss_of(hidden)
loss.backward()
values["hidden"] = golden.flat(hidden)
values["loss"] = loss.item()
values["gradients"] = golden.gradients(tensors)
adam = torch.optim.Adam(gru.parameters(), lr=golden.DENSE_RATE)
values["losses"] = golden.ten_steps(tensors, adam, lambda: loss_of(forward()))
values["final_table"] = golden.flat(table)
print(json.dumps(values, separators=(",", ":")))
