/** The programs that a bundle would run, as they are shown before anybody trusts it. */
import type { BundlePage } from '../api/views';
import { lineOf } from '../config/command-line';
import { isCommandRun, type BundleContent, type CommandBundleRun } from '../bundle/model';

type CommandView = BundlePage['commands'][number];

/** Characters of a patch that are shown; the bundle has the whole. */
const MOST_PATCH = 200_000;

function keyOf({ manifest: { config, provenance } }: CommandBundleRun): string {
  return JSON.stringify([config.task, provenance.code?.snapshot ?? null]);
}

function viewOf(runs: readonly CommandBundleRun[], content: BundleContent): CommandView[] {
  const [first] = runs;
  if (first === undefined) return [];
  const { config, inputs, provenance } = first.manifest;
  const { git, code = null } = provenance;
  return [
    {
      command: lineOf(config.task.command),
      cwd: config.task.cwd,
      env: Object.entries(config.task.env).map(([name, value]) => `${name}=${value}`),
      runs: runs.length,
      code:
        code === null
          ? null
          : {
              snapshot: code.snapshot,
              commit: git?.commit ?? null,
              remote: git?.remote ?? null,
              dirty: git?.dirty ?? false,
              patch: git?.patch?.slice(0, MOST_PATCH) ?? null,
              untracked: git?.untracked.map(({ path }) => path) ?? [],
              files: code.files,
              bytes: code.bytes,
              withheld: code.withheld.map((file) => ({ ...file })),
            },
      interpreter: provenance.python == null ? null : `${provenance.python.implementation} ${provenance.python.version}, ${provenance.python.packages.length} packages`,
      inputs: inputs.map(({ path, fingerprint, bytes, files }) => ({ path, fingerprint, bytes, files, held: content.inputs.some((input) => input.path === path && input.fingerprint === fingerprint && input.members !== null) })),
      outputs: [...config.task.outputs],
    },
  ];
}

/** Each command once for each code state that it ran in. */
export function commandsOf(content: BundleContent): CommandView[] {
  const groups = new Map<string, CommandBundleRun[]>();
  for (const run of content.runs.filter(isCommandRun)) groups.set(keyOf(run), [...(groups.get(keyOf(run)) ?? []), run]);
  return [...groups.values()].flatMap((runs) => viewOf(runs, content));
}
