#!/usr/bin/env python3
"""Trains a run again without Reprise, and compares every loss and every hash of the weights with its log.

usage: replay.py [RUN] [--data FILE] [--steps N]

RUN is the folder of a run, or in a bundle its id; left out, the folder that this file lies in, or a bundle's only run.
The initial weights, the training graph and the scalars of each step are files of the run; the order of the examples,
the dropout masks and the changes of training images are drawn again from its seeds. Needs Python 3.9 or later, numpy
and onnxruntime, of the version the run was trained with: another one may compute other bits, and so may another processor.
Exit code: 0 the same bits, or within the tolerance that the bundle states; 1 neither; 2 it cannot be said.
"""
import argparse
import functools
import hashlib
import itertools
import json
import math
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import onnxruntime

HERE = Path(__file__).resolve().parent


class Stop(Exception):
    """Why nothing can be said."""


# Random numbers: Threefry-2x32 of 20 rounds (Salmon et al., 2011). The key is taken from SHA-256(seed, purpose, name), the
# counter is (position, step), so that any value can be drawn without those before it.

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)


def stream_key(seed, purpose, name):
    return struct.unpack("<II", hashlib.sha256(f"reprise-random-1\n{seed}\n{purpose}\n{name}".encode()).digest()[:8])


def threefry(key, positions, step):
    """Two words of 32 bits for each position."""
    keys = [np.uint32(word) for word in (*key, 0x1BD11BDA ^ key[0] ^ key[1])]
    x0 = np.asarray(positions).astype(np.uint32) + keys[0]
    x1 = np.full_like(x0, step) + keys[1]
    for turn in range(20):
        left = np.uint32(ROTATIONS[turn % 8])
        x0 = x0 + x1
        x1 = ((x1 << left) | (x1 >> (np.uint32(32) - left))) ^ x0
        if turn % 4 == 3:
            block = turn // 4 + 1
            x0 = x0 + keys[block % 3]
            x1 = x1 + keys[(block + 1) % 3] + np.uint32(block)
    return x0, x1


def words(key, first, count, step):
    return np.stack(threefry(key, np.arange(first, first + count), step), axis=1).ravel()


def permutation(seed, epoch, count):
    """Fisher-Yates; words that would favour some places are passed over."""
    key = stream_key(seed, "order", "epoch")
    drawn = itertools.chain.from_iterable(words(key, first, 4096, epoch).tolist() for first in itertools.count(0, 4096))
    order = list(range(count))
    for last in range(count - 1, 0, -1):
        limit = 2**32 - 2**32 % (last + 1)
        other = next(word for word in drawn if word < limit) % (last + 1)
        order[last], order[other] = order[other], order[last]
    return np.array(order, dtype=np.int32)


