/** What a Python interpreter is asked: a program that imports the standard library only, and what it prints. */
import { z } from 'zod';

/** What the line of the answer starts with. */
export const PROBE_MARK = '\u001ereprise-probe ';

/**
 * Prints one line of JSON after a mark, so that what a start-up file prints does not matter. Runs on Python 3.8 and
 * newer, isolated (`-I`): neither the folder it starts in nor PYTHONPATH is imported from, but what they hold is listed.
 */
export const PROBE = `
import json, os, platform, re, site, sys, sysconfig
from importlib import metadata
from importlib.machinery import PathFinder

paths = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p] + list(sys.path)
if not os.environ.get("PYTHONNOUSERSITE"):
    user = site.getusersitepackages()
    own = os.path.join(sys.prefix, "pyvenv.cfg")
    system = True
    if os.path.exists(own):
        with open(own, encoding="utf-8", errors="replace") as file:
            system = re.search(r"include-system-site-packages\\s*=\\s*true", file.read(), re.I) is not None
    if system and os.path.isdir(user):
        paths.append(user)

packages = {}
for dist in metadata.distributions(path=paths):
    try:
        name = dist.metadata["Name"]
        if not name:
            continue
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in packages:
            continue
        entry = {"name": key, "version": str(dist.version)}
        direct = dist.read_text("direct_url.json")
        if direct:
            entry["direct"] = json.loads(direct)
        elif any(str(f).endswith(".egg-link") for f in (dist.files or [])):
            entry["direct"] = {"url": "", "dir_info": {"editable": True}}
        packages[key] = entry
    except Exception:
        continue

torch = None
spec = PathFinder.find_spec("torch", paths)
if spec is not None and spec.origin:
    try:
        with open(os.path.join(os.path.dirname(spec.origin), "version.py"), encoding="utf-8") as file:
            text = file.read()
        def value(name):
            found = re.search(r"^" + name + r"\\s*(?::[^=\\n]*)?=\\s*['\\"]([^'\\"]*)['\\"]", text, re.M)
            return found.group(1) if found else None
        torch = {"version": value("__version__"), "cuda": value("cuda"), "rocm": value("hip")}
    except OSError:
        pass

print("\\x1ereprise-probe " + json.dumps({
    "implementation": platform.python_implementation(),
    "version": platform.python_version(),
    "executable": sys.executable,
    "prefix": sys.prefix,
    "virtual": sys.prefix != sys.base_prefix or os.path.exists(os.path.join(sys.prefix, "conda-meta")),
    "platform": sysconfig.get_platform(),
    "packages": sorted(packages.values(), key=lambda entry: entry["name"]),
    "torch": torch,
}))
`;

const text = z.string().max(4096);

/** PEP 610. */
const directUrl = z.object({
  url: text,
  dir_info: z.object({ editable: z.boolean().optional() }).optional(),
  vcs_info: z.object({ commit_id: text.optional() }).optional(),
  archive_info: z.unknown().optional(),
});

export const probeAnswer = z.object({
  implementation: text,
  version: text,
  executable: text,
  prefix: text,
  virtual: z.boolean(),
  platform: text,
  packages: z.array(z.object({ name: text, version: text, direct: directUrl.optional().catch(undefined) })).max(20_000),
  torch: z.object({ version: text.nullable(), cuda: text.nullable(), rocm: text.nullable() }).nullable(),
});
export type ProbeAnswer = z.infer<typeof probeAnswer>;
