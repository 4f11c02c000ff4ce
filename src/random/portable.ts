/**
 * Elementary functions with the same bits on every JavaScript engine. `Math.exp` and its kin may
 * differ between engine versions; these use only + − × ÷ and integer operations, which
 * IEEE 754 and ECMAScript fix to the bit. Methods and coefficients of fdlibm (Sun Microsystems, 1993,
 * freely usable); errors are about 1 unit in the last place.
 */

const LN2_HIGH = 6.93147180369123816490e-1;
const LN2_LOW = 1.90821492927058770002e-10;
const INVERSE_LN2 = 1.44269504088896338700;

const SMALLEST_NORMAL = 2.2250738585072014e-308;

const floatView = new Float64Array(1);
const wordView = new Uint32Array(floatView.buffer);

/** x · 2^exponent, rounded once at most (subnormal results). */
function scale(x: number, exponent: number): number {
  let result = x;
  let left = exponent;
  while (left > 1023) {
    result *= powerOfTwo(1023);
    left -= 1023;
  }
  // Steps of 2^−969 keep all bits until the last multiplication, which alone may round.
  while (left < -1022) {
    result *= powerOfTwo(-969);
    left += 969;
  }
  return result * powerOfTwo(left);
}

/** 2^exponent for −1022 ≤ exponent ≤ 1023, from its bits. */
function powerOfTwo(exponent: number): number {
  wordView[0] = 0;
  wordView[1] = (exponent + 1023) << 20;
  return floatView[0]!;
}

/** x = m · 2^k with m in [√½, √2), for finite x > 0. */
function split(x: number): { m: number; k: number } {
  let k = 0;
  let value = x;
  if (value < SMALLEST_NORMAL) {
    value *= powerOfTwo(54);
    k = -54;
  }
  floatView[0] = value;
  const high = wordView[1]!;
  k += (high >>> 20) - 1023;
  wordView[1] = (high & 0x000f_ffff) | 0x3ff0_0000;
  let m = floatView[0]!;
  if (m > Math.SQRT2) {
    m *= 0.5;
    k += 1;
  }
  return { m, k };
}

/** e^x. */
export function portableExp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.782712893384) return Infinity;
  if (x < -745.1332191019412) return 0;
  const k = Math.floor(INVERSE_LN2 * x + 0.5);
  const high = x - k * LN2_HIGH;
  const low = k * LN2_LOW;
  const r = high - low;
  const t = r * r;
  const c = r - t * (1.66666666666666019037e-1 + t * (-2.77777777770155933842e-3 + t * (6.61375632143793436117e-5
    + t * (-1.65339022054652515390e-6 + t * 4.13813679705723846039e-8))));
  const y = 1 - (low - (r * c) / (2 - c) - high);
  return scale(y, k);
}

/** Natural logarithm. */
export function portableLog(x: number): number {
  if (Number.isNaN(x) || x < 0) return NaN;
  if (x === 0) return -Infinity;
  if (x === Infinity) return x;
  const { m, k } = split(x);
  const f = m - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const t1 = w * (3.999999999940941908e-1 + w * (2.222219843214978396e-1 + w * 1.531383769920937332e-1));
  const t2 = z * (6.666666666666735130e-1 + w * (2.857142874366239149e-1 + w * (1.818357216161805012e-1 + w * 1.479819860511658591e-1)));
  const halfSquare = 0.5 * f * f;
  return k * LN2_HIGH - (halfSquare - (s * (halfSquare + t1 + t2) + k * LN2_LOW) - f);
}

/** sin(x + y) for |x| ≤ π/4, y the tail of x. */
function sinKernel(x: number, y: number): number {
  const z = x * x;
  const v = z * x;
  const r = 8.33333333332248946124e-3 + z * (-1.98412698298579493134e-4 + z * (2.75573137070700676789e-6
    + z * (-2.50507602534068634195e-8 + z * 1.58969099521155010221e-10)));
  return x - (z * (0.5 * y - v * r) - y - v * -1.66666666666666324348e-1);
}

/** cos(x + y) for |x| ≤ π/4, y the tail of x. */
function cosKernel(x: number, y: number): number {
  const z = x * x;
  const r = z * (4.16666666666666019037e-2 + z * (-1.38888888888741095749e-3 + z * (2.48015872894767294178e-5
    + z * (-2.75573143513906633035e-7 + z * (2.08757232129817482790e-9 + z * -1.13596475577881948265e-11)))));
  const half = 0.5 * z;
  const w = 1 - half;
  return w + (1 - w - half + (z * r - x * y));
}

/** Largest argument whose reduction keeps full precision: 2^19 · π/2. */
const TRIGONOMETRIC_LIMIT = 823_549;

