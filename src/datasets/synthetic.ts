/** Seeded data sets in the plane. Same config, same bits, on every engine. */
import type { DataConfig } from '../config/schema';
import { portableCos, portableSin } from '../random/portable';
import { normals, uniforms } from '../random/streams';
import type { ClassData } from './prepared';

type TwoMoonsConfig = Extract<DataConfig, { kind: 'two-moons' }>;
type SpiralsConfig = Extract<DataConfig, { kind: 'spirals' }>;

const PI = 3.141592653589793;
const SPIRAL_RADIUS = 2;
/** Angle an arm turns through from the centre to its end. */
const SPIRAL_TURN = 1.5 * PI;

/** A point of class `label` at parameter u in [0, 1), before noise. */
type Curve = (label: number, u: number) => readonly [number, number];

function sample(kind: 'two-moons' | 'spirals', config: TwoMoonsConfig | SpiralsConfig, classes: number, curve: Curve): ClassData {
  const { samples, noise, generatorSeed } = config;
  const position = uniforms(generatorSeed, 'data', `${kind}/position`, samples);
  const error = normals(generatorSeed, 'data', `${kind}/noise`, 2 * samples);
  const features = new Float32Array(2 * samples);
  const labels = new BigInt64Array(samples);
  for (let row = 0; row < samples; row++) {
    const label = row % classes;
    const [x, y] = curve(label, position[row]!);
    features[2 * row] = x + noise * error[2 * row]!;
    features[2 * row + 1] = y + noise * error[2 * row + 1]!;
    labels[row] = BigInt(label);
  }
  return {
    kind,
    input: { kind: 'features', size: 2, type: 'float32' },
    target: { kind: 'class', classes },
    parts: { train: samples, validation: null, test: null },
    features,
    labels,
    classNames: Array.from({ length: classes }, (_, label) => String(label)),
    featureNames: ['x', 'y'],
    standardization: null,
    tokenizer: null,
  };
}

/** Two interleaved half circles of radius 1, as scikit-learn's make_moons draws them, at random angles. */
export function twoMoons(config: TwoMoonsConfig): ClassData {
  return sample('two-moons', config, 2, (label, u) => {
    const angle = PI * u;
    return label === 0 ? [portableCos(angle), portableSin(angle)] : [1 - portableCos(angle), 0.5 - portableSin(angle)];
  });
}

/** Archimedean spirals of radius 2 that turn by 3/2 π, one arm a class. */
export function spirals(config: SpiralsConfig): ClassData {
  return sample('spirals', config, config.classes, (label, u) => {
    const radius = SPIRAL_RADIUS * u;
    const angle = (2 * PI * label) / config.classes + SPIRAL_TURN * u;
    return [radius * portableCos(angle), radius * portableSin(angle)];
  });
}