def mask(seed, name, step, shape, drop_probability):
    """1 keep, 0 drop; 16 bits a value, the high half of a word first."""
    count = math.prod(shape)
    drawn = words(stream_key(seed, "noise", name), 0, -(-count // 4), step)
    halves = np.stack([drawn >> np.uint32(16), drawn & np.uint32(0xFFFF)], axis=1).ravel()[:count]
    return (halves >= math.floor(drop_probability * 2**16 + 0.5)).astype(np.uint8).reshape(shape)


def augmented(images, config, seed, epoch, examples):
    """Images [examples, channels, rows, columns], each cut out of a black border, mirrored and shifted."""

    def choose(word, furthest):
        return np.floor(word / 2.0**32 * (2 * furthest + 1)).astype(np.int64)[:, None] - furthest

    key = stream_key(seed, "augment", "image")
    (down, right), (mirror, _), (lower, further) = (threefry(key, 4 * examples.astype(np.int64) + block, epoch) for block in range(3))
    rows, columns = images.shape[2:]
    row = np.clip(np.arange(rows) - choose(lower, config["shift"]), 0, rows - 1) + choose(down, config["crop"])
    column = np.clip(np.arange(columns) - choose(further, config["shift"]), 0, columns - 1)
    flipped = np.logical_and(config["flip"], mirror >= 2**31)[:, None]
    column = np.where(flipped, columns - 1 - column, column) + choose(right, config["crop"])
    inside = ((row >= 0) & (row < rows))[:, None, :, None] & ((column >= 0) & (column < columns))[:, None, None, :]
    image, channel = np.arange(len(images))[:, None, None, None], np.arange(images.shape[1])[:, None, None]
    taken = images[image, channel, np.clip(row, 0, rows - 1)[:, None, :, None], np.clip(column, 0, columns - 1)[:, None, None, :]]
    return np.where(inside, taken, images.dtype.type(0))


# Files. Those that many runs share lie in a folder `objects` beside the runs, named by their SHA-256.

DTYPES = {"F32": np.float32, "U8": np.uint8, "I32": np.int32, "I64": np.int64}


def sha256_of(path):
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 24):
            digest.update(piece)
    return digest.hexdigest()


def find(folder, name, sha256):
    beside = folder.parent.parent
    objects = beside / "objects"
    places = (folder / name, objects / sha256[:2] / sha256, objects / (sha256 + Path(name).suffix), beside / "datasets" / f"{sha256}.safetensors")
    for path in places:
        if path.is_file() and sha256_of(path) == sha256:
            return path
    raise Stop(f"{name} with the SHA-256 {sha256} is neither in {folder} nor in {objects}")


def read_tensors(path):
    """The tensors of a safetensors file, mapped rather than read, and its metadata."""
    raw = np.memmap(path, dtype=np.uint8, mode="r")
    start = 8 + int(raw[:8].view("<u8")[0])
    header = json.loads(bytes(raw[8:start]))
    metadata = header.pop("__metadata__", {})
    places = {name: (*entry["data_offsets"], DTYPES[entry["dtype"]], entry["shape"]) for name, entry in header.items()}
    return {name: np.asarray(raw[start + begin : start + end]).view(dtype).reshape(shape) for name, (begin, end, dtype, shape) in places.items()}, metadata


def weights_hash(weights):
    digest = hashlib.sha256()
    for name in sorted(weights, key=lambda text: text.encode("utf-16-be")):
        line = json.dumps([name, str(weights[name].dtype), weights[name].shape], separators=(",", ":"), ensure_ascii=False)
        digest.update(line.encode() + b"\n" + np.ascontiguousarray(weights[name]).tobytes())
    return digest.hexdigest()


class Log:
    """Losses by step, hashes of the weights by the number of steps done, and files by role, as the newest attempt tells."""

    def __init__(self, path):
        losses, self.hashes, self.files = [], {}, {}
        for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
            if b"%08x" % zlib.crc32(line[9:]) != line[:8]:
                raise Stop(f"line {number} of {path} is damaged")
            record = json.loads(line[9:])
            if record["type"] == "attempt":
                del losses[record["fromStep"] :]
                self.hashes = {step: value for step, value in self.hashes.items() if step <= record["fromStep"]}
            elif record["type"] == "steps":
                losses += map(float, record["losses"])
            elif record["type"] == "weights-hash":
                self.hashes[record["step"]] = record["hash"]
            elif record["type"] == "artifact":
                self.files[record["name"]] = (record["file"], record["sha256"])
            elif record["type"] == "finished":
                self.hashes[record["selectedStep"]] = record["weightsHash"]
        self.losses = np.array(losses)


class Run:
    def __init__(self, folder, data_file):
        manifest = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        self.id, self.runtime, self.config = manifest["runId"], manifest.get("runtime"), manifest["config"]
        if self.runtime is None:
            raise Stop(f"{self.id} is no training")
        if self.runtime["executionProvider"] != "cpu":
            raise Stop(f"{self.id} was computed by {self.runtime['executionProvider']}; only what a CPU computed is replayed")
        self.log = Log(folder / "events.log")

        def file(role):
            if role not in self.log.files:
                raise Stop(f"{self.id} has no {role}")
            return find(folder, *self.log.files[role])

        self.initial, _ = read_tensors(file("initial-weights"))
        stored, about = read_tensors(file("scalars"))
        self.scalars, self.rows, self.masks = stored["scalars"], stored["trainRows"], json.loads(about["masks"])
        self.graph = file("training-graph").read_bytes()
        fingerprint = manifest["data"]["fingerprint"]
        if data_file is not None and sha256_of(data_file) != fingerprint:
            raise Stop(f"{data_file} is not the data of {self.id}: their SHA-256 is {fingerprint}")
        self.data, about = read_tensors(data_file or find(folder, "data.safetensors", fingerprint))
        self.input = json.loads(about["input"])
        self.batch = self.config["training"]["batchSize"]
        self.epoch_steps = -(-len(self.rows) // self.batch)

    def seed(self, purpose):
        return self.config["seeds"].get(purpose, self.config["seed"])

    @functools.lru_cache(maxsize=1)
    def order(self, epoch):
        return permutation(self.seed("order"), epoch, len(self.rows))

    def batches(self, start, stop):
        """Rows of the training split and weights of the examples, [steps, batch]; a short batch is filled with its first row, which weighs 0."""
        epoch, first = divmod(start, self.epoch_steps)
        rows = np.empty((stop - start, self.batch), dtype=np.int32)
        weights = np.zeros_like(rows, dtype=np.float32)
        for index in range(stop - start):
            real = self.order(epoch)[(first + index) * self.batch : (first + index + 1) * self.batch]
            rows[index] = real[0]
            rows[index, : len(real)] = real
            weights[index, : len(real)] = 1 / len(real)
        return rows, weights

    def examples(self, epoch, rows):
        """The examples that the graph reads, and their numbers there."""
        if "labels" not in self.data:
            # A text is one stream, the examples of its training split touch, and each needs the token after its last.
            begin, size = int(self.rows[0]) * self.input["length"], len(self.rows) * self.input["length"] + 1
            return {"features": self.data["features"][begin : begin + size], "batches": rows}
        numbers = self.rows[rows.ravel()]
        features = self.data["features"][numbers]
        augment = self.config["data"].get("augment", {})
        if any(augment.values()):
            shape = (-1, self.input["channels"], self.input["rows"], self.input["columns"])
            features = augmented(features.reshape(shape), augment, self.seed("noise"), epoch, numbers).reshape(features.shape)
        return {"features": features, "labels": self.data["labels"][numbers], "batches": np.arange(rows.size, dtype=np.int32).reshape(rows.shape)}

    def session(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.runtime["threads"]
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        try:
            return onnxruntime.InferenceSession(self.graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise Stop(f"ONNX Runtime {onnxruntime.__version__} cannot load the training graph: {error}") from error

    def train(self, total):
        """After each stretch of steps the number of steps done, the losses of the stretch, and the weights."""
        session = self.session()
        inputs = {given.name: given for given in session.get_inputs()}
        names = [output.name for output in session.get_outputs()]
        carried = [name[len("next/") :] for name in names if name.startswith("next/")]
        state = {name: self.initial[name] if name in self.initial else np.zeros(inputs[name].shape, dtype=np.float32) for name in carried}
        mask_shapes = {name: (self.batch, inputs[name].shape[2]) for name in self.masks}
        # The graph of a model whose state is too large for a loop is one step.
        loops = "steps" in inputs
        longest = max(1, min(64, 2**26 // sum(map(math.prod, mask_shapes.values()), 1))) if loops else 1
        marks = [*sorted(self.log.hashes), total]
        yield 0, np.zeros(0), self.initial
        done = 0
        while done < total:
            epoch = done // self.epoch_steps
            stop = min(done + longest, (epoch + 1) * self.epoch_steps, total, next(mark for mark in marks if mark > done))
            rows, weights = self.batches(done, stop)
            feeds = {**state, **self.examples(epoch, rows), "exampleWeights": weights, "scalars": self.scalars[done:stop]}
            if loops:
                feeds["steps"] = np.array(stop - done)
            for name, shape in mask_shapes.items():
                feeds[name] = np.stack([mask(self.seed("noise"), name, step, shape, self.masks[name]) for step in range(done, stop)])
            results = dict(zip(names, session.run(names, feeds)))
            state = {name: results[f"next/{name}"] for name in carried}
            done = stop
            # Where averages of the weights are kept, they are the model.
            yield done, results["losses"].astype(np.float64), {name: state.get(f"ema/{name}", state[name]) for name in self.initial}


def first_outside(tolerance, logged, losses):
    """The first step whose loss is further from the logged one than the bundle's tolerance allows, or None."""
    for step, (a, b) in enumerate(zip(logged, losses)):
        if a == b or (math.isnan(a) and math.isnan(b)):
            continue
        allowed = max(tolerance["floor"]["relative"], tolerance["blocks"][min(step // tolerance["blockSize"], len(tolerance["blocks"]) - 1)])
        if not (abs(a - b) <= max(tolerance["floor"]["absolute"], allowed * max(abs(a), abs(b)))) or math.isinf(a - b):
            return step
    return None


def counted(number, noun, plural=None):
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def replay(folder, data_file, most):
    run = Run(folder, data_file)
    log, version = run.log, run.runtime["onnxruntime"]
    print(f"{run.id}: {counted(len(log.losses), 'step')}, trained with ONNX Runtime {version}, {counted(run.runtime['threads'], 'thread')}")
    if version != onnxruntime.__version__:
        print(f"This is ONNX Runtime {onnxruntime.__version__}, which may compute other bits.")
    losses, wrong, compared = np.zeros(0), [], 0
    for done, computed, weights in run.train(min(most, len(log.losses))):
        losses = np.append(losses, computed)
        if done not in log.hashes:
            continue
        compared += 1
        found, logged = weights_hash(weights), log.hashes[done]
        wrong += [] if found == logged else [done]
        loss = "" if done == 0 else f"loss {losses[-1]:.9g}, logged {log.losses[done - 1]:.9g}; "
        print(f"step {done}: {loss}weights {found[:16]}, {'equal' if found == logged else f'logged {logged[:16]}'}")
    return judge(run, folder, losses, wrong, compared)


def judge(run, folder, losses, wrong, compared):
    logged = run.log.losses[: len(losses)]
    different = np.flatnonzero(~((logged == losses) | (np.isnan(logged) & np.isnan(losses))))
    if len(different) == 0 and not wrong:
        print(f"identical: {counted(len(losses), 'loss', 'losses')} and {counted(compared, 'hash', 'hashes')} of the weights")
        return 0
    steps = [int(step) + 1 for step in different[:1]] + [max(1, step) for step in wrong[:1]]
    print(f"{len(different)} of {counted(len(losses), 'loss', 'losses')} and {len(wrong)} of {counted(compared, 'hash', 'hashes')} of the weights differ, from step {min(steps)} on")
    sealed = folder.parent.parent / "tolerance.json"
    if sealed.is_file() and 0 not in wrong:
        outside = first_outside(json.loads(sealed.read_text(encoding="utf-8"))["runs"][run.id], logged, losses)
        if outside is None:
            print("within-tolerance: every loss is as near the logged one as the bundle allows")
            return 0
        print(f"diverged: step {outside + 1} is the first outside the bundle's tolerance")
        return 1
    print(f"diverged: step {min(steps)} is the first that differs")
    return 1


def folder_of(run):
    for folder in [HERE] if run is None else [HERE / "runs" / run, Path(run).resolve()]:
        if (folder / "run.json").is_file():
            return folder
    known = sorted(manifest.parent.name for manifest in HERE.glob("runs/*/run.json"))
    if run is None and len(known) == 1:
        return HERE / "runs" / known[0]
    raise Stop(f"{run or HERE} is no run" + (f"; name one of these: {', '.join(known)}" if known else ""))


def main():
    parser = argparse.ArgumentParser(description="Trains a run again without Reprise, and compares it with its log.")
    parser.add_argument("run", nargs="?", help="folder of a run, or in a bundle its id; when left out the folder of this file, or a bundle's only run")
    parser.add_argument("--data", type=Path, help="the prepared data, where they are not beside the runs")
    parser.add_argument("--steps", type=int, default=sys.maxsize, help="train the first N steps only")
    arguments = parser.parse_args()
    try:
        return replay(folder_of(arguments.run), arguments.data, arguments.steps)
    except (Stop, OSError) as reason:
        print(f"Cannot replay: {reason}.", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