/** x = quadrant · π/2 + r + tail, |r| ≤ π/4 (Cody & Waite, π/2 in parts of 33 bits). */
function reduce(x: number): { quadrant: number; r: number; tail: number } {
  if (!(Math.abs(x) <= TRIGONOMETRIC_LIMIT)) {
    throw new RangeError(`portable sine and cosine take arguments up to ${TRIGONOMETRIC_LIMIT}, got ${x}`);
  }
  const n = Math.floor(x * 6.36619772367581382433e-1 + 0.5);
  // Two parts of π/2 leave products that are exact; the third is subtracted with its rounding error kept.
  const first = x - n * 1.57079632673412561417;
  const w1 = n * 6.07710050630396597660e-11;
  const second = first - w1;
  const lost = first - second - w1;
  const w2 = n * 2.02226624879595063154e-21 - lost;
  const r = second - w2;
  const tail = second - r - w2;
  return { quadrant: ((n % 4) + 4) % 4, r, tail };
}

/** Sine, x in radians. @throws RangeError for |x| > 823549 */
export function portableSin(x: number): number {
  const { quadrant, r, tail } = reduce(x);
  const value = quadrant % 2 === 0 ? sinKernel(r, tail) : cosKernel(r, tail);
  return quadrant >= 2 ? -value : value;
}

/** Cosine, x in radians. @throws RangeError for |x| > 823549 */
export function portableCos(x: number): number {
  const { quadrant, r, tail } = reduce(x);
  const value = quadrant % 2 === 0 ? cosKernel(r, tail) : sinKernel(r, tail);
  return quadrant === 1 || quadrant === 2 ? -value : value;
}

/** Unevaluated sum of two numbers: about 106 bits (Dekker, 1971). */
interface Pair {
  readonly high: number;
  readonly low: number;
}

function exactProduct(a: number, b: number): Pair {
  const splitA = 134_217_729 * a;
  const a1 = splitA - (splitA - a);
  const a2 = a - a1;
  const splitB = 134_217_729 * b;
  const b1 = splitB - (splitB - b);
  const b2 = b - b1;
  const high = a * b;
  return { high, low: a1 * b1 - high + a1 * b2 + a2 * b1 + a2 * b2 };
}

function multiply(a: Pair, b: Pair): Pair {
  const product = exactProduct(a.high, b.high);
  const low = product.low + (a.high * b.low + a.low * b.high);
  const high = product.high + low;
  return { high, low: product.high - high + low };
}

/** m^n for an integer n ≥ 0 by squaring in pairs, so that the error does not grow with n. */
function integerPower(m: number, n: number): Pair {
  let result: Pair = { high: 1, low: 0 };
  let square: Pair = { high: m, low: 0 };
  let left = n;
  while (left > 0) {
    if (left % 2 === 1) result = multiply(result, square);
    left = Math.floor(left / 2);
    // Beyond these bounds nothing is left to be gained, and the parts of a pair would overflow.
    if (!(square.high > 1e-140 && square.high < 1e140)) {
      for (; left > 0; left = Math.floor(left / 2)) {
        square = { high: square.high * square.high, low: 0 };
        if (left % 2 === 1) result = { high: result.high * square.high, low: 0 };
      }
      break;
    }
    square = multiply(square, square);
  }
  return result;
}

function positivePower(x: number, y: number): number {
  const estimate = y * portableLog(x);
  if (estimate > 710) return Infinity;
  if (estimate < -746) return 0;
  const whole = Math.floor(y + 0.5);
  const rest = y - whole;
  const { m, k } = split(x);
  const power = integerPower(m, Math.abs(whole));
  let mantissa = whole >= 0 ? power.high + power.low : 1 / (power.high + power.low);
  let exponent = k * whole;
  if (rest !== 0) {
    // x^rest = 2^(k·rest) · m^rest, with the whole part of k·rest taken out exactly.
    const product = exactProduct(k, rest);
    const turns = Math.floor(product.high + 0.5);
    const fraction = product.high - turns + product.low;
    mantissa *= portableExp(fraction * Math.LN2 + rest * portableLog(m));
    exponent += turns;
  }
  return scale(mantissa, exponent);
}

/** x^y as `Math.pow` defines it, for any finite x and y. */
export function portablePow(x: number, y: number): number {
  if (y === 0) return 1;
  if (!Number.isFinite(x) || !Number.isFinite(y)) return specialPower(x, y);
  const odd = Number.isInteger(y) && Math.abs(y) % 2 === 1;
  if (x === 0) {
    const zero = odd ? x : 0;
    return y > 0 ? zero : 1 / zero;
  }
  if (x > 0) return positivePower(x, y);
  if (!Number.isInteger(y)) return NaN;
  const magnitude = positivePower(-x, y);
  return odd ? -magnitude : magnitude;
}

/** Powers with NaN or infinities, where ECMAScript leaves no freedom (Number::exponentiate). */
function specialPower(x: number, y: number): number {
  if (Number.isNaN(x) || Number.isNaN(y)) return NaN;
  if (!Number.isFinite(y)) {
    const size = Math.abs(x);
    if (size === 1) return NaN;
    return size > 1 === y > 0 ? Infinity : 0;
  }
  const odd = Number.isInteger(y) && Math.abs(y) % 2 === 1;
  const size = y > 0 ? Infinity : 0;
  return x < 0 && odd ? -size : size;
}
