/**
 * `replay.py`: replays a run of a bundle with nothing but Python, numpy and onnxruntime. A second
 * implementation, on purpose: of the random streams (src/random), the hash of the weights
 * (src/tensors), the order of the examples (src/worker) and the sealed tolerance.
 */
export const REPLAY_SCRIPT = String.raw`#!/usr/bin/env python3
"""Replays a run of this bundle without Reprise: needs Python 3.9 or later, numpy and onnxruntime.

usage: replay.py [RUN] [--steps N] [--json]

RUN is a run's id, a beginning of it, or its reproductionId; the first finished run when left out. Makes the initial
weights, the order of the examples and the dropout masks from the seeds, runs the training graph and
compares every loss with the event log. Exit code: 0 the same bits, or within the bundle's tolerance; 1 not;
2 it cannot be said. Check the bundle first (bagit.py --validate): this script trusts it.
"""
import argparse
import hashlib
import json
import math
import pathlib
import struct
import sys
import zlib

import numpy as np
import onnxruntime

BAG = pathlib.Path(__file__).resolve().parent.parent
CHUNK = 64


class Stop(Exception):
    """Why nothing can be said."""


# --- random streams: Threefry-2x32, 20 rounds, keyed by SHA-256(seed, purpose, name) ---------------

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)


def threefry(key, c0, c1):
    """Words (x0, x1) of the counters c0 (array) and c1, all unsigned 32-bit."""
    keys = (np.uint32(key[0]), np.uint32(key[1]), np.uint32(0x1BD11BDA ^ key[0] ^ key[1]))
    x0 = np.asarray(c0, dtype=np.uint32) + keys[0]
    x1 = np.full_like(x0, np.uint32(c1)) + keys[1]
    for round_number in range(20):
        x0 = x0 + x1
        turn = np.uint32(ROTATIONS[round_number % 8])
        x1 = ((x1 << turn) | (x1 >> (np.uint32(32) - turn))) ^ x0
        if round_number % 4 == 3:
            injection = round_number // 4 + 1
            x0 = x0 + keys[injection % 3]
            x1 = x1 + keys[(injection + 1) % 3] + np.uint32(injection)
    return x0, x1


def stream_key(seed, purpose, name):
    digest = hashlib.sha256(f"reprise-random-1\n{seed}\n{purpose}\n{name}".encode()).digest()
    return struct.unpack("<II", digest[:8])


def words(key, step, count, first_block=0):
    """count words of a stream from an even position on."""
    blocks = (count + 1) // 2
    x0, x1 = threefry(key, np.arange(first_block, first_block + blocks, dtype=np.uint32), step)
    return np.stack([x0, x1], axis=1).reshape(-1)[:count]


def uniform(seed, name, count, bound):
    limit = np.float64(np.float32(bound))
    grid = (words(stream_key(seed, "init", name), 0, count) >> np.uint32(8)).astype(np.float64)
    return (limit * (grid * (2.0 / 2**24) - 1.0)).astype(np.float32)


def mask(seed, name, step, count, probability):
    """16 bits a value, the high half of a word first."""
    threshold = math.floor(probability * 2**16 + 0.5)
    drawn = words(stream_key(seed, "noise", name), step, (count + 1) // 2)
    halves = np.stack([drawn >> np.uint32(16), drawn & np.uint32(0xFFFF)], axis=1).reshape(-1)[:count]
    return (halves >= threshold).astype(np.uint8)


def permutation(seed, purpose, name, step, count):
    """Fisher-Yates with rejection."""
    key = stream_key(seed, purpose, name)
    order = list(range(count))
    position, ahead = 0, np.zeros(0, dtype=np.uint32)

    def next_word():
        nonlocal position, ahead
        if position % 4096 == 0:
            ahead = words(key, step, 4096, position // 2)
        position += 1
        return int(ahead[(position - 1) % 4096])

    for last in range(count - 1, 0, -1):
        size = last + 1
        limit = 2**32 - 2**32 % size
        word = next_word()
        while word >= limit:
            word = next_word()
        other = word % size
        order[last], order[other] = order[other], order[last]
    return np.array(order, dtype=np.int32)


# --- files ------------------------------------------------------------------------------------------

DTYPES = {"F32": np.float32, "U8": np.uint8, "I32": np.int32, "I64": np.int64}
NAMES = {np.dtype(np.float32): "float32", np.dtype(np.uint8): "uint8", np.dtype(np.int32): "int32", np.dtype(np.int64): "int64"}


def read_safetensors(path):
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = data[8 + size + begin : 8 + size + end]
        tensors[name] = np.frombuffer(raw, dtype=DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors, metadata


def read_log(path):
    """Losses by step and hashes of the weights by number of steps done, of the newest attempt."""
    losses, hashes = [], {}
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1]):
        if f"{zlib.crc32(line[9:]):08x}".encode() != line[:8]:
            raise Stop(f"line {number + 1} of {path} is damaged")
        record = json.loads(line[9:])
        if record["type"] == "attempt":
            del losses[record["fromStep"] :]
            hashes = {step: value for step, value in hashes.items() if step <= record["fromStep"]}
        elif record["type"] == "steps":
            del losses[record["firstStep"] :]
            losses += [float(loss) for loss in record["losses"]]
        elif record["type"] == "weights-hash":
            hashes[record["step"]] = record["hash"]
    return np.array(losses, dtype=np.float64), hashes


def weights_hash(weights):
    digest = hashlib.sha256()
    for name in sorted(weights, key=lambda text: text.encode("utf-16-be")):
        tensor = weights[name]
        line = json.dumps([name, NAMES[tensor.dtype], list(tensor.shape)], separators=(",", ":"), ensure_ascii=False)
        digest.update(line.encode() + b"\n")
        digest.update(np.ascontiguousarray(tensor).tobytes())
    return digest.hexdigest()


# --- the run ------------------------------------------------------------------------------------------


class Run:
    def __init__(self, entry):
        self.entry = entry
        self.manifest = json.loads((BAG / entry["manifest"]).read_text(encoding="utf-8"))
        self.config = self.manifest["config"]
        seed, seeds = self.config["seed"], self.config["seeds"]
        self.seeds = {"split": seeds["split"], **{name: seeds.get(name, seed) for name in ("init", "order", "noise")}}
        self.batch = self.config["training"]["batchSize"]
        self.notes = []

    def file(self, role):
        path = self.entry["files"].get(role)
        if path is None:
            raise Stop(f"the bundle holds no {role} of this run")
        return BAG / path

    def load(self, index):
        fingerprint = self.manifest["data"]["fingerprint"]
        data = next((entry for entry in index["data"] if entry["fingerprint"] == fingerprint), None)
        if data is None or data["file"] is None:
            raise Stop(f"the data are not in the bundle; their source: {self.manifest['data']['source']}")
        tensors, _ = read_safetensors(BAG / data["file"])
        stored, metadata = read_safetensors(self.file("scalars"))
        split = self.config["data"]["split"]
        rows = len(tensors["labels"])
        train = rows - math.floor(rows * split["validation"] + 0.5) - math.floor(rows * split["test"] + 0.5)
        self.train_rows = permutation(self.seeds["split"], "split", "rows", 0, rows)[:train]
        self.features = np.ascontiguousarray(tensors["features"][self.train_rows])
        self.labels = np.ascontiguousarray(tensors["labels"][self.train_rows])
        self.scalars = stored["scalars"]
        self.steps_per_epoch = -(-train // self.batch)
        self.total = len(self.scalars)
        training = self.config["training"]
        if self.total != (training.get("steps") or self.steps_per_epoch * training.get("epochs", 0)):
            raise Stop("the stored scalars do not fit the configuration")
        if "trainRows" in stored and not np.array_equal(stored["trainRows"], self.train_rows):
            self.notes.append("the stored training rows are not those the split seed gives")
        self.stored_batches = stored.get("batches")

    def batches(self, start, stop):
        """Row numbers and example weights of the steps start ... stop - 1."""
        rows = np.empty((stop - start, self.batch), dtype=np.int32)
        weights = np.zeros((stop - start, self.batch), dtype=np.float32)
        for step in range(start, stop):
            epoch, at = divmod(step, self.steps_per_epoch)
            if getattr(self, "epoch", None) != epoch:
                self.epoch = epoch
                self.order = permutation(self.seeds["order"], "order", "epoch", epoch, len(self.train_rows))
            part = self.order[at * self.batch : (at + 1) * self.batch]
            rows[step - start] = part[0]
            rows[step - start, : len(part)] = part
            weights[step - start, : len(part)] = np.float32(1.0 / len(part))
        if self.stored_batches is not None and not np.array_equal(self.stored_batches[start:stop], rows):
            self.notes.append(f"the stored order of the examples of steps {start} to {stop - 1} is not the one the seed gives")
        return rows, weights

    def replay(self, limit):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.config["executor"]["threads"]
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(self.file("training-graph").read_bytes(), options, providers=["CPUExecutionProvider"])
        outputs = [output.name for output in session.get_outputs()]
        shapes = {entry.name: entry.shape for entry in session.get_inputs()}
        carried = [name[len("next/") :] for name in outputs if name.startswith("next/")]
        parameters = [name for name in carried if "/" not in name]
        state = {name: np.zeros(shapes[name], dtype=np.float32) for name in carried}
        for name in parameters:
            weight = shapes[name.rsplit(".", 1)[0] + ".weight"]
            bound = 1.0 / math.sqrt(math.prod(weight[1:]))
            state[name] = uniform(self.seeds["init"], name, math.prod(shapes[name]), bound).reshape(shapes[name])
        fixed = {"features": self.features, "labels": self.labels}
        masks = [name for name in shapes if name not in state and name.startswith("dropout.")]
        hashes = {0: weights_hash({name: state[name] for name in parameters})}
        losses = []
        every = self.config["training"]["hashEvery"]
        done, total = 0, min(limit, self.total)
        while done < total:
            stop = min(done + CHUNK, (done // every + 1) * every, total)
            rows, weights = self.batches(done, stop)
            feeds = dict(fixed, **state, steps=np.array(stop - done, dtype=np.int64), batches=rows, exampleWeights=weights, scalars=self.scalars[done:stop])
            for name in masks:
                width = shapes[name][2]
                drop = self.config["model"]["dropout"]
                feeds[name] = np.stack([mask(self.seeds["noise"], name, step, self.batch * width, drop) for step in range(done, stop)]).reshape(stop - done, self.batch, width)
            results = dict(zip(outputs, session.run(outputs, feeds)))
            losses.append(results["losses"])
            state = {name: results["next/" + name] for name in carried}
            done = stop
            if done % every == 0 or done == self.total:
                hashes[done] = weights_hash({name: state[name] for name in parameters})
        return np.concatenate(losses).astype(np.float64), hashes


# --- the verdict ----------------------------------------------------------------------------------------


def outside(tolerance, recorded, actual):
    """Index of the first loss outside the sealed tolerance, or None."""
    for step, (a, b) in enumerate(zip(recorded, actual)):
        if a == b or (math.isnan(a) and math.isnan(b)):
            continue
        if not (math.isfinite(a) and math.isfinite(b)):
            return step
        difference = abs(a - b) / max(abs(a), abs(b))
        floor = tolerance["floor"]
        allowed = tolerance["blocks"][min(step // tolerance["blockSize"], len(tolerance["blocks"]) - 1)]
        if abs(a - b) > floor["absolute"] and difference > floor["relative"] and difference > allowed:
            return step
    return None


def judge(run, recorded, recorded_hashes, actual, hashes, tolerance):
    count = len(actual)
    equal = (recorded[:count] == actual) | (np.isnan(recorded[:count]) & np.isnan(actual))
    different = np.flatnonzero(~equal)
    scale = np.maximum(np.abs(recorded[:count]), np.abs(actual))
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(equal, 0.0, np.abs(recorded[:count] - actual) / scale)
    wrong_hashes = [step for step in sorted(hashes) if step in recorded_hashes and recorded_hashes[step] != hashes[step]]
    first = outside(tolerance, recorded[:count], actual)
    identical = len(different) == 0 and not wrong_hashes and not run.notes
    verdict = "identical" if identical else "diverged" if first is not None or run.notes or 0 in wrong_hashes else "within-tolerance"
    return {
        "verdict": verdict,
        "steps": count,
        "differentLosses": int(len(different)),
        "firstDifferentStep": int(different[0]) if len(different) else None,
        "firstDivergentStep": first,
        "maxRelativeDifference": float(np.nan_to_num(relative, nan=2.0, posinf=2.0).max()) if count else None,
        "initialWeightsEqual": 0 not in wrong_hashes,
        "weightsHashesCompared": len([step for step in hashes if step in recorded_hashes]),
        "firstDifferentWeightsHash": wrong_hashes[0] if wrong_hashes else None,
        "onnxruntime": {"recorded": run.manifest["runtime"]["onnxruntime"], "here": onnxruntime.__version__},
        "notes": run.notes,
    }


def choose(index, wanted):
    runs = [entry for entry in index["runs"] if entry["status"] == "finished"]
    if wanted is None:
        found = runs[:1]
    else:
        found = [entry for entry in runs if entry["runId"] == wanted] or [entry for entry in runs if entry["runId"].startswith(wanted)]
        found = found or [entry for entry in runs if Run(entry).manifest["reproductionId"] == wanted]
    if len(found) != 1:
        raise Stop(f"{len(found)} finished runs are called {wanted!r}; there are: " + ", ".join(entry["runId"] for entry in runs))
    return Run(found[0])


def main():
    parser = argparse.ArgumentParser(description="Replays a run of this bundle without Reprise.")
    parser.add_argument("run", nargs="?", help="id of the run, or its reproductionId")
    parser.add_argument("--steps", type=int, default=sys.maxsize, help="replay the first N steps only")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    arguments = parser.parse_args()
    try:
        index = json.loads((BAG / "data" / "bundle.json").read_text(encoding="utf-8"))
        run = choose(index, arguments.run)
        run.load(index)
        recorded, recorded_hashes = read_log(BAG / run.entry["eventLog"])
        if len(recorded) != run.total:
            raise Stop(f"the event log has {len(recorded)} of {run.total} steps")
        tolerance = json.loads((BAG / index["tolerance"]).read_text(encoding="utf-8"))["runs"][run.entry["runId"]]
        losses, hashes = run.replay(max(1, arguments.steps))
    except Stop as reason:
        print(f"cannot replay: {reason}", file=sys.stderr)
        return 2
    result = judge(run, recorded, recorded_hashes, losses, hashes, tolerance)
    if arguments.json:
        print(json.dumps({"run": run.entry["runId"], **result}, indent=2))
    else:
        versions = result["onnxruntime"]
        print(f"{run.manifest['reproductionId']}: {result['verdict']}")
        print(f"  {result['steps'] - result['differentLosses']} of {result['steps']} losses have the recorded bits; largest relative difference {result['maxRelativeDifference']:.3g}")
        print(f"  initial weights {'equal' if result['initialWeightsEqual'] else 'differ'}; ONNX Runtime {versions['here']} here, {versions['recorded']} recorded")
        if result["firstDifferentStep"] is not None:
            print(f"  first different step: {result['firstDifferentStep'] + 1} (index {result['firstDifferentStep']})")
        for note in result["notes"]:
            print(f"  note: {note}")
    return 1 if result["verdict"] == "diverged" else 0


if __name__ == "__main__":
    sys.exit(main())
`;
