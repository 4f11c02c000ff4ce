/**
 * `rerun.py`: restores the code and the inputs of a command run and runs its command with nothing but Python. A second
 * implementation, on purpose: of the templates of commands (src/config) and of code states (src/provenance).
 */
export const RERUN_SCRIPT = String.raw`#!/usr/bin/env python3
"""Runs a command of this bundle again without Reprise: needs Python 3.9 or later, and what the command itself needs.

usage: rerun.py [RUN] [--into FOLDER] [--input PATH=FILE_OR_FOLDER] [--dry-run]

RUN is a run's id, a beginning of it, or its reproductionId; the first finished run when left out. The code is restored
below FOLDER (a new one; rerun-RUN by default), the inputs are put in their places, then the command runs there with the
recorded parameters and seed. In the end its output files are held against the recorded hashes and the recorded last
values of its metrics are printed. This runs the author's program with your rights: read it first, --dry-run shows it.
Exit code: that of the command; 2 it was not run. Check the bundle first (bagit.py --validate): this script trusts it.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

BAG = pathlib.Path(__file__).resolve().parent.parent
TEMPLATE = re.compile(r"\{\{|\{([A-Za-z_][\w.-]*)\}")


class Stop(Exception):
    """Why nothing is run."""


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def inside(folder, *parts):
    """A path below a folder; what leads out of it is refused."""
    path = pathlib.Path(os.path.normpath(folder.joinpath(*parts)))
    if path != folder and folder not in path.parents:
        raise Stop(f"{'/'.join(map(str, parts))} leads out of {folder}")
    return path


# --- templates: {name} stands for a parameter, {seed} for the seed, {{ for a brace -----------------

def parameter(params, name):
    if name in params:
        return params[name]
    for place, sign in enumerate(name):
        if sign == "." and isinstance(params.get(name[:place]), dict):
            try:
                return parameter(params[name[:place]], name[place + 1:])
            except KeyError:
                continue
    raise KeyError(name)


def text_of(value):
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def fill(text, config, quote=lambda word: word):
    def one(match):
        if match.group(1) is None:
            return "{"
        return quote(text_of(config["seed"] if match.group(1) == "seed" else parameter(config["params"], match.group(1))))
    return TEMPLATE.sub(one, text)


# --- code and inputs ------------------------------------------------------------------------------

def restore_code(index, snapshot, folder):
    """The files of a code state, each with the bytes that its hash names."""
    code = next((code for code in index.get("code", []) if code["snapshot"] == snapshot), None)
    if code is None:
        raise Stop(f"the code state {snapshot} is not in the bundle")
    listing = BAG / code["list"]
    if sha256(listing) != snapshot:
        raise Stop(f"{code['list']} is not the code state {snapshot}")
    contents = json.loads(listing.read_text(encoding="utf-8"))
    # Links last, so that nothing is written through one.
    for file in sorted(contents["files"], key=lambda file: file["mode"] == "link"):
        source = listing.parent / "objects" / file["sha256"]
        if sha256(source) != file["sha256"]:
            raise Stop(f"the object {file['sha256']} is damaged")
        target = inside(folder, file["path"])
        target.parent.mkdir(parents=True, exist_ok=True)
        if file["mode"] == "link":
            leads = source.read_text(encoding="utf-8")
            inside(folder, target.parent.relative_to(folder), leads)
            target.symlink_to(leads)
        else:
            shutil.copyfile(source, target)
            target.chmod(0o755 if file["mode"] == "executable" else 0o644)
    return contents["withheld"]


def place_inputs(index, manifest, root, given):
    for wanted in manifest["inputs"]:
        path = wanted["path"]
        if os.path.isabs(path):
            print(f"input {path}: an absolute path, expected to be there", file=sys.stderr)
            continue
        target = inside(root.parent, root.relative_to(root.parent), path)
        if target.exists():
            continue
        entry = next((one for one in index.get("inputs", []) if (one["path"], one["fingerprint"]) == (path, wanted["fingerprint"])), None)
        if path in given:
            source = pathlib.Path(given[path]).resolve()
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copyfile(source, target)
        elif entry is not None and entry["members"] is not None:
            for member in entry["members"]:
                place = target if member["path"] == "" else inside(target, member["path"])
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(BAG / member["file"], place)
        else:
            raise Stop(f"the input {path} is not in the bundle: give it with --input {path}=FILE (fingerprint {wanted['fingerprint']})")
        if target.is_file() and wanted["fingerprint"] is not None and sha256(target) != wanted["fingerprint"]:
            raise Stop(f"the input {path} is not the recorded one: its SHA-256 is {sha256(target)}, recorded was {wanted['fingerprint']}")


# --- the run --------------------------------------------------------------------------------------

def command_of(config):
    command = config["task"]["command"]
    if isinstance(command, list):
        return [fill(part, config) for part in command]
    if command["shell"] not in ("sh", "bash", "zsh"):
        raise Stop(f"a line for {command['shell']} is not run by this script; Reprise runs it")
    return [command["shell"], "-c", fill(command["script"], config, shlex.quote)]


def program_here(command, where):
    """A program that was named by its place on another machine: where nothing lies there, the one of that name here."""
    program = os.path.expanduser(command[0])
    if not re.search(r"[/\\]", program) or (where / program).exists():
        return [program, *command[1:]]
    name = re.split(r"[/\\]", program)[-1]
    found = shutil.which(name) or (sys.executable if name.startswith("python") else None)
    if found is None:
        raise Stop(f"there is no program {program} here, nor one called {name} on the PATH")
    print(f"{program} is not here: {found} stands for it", file=sys.stderr)
    return [found, *command[1:]]


def environment_of(config, run_id, folder):
    own = {name: fill(text, config) for name, text in config["task"]["env"].items()}
    return {**os.environ, **own, "REPRISE_SEED": str(config["seed"]), "REPRISE_RUN_ID": run_id, "REPRISE_METRICS": str(folder / "metrics.jsonl"), "WANDB_MODE": "offline"}


def choose(index, wanted):
    runs = [entry for entry in index["runs"] if entry.get("kind") == "command" and entry["status"] == "finished"]
    manifests = {entry["runId"]: json.loads((BAG / entry["manifest"]).read_text(encoding="utf-8")) for entry in runs}
    if wanted is not None:
        runs = [entry for entry in runs if entry["runId"].startswith(wanted) or manifests[entry["runId"]]["reproductionId"] == wanted]
    elif runs:
        runs = runs[:1]
    if len(runs) != 1:
        raise Stop(f"{len(runs)} finished command runs are called {wanted!r}")
    return runs[0], manifests[runs[0]["runId"]]


def compare_files(entry, root):
    for kept in entry["files"]:
        # Where the run kept it: below the folder of its config.
        path = pathlib.Path(os.path.normpath(root / kept["path"]))
        if not path.is_file():
            print(f"  {kept['path']}: not written")
        else:
            print(f"  {kept['path']}: {'the recorded bytes' if sha256(path) == kept['sha256'] else 'other bytes than recorded'}")


def main():
    parser = argparse.ArgumentParser(description="Runs a command of this bundle again without Reprise.")
    parser.add_argument("run", nargs="?", help="id of the run, or its reproductionId")
    parser.add_argument("--into", help="new folder for code, inputs and outputs")
    parser.add_argument("--input", action="append", default=[], metavar="PATH=FILE", help="an input that is not in the bundle")
    parser.add_argument("--dry-run", action="store_true", help="show what would run")
    arguments = parser.parse_args()
    try:
        index = json.loads((BAG / "data" / "bundle.json").read_text(encoding="utf-8"))
        entry, manifest = choose(index, arguments.run)
        config, code = manifest["config"], manifest["provenance"].get("code")
        command = command_of(config)
        print("$ " + " ".join(shlex.quote(part) for part in command), file=sys.stderr)
        if arguments.dry_run:
            return 0
        if code is None:
            raise Stop("the code of this run was not captured")
        folder = pathlib.Path(arguments.into or f"rerun-{entry['runId']}").resolve()
        if folder.exists():
            raise Stop(f"{folder} is there already")
        top = folder / "code"
        top.mkdir(parents=True)
        for left in restore_code(index, code["snapshot"], top):
            print(f"not in the code: {left['path']} ({left['note']})", file=sys.stderr)
        root = inside(top, code["folder"])
        place_inputs(index, manifest, root, dict(pair.split("=", 1) for pair in arguments.input))
        if "parameterFile" in config["task"]:
            target = inside(top, root.relative_to(top), fill(config["task"]["parameterFile"]["path"], config))
            target.parent.mkdir(parents=True, exist_ok=True)
            # JSON is YAML, too.
            target.write_text(json.dumps({**config["params"], "seed": config["seed"]}, indent=2) + "\n", encoding="utf-8")
        where = inside(top, root.relative_to(top), fill(config["task"]["cwd"], config))
        where.mkdir(parents=True, exist_ok=True)
        ended = subprocess.run(program_here(command, where), cwd=where, env=environment_of(config, entry["runId"], folder), check=False)
    except (Stop, KeyError) as reason:
        print(f"not run: {reason}", file=sys.stderr)
        return 2
    except OSError as reason:
        print(f"not run: {reason}", file=sys.stderr)
        return 2
    print(f"exit code {ended.returncode}; recorded files:")
    compare_files(entry, root)
    print("recorded last values:")
    for series in entry["series"]:
        print(f"  {series['key']}: {series['last']} ({series['points']} points)")
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())
`;
