"""Loads what `freshet export` wrote of a GRU and of an attention model into PyTorch, and scores sessions with it.

    python -m venv venv && venv/bin/pip install torch numpy safetensors
    venv/bin/python score_exported.py > scores.json

exported_gru.safetensors and exported_attention.safetensors are of small models (--set model.dimensions=16) that
`freshet train` made. The tests read scores.json and need no Python: they import the files, ask for the same
sessions, and export them again. Double precision, so that what differs is Freshet's float.
"""

import json
import pathlib
import sys

import torch
import torch.nn.functional as F
from safetensors import safe_open

HERE = pathlib.Path(__file__).parent
torch.set_default_dtype(torch.float64)

# Items by their rows, and the milliseconds since the event before; every event is a view.
SESSIONS = [
    [(3, 0)],
    [(0, 0), (1, 500), (6, 90_000)],
    [(7, 0), (7, 4_000), (2, 4_000_000), (7, 1_999), (11, 2_000)],
    [(5, 0), (4, 86_400_000), (9, 10), (10, 30_000), (5, 7_999), (8, 8_000)],
]


def load(name):
    with safe_open(HERE / f"exported_{name}.safetensors", "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}
    ends = [0, *tensors.pop("items.id_ends").tolist()]
    text = bytes(tensors.pop("items.ids").tolist())
    ids = [text[start:end].decode() for start, end in zip(ends, ends[1:])]
    return ids, {key: value.double() for key, value in tensors.items()}


def gap_bucket(milliseconds):
    """By powers of three of seconds: 1 below two seconds, 15 at most."""
    bucket, bound = 1, 2_000
    while milliseconds >= bound and bucket < 15:
        bucket, bound = bucket + 1, bound * 3 + 2_000
    return bucket


def inputs(tensors, model, session):
    """What is read of each event: its item, type, time gap, and whether its item is a repeat."""
    rows = []
    for place, (item, gap) in enumerate(session):
        earlier = [other for other, _ in session[:place]]
        repetition = 2 if earlier and earlier[-1] == item else 1 if item in earlier else 0
        row = tensors[f"{model}.item_embedding"][item] + tensors[f"{model}.type_embedding"][0]
        row = row + tensors[f"{model}.gap_embedding"][gap_bucket(gap) if place > 0 else 0]
        rows.append(row + tensors[f"{model}.repeat_embedding"][repetition])
    return torch.stack(rows)


def gru_state(tensors, x):
    width = x.shape[1]
    gru = torch.nn.GRU(width, width, batch_first=True)
    gru.load_state_dict({f"{name}_l0": tensors[f"gru.{name}"] for name in ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]})
    return gru(x.unsqueeze(0))[0][0, -1]


def attention_state(tensors, x):
    width, length, block = x.shape[1], x.shape[0], 0

    def norm(x, name):
        return F.layer_norm(x, (width,), tensors[name + ".weight"], tensors[name + ".bias"], eps=1e-5)

    distance = torch.arange(length).unsqueeze(1) - torch.arange(length).unsqueeze(0)
    while f"attention.{block}.query.weight" in tensors:
        prefix = f"attention.{block}."
        n = norm(x, prefix + "attention_norm")
        q, k, v = (n @ tensors[f"{prefix}{layer}.weight"].T for layer in ["query", "key", "value"])
        distances = tensors[prefix + "distance_bias"]
        bias = distances[distance.clamp(0, len(distances) - 1)].masked_fill(distance < 0, -torch.inf)
        attended = F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=bias[None])[0]
        x = x + attended @ tensors[prefix + "output.weight"].T
        n = norm(x, prefix + "forward_norm")
        wide = n @ tensors[prefix + "forward_1.weight"].T + tensors[prefix + "forward_1.bias"]
        x = x + F.silu(wide) @ tensors[prefix + "forward_2.weight"].T
        block += 1
    return norm(x, "attention.norm")[-1]


def scores_after(tensors, model, session, state):
    """Of every item; a session's own items, by how many others came since, have what the repeat head adds."""
    scores = tensors[f"{model}.item_embedding"] @ state + tensors[f"{model}.item_bias"]
    additions = tensors[f"{model}.repeat_head.weight"] @ state + tensors[f"{model}.repeat_head.bias"]
    newest_first = list(dict.fromkeys(item for item, _ in reversed(session)))
    for place, item in enumerate(newest_first[:16]):
        scores[item] += additions[min(place, len(additions) - 1)]
    return scores


values = {"format": "freshet-exported-scores", "version": 1, "torch": torch.__version__, "sessions": SESSIONS, "models": {}}
for model, state_of in [("gru", gru_state), ("attention", attention_state)]:
    ids, tensors = load(model)
    with torch.no_grad():
        states = [state_of(tensors, inputs(tensors, model, session)) for session in SESSIONS]
        scores = [scores_after(tensors, model, session, state) for session, state in zip(SESSIONS, states)]
    values["models"][model] = {"ids": ids, "scores": [[float(f"{score:.9g}") for score in row] for row in scores]}
json.dump(values, sys.stdout, ensure_ascii=False, separators=(",", ":"))
print()
