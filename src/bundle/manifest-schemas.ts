/** `run.json` of a run in a bundle, checked. */
import { z } from 'zod';
import { isCommandConfig, type RunConfig } from '../config/command';
import { parseConfig } from '../config/parse';
import { PROVIDERS } from '../config/executor';
import { RepriseError, type Problem } from '../errors/errors';
import type { CommandManifest, TrainingManifest } from '../events/manifest';
import { provenanceSchema } from './provenance-schema';
import { runId, safePath, sha256, text, time } from './schema-parts';
import { parseJson } from './parse-json';
import { hasControls } from './text';

const runtimeSchema = z.object({
  trainer: z.int().min(1),
  onnxruntime: text(100),
  executionProvider: z.enum(PROVIDERS),
  device: z.array(text(500)).max(50).optional(),
  optimizationLevel: z.literal('all'),
  threads: z.int().min(1).max(256),
  platform: text(50),
  arch: text(50),
  cpuFlags: z.array(text(50)).max(500),
});

const counted = z.int().min(0);
const leakageSchema = z.object({ trainValidation: counted, trainTest: counted, validationTest: counted });

const share = z.number().min(0).max(1);
const unknownSchema = z.object({ validation: share, test: share });

const trainingSchema = z.object({
  format: z.literal(1),
  kind: z.literal('training').optional(),
  runId,
  reproductionId: text(400).min(1),
  experiment: text(200).min(1),
  variant: z.object({ studyId: text(200), variant: text(2000) }).nullable(),
  /** Checked by the config room, whose messages are better. */
  config: z.unknown(),
  configHash: sha256,
  computeHash: sha256,
  runtime: runtimeSchema,
  data: z.object({
    fingerprint: sha256,
    file: safePath,
    bytes: z.number().min(0),
    source: text(4000),
    license: text(200),
    sourceSha256: sha256.optional(),
    leakage: leakageSchema.optional(),
    unknownCharacters: unknownSchema.optional(),
  }),
  model: z.object({ sha256, sourceSha256: sha256, bytes: z.number().min(0) }).optional(),
  trainingGraphHash: sha256,
  createdAt: time,
  provenance: provenanceSchema,
  perturbInit: z.boolean().optional(),
});

const inputSchema = z.object({ path: text(4096).min(1), fingerprint: sha256.nullable(), bytes: z.number().min(0), files: z.int().min(0), license: text(200) });

const commandSchema = z.object({
  format: z.literal(1),
  kind: z.literal('command'),
  runId,
  reproductionId: text(400).min(1),
  experiment: text(200).min(1),
  variant: z.object({ studyId: text(200), variant: text(2000) }).nullable(),
  config: z.unknown(),
  configHash: sha256,
  computeHash: sha256,
  inputs: z.array(inputSchema).max(1000),
  createdAt: time,
  provenance: provenanceSchema,
});

/** Texts that may have lines, and those that may be any: of both kinds of config. */
const MANY_LINES = /^(?:description|data\.target|data\.features\..*|task\.command\.script|params\..*|task\.env\..*)$/u;
const ANY = /^(?:data\.delimiter|task\.command\.\d+|task\.metrics\.patterns\..*)$/u;

/** Strings of a config that could forge what is shown of it. A delimiter may be any character, and names of columns may have lines. */
function configTextProblems(config: RunConfig, source: string): Problem[] {
  const problems: Problem[] = [];
  const look = (value: unknown, path: string): void => {
    if (typeof value === 'string') {
      if (!ANY.test(path) && hasControls(value, MANY_LINES.test(path))) problems.push({ path: `${source}: config.${path}`, message: 'must not contain control characters or changes of the direction of writing.' });
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, entry] of Object.entries(value)) look(entry, path === '' ? key : `${path}.${key}`);
    }
  };
  look(config, '');
  return problems;
}

function checkedConfig(value: unknown, source: string): RunConfig {
  const config = parseConfig(value, `${source}: config`);
  const problems = configTextProblems(config, source);
  if (problems.length > 0) throw new RepriseError('BUNDLE_INVALID', `${problems[0]?.path ?? source} ${problems[0]?.message ?? ''}`, { kind: 'input', problems });
  return config;
}

function otherKind(source: string): RepriseError {
  const message = 'has the config of another kind of run.';
  return new RepriseError('BUNDLE_INVALID', `${source} ${message}`, { kind: 'input', problems: [{ path: source, message }] });
}

/** @throws RepriseError BUNDLE_INVALID, CONFIG_INVALID */
export function parseTrainingManifest(json: string, source: string): TrainingManifest {
  const { kind: _kind, ...manifest } = parseJson(trainingSchema, json, source);
  const config = checkedConfig(manifest.config, source);
  if (isCommandConfig(config)) throw otherKind(source);
  return { ...manifest, config };
}

/** @throws RepriseError BUNDLE_INVALID, CONFIG_INVALID */
export function parseCommandManifest(json: string, source: string): CommandManifest {
  const manifest = parseJson(commandSchema, json, source);
  const config = checkedConfig(manifest.config, source);
  if (!isCommandConfig(config)) throw otherKind(source);
  return { ...manifest, config };
}
