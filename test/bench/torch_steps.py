"""PyTorch's part of test/bench/training.test.ts: training steps from the weights and batches given, timed.

Usage: torch_steps.py JOB.json VARIANT, where JOB.json names raw little-endian files beside it and VARIANT has words of
`foreach`, `fused`, `channels_last`, `vmap`. Prints `ready`, waits for a line, and prints one JSON document. It is what a
user of PyTorch's eager mode writes: torch's modules, scaled_dot_product_attention, torch.nn.LSTM, torch.optim.Adam.
`torch_steps.py product THREADS` times a large product instead.
"""
import json
import sys
import time
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

DTYPES = {"float32": torch.float32, "uint8": torch.uint8, "int32": torch.int32, "int64": torch.int64}


class Mlp(nn.Module):
    def __init__(self, shape):
        super().__init__()
        widths = [784, *shape["hidden"], 10]
        self.dense = nn.ModuleList(nn.Linear(inputs, outputs) for inputs, outputs in zip(widths, widths[1:]))

    def forward(self, x):
        for layer in self.dense[:-1]:
            x = F.relu(layer(x))
        return self.dense[-1](x)


class Cnn(nn.Module):
    def __init__(self, shape):
        super().__init__()
        widths = [1, *shape["channels"]]
        self.conv = nn.ModuleList(nn.Conv2d(inputs, outputs, 3, padding=1) for inputs, outputs in zip(widths, widths[1:]))
        self.dense = nn.ModuleList([nn.Linear(7 * 7 * widths[-1], 10)])

    def forward(self, x):
        x = x.view(-1, 1, 28, 28)
        for layer in self.conv:
            x = F.max_pool2d(F.relu(layer(x)), 2)
        return self.dense[0](x.flatten(1))


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        width, self.heads = shape["width"], shape["heads"]
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.ModuleDict({"c_attn": nn.Linear(width, 3 * width), "c_proj": nn.Linear(width, width)})
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in self.attn["c_attn"](self.ln_1(x)).split(width, dim=2))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(batch, length, width)
        x = x + self.attn["c_proj"](mixed)
        return x + self.mlp["c_proj"](F.gelu(self.mlp["c_fc"](self.ln_2(x))))


class Transformer(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(shape["vocabulary"], shape["width"]), nn.Embedding(shape["length"], shape["width"])
        self.h = nn.ModuleList(Block(shape) for _ in range(shape["layers"]))
        self.ln_f, self.head = nn.LayerNorm(shape["width"]), nn.Linear(shape["width"], shape["vocabulary"])

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe.weight
        for block in self.h:
            x = block(x)
        return self.head(self.ln_f(x)).flatten(0, 1)


class Lstm(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.embedding = nn.Embedding(shape["vocabulary"], shape["embedding"])
        self.lstm = nn.LSTM(shape["embedding"], shape["hidden"], batch_first=True)
        self.head = nn.Linear(shape["hidden"], shape["vocabulary"])

    def forward(self, tokens):
        return self.head(self.lstm(self.embedding(tokens))[0]).flatten(0, 1)


MODELS = {"mlp": Mlp, "cnn": Cnn, "transformer": Transformer, "lstm": Lstm}


class Job:
    def __init__(self, path):
        self.folder, self.given = path.parent, json.loads(path.read_text("utf-8"))
        self.features, self.batches = self.load("features"), self.load("batches").long()
        if self.features.dtype == torch.int32:
            self.features = self.features.long()
            self.offsets = torch.arange(self.given["shape"]["length"])
        else:
            self.labels = self.load("labels")

    def load(self, name):
        entry = self.given["tensors"][name]
        return torch.frombuffer(bytearray((self.folder / entry["file"]).read_bytes()), dtype=DTYPES[entry["type"]]).reshape(entry["shape"])

    def batch(self, rows):
        if self.features.dtype == torch.int64:
            places = rows[..., None] * len(self.offsets) + self.offsets
            return self.features[places], self.features[places + 1].flatten()
        return self.features[rows].float().div_(255), self.labels[rows]

    def weights(self, seed):
        prefix = f"{seed}/"
        return {name.removeprefix(prefix): self.load(name) for name in self.given["tensors"] if name.startswith(prefix)}

    def module(self, seed, memory_format=torch.contiguous_format):
        module = MODELS[self.given["shape"]["kind"]](self.given["shape"])
        module.load_state_dict(self.weights(seed), strict=True)
        return module.to(memory_format=memory_format)

    def adam(self, parameters, variant):
        return torch.optim.Adam(parameters, lr=self.given["learningRate"], **({"fused": True} if "fused" in variant else {"foreach": True}))


def train(job, seed, variant):
    """Milliseconds of a step, one number for each block of steps, and the loss of each step."""
    module = job.module(seed, torch.channels_last if "channels_last" in variant else torch.contiguous_format)
    optimizer = job.adam(module.parameters(), variant)
    batches, block, times, losses = job.batches[seed], job.given["block"], [], []
    for first in range(0, len(batches), block):
        began = time.perf_counter()
        for rows in batches[first : first + block]:
            x, targets = job.batch(rows)
            loss = F.cross_entropy(module(x), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        times.append((time.perf_counter() - began) * 1000 / min(block, len(batches) - first))
    return times, torch.stack(losses).tolist()


def train_stacked(job, seeds, variant):
    """All seeds at once: torch.func.vmap over stacked parameters."""
    modules = [job.module(seed) for seed in seeds]
    parameters, _ = torch.func.stack_module_state(modules)
    names, values = list(parameters), [value.detach().requires_grad_(True) for value in parameters.values()]
    skeleton = modules[0].to("meta")
    optimizer = job.adam(values, variant)

    def loss_of(parameters, x, targets):
        return F.cross_entropy(torch.func.functional_call(skeleton, parameters, (x,)), targets)

    losses = []
    for rows in job.batches[seeds].transpose(0, 1):
        x, targets = job.batch(rows)
        each = torch.func.vmap(loss_of)(dict(zip(names, values)), x, targets)
        optimizer.zero_grad()
        each.sum().backward()
        optimizer.step()
        losses.append(each.detach())
    return torch.stack(losses, 1).tolist()


def product(threads):
    torch.set_num_threads(threads)
    size, times = 2048, []
    a, b = torch.rand(size, size), torch.rand(size, size)
    for _ in range(9):
        began = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - began)
    return 2 * size**3 / min(times) / 1e9


def peak_memory():
    """MiB; null where the system does not tell it of this program alone."""
    status = Path("/proc/self/status")
    return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024 if status.exists() else None


def main():
    if sys.argv[1] == "product":
        print(json.dumps(product(int(sys.argv[2]))))
        return
    job, variant = Job(Path(sys.argv[1])), sys.argv[2].split()
    seeds = [int(word) for word in sys.argv[3].split(",")]
    torch.set_num_threads(int(sys.argv[4]))
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    if "vmap" in variant:
        times, losses = [], train_stacked(job, seeds, variant)
    else:
        times, losses = map(list, zip(*(train(job, seed, variant) for seed in seeds)))
    print(json.dumps({"seconds": time.perf_counter() - began, "times": times, "losses": losses, "memory": peak_memory()}), flush=True)


main()
