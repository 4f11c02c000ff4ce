/**
 * Columns of numbers as bytes. Steps mostly go up evenly, times by small amounts, and many values are float32: each
 * column takes the shortest of a few forms that gives back exactly the same numbers, NaN and −0 among them.
 */

/** First byte of a column. */
const FORMS = { even: 0, int8: 1, int16: 2, int32: 3, float32: 4, float64: 5 } as const;
type Form = (typeof FORMS)[keyof typeof FORMS];

/** Bytes an entry takes; of `even` nothing but first number and difference is kept. */
const ENTRY_BYTES: Readonly<Record<Form, number>> = { 0: 0, 1: 1, 2: 2, 3: 4, 4: 4, 5: 8 };

/** Columns of equal length, one behind the other. */
export function packColumns(columns: readonly Float64Array[]): Uint8Array {
  const parts = columns.map(packColumn);
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * The columns of `packColumns`.
 * @throws RangeError where the bytes are not what was packed
 */
export function unpackColumns(bytes: Uint8Array, columns: number, length: number): Float64Array<ArrayBuffer>[] {
  let at = 0;
  return Array.from({ length: columns }, () => {
    const form = bytes[at];
    if (form === undefined || form > FORMS.float64) throw new RangeError(`A column begins with ${form ?? 'nothing'}.`);
    const size = bytesOf(form as Form, length);
    // Copied, because a BLOB's memory need not be aligned.
    const payload = new Uint8Array(bytes.subarray(at + 1, at + 1 + size));
    if (payload.length < size) throw new RangeError(`A column of ${length} numbers has ${payload.length} bytes in place of ${size}.`);
    at += 1 + size;
    return unpackColumn(form as Form, payload.buffer, length);
  });
}

function bytesOf(form: Form, length: number): number {
  switch (form) {
    case FORMS.even:
      return length > 1 ? 16 : 8 * length;
    case FORMS.int8:
    case FORMS.int16:
    case FORMS.int32:
      // The first number, then the differences; aligned, so that the bytes can be read as they are.
      return length === 0 ? 0 : 8 + (length - 1) * ENTRY_BYTES[form];
    case FORMS.float32:
    case FORMS.float64:
      return length * ENTRY_BYTES[form];
  }
}

function packColumn(values: Float64Array): Uint8Array {
  const form = formOf(values);
  const { length } = values;
  const bytes = new Uint8Array(1 + bytesOf(form, length));
  bytes[0] = form;
  const put = (view: Float64Array | Float32Array | Int32Array | Int16Array | Int8Array, at: number): void => bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), 1 + at);
  switch (form) {
    case FORMS.even:
      put(length > 1 ? Float64Array.of(values[0]!, values[1]! - values[0]!) : values, 0);
      break;
    case FORMS.int8:
    case FORMS.int16:
    case FORMS.int32: {
      const differences = form === FORMS.int8 ? new Int8Array(length - 1) : form === FORMS.int16 ? new Int16Array(length - 1) : new Int32Array(length - 1);
      for (let index = 1; index < length; index += 1) differences[index - 1] = values[index]! - values[index - 1]!;
      put(values.subarray(0, 1), 0);
      put(differences, 8);
      break;
    }
    case FORMS.float32:
      put(Float32Array.from(values), 0);
      break;
    case FORMS.float64:
      put(values, 0);
      break;
  }
  return bytes;
}

function unpackColumn(form: Form, payload: ArrayBuffer, length: number): Float64Array<ArrayBuffer> {
  switch (form) {
    case FORMS.even: {
      const [first = 0, difference = 0] = new Float64Array(payload);
      const values = new Float64Array(length);
      for (let index = 0; index < length; index += 1) values[index] = first + index * difference;
      return values;
    }
    case FORMS.int8:
      return summed(payload, (rest) => new Int8Array(rest), length);
    case FORMS.int16:
      return summed(payload, (rest) => new Int16Array(rest), length);
    case FORMS.int32:
      return summed(payload, (rest) => new Int32Array(rest), length);
    case FORMS.float32:
      return Float64Array.from(new Float32Array(payload));
    case FORMS.float64:
      return new Float64Array(payload);
  }
}

function summed(payload: ArrayBuffer, differencesOf: (rest: ArrayBuffer) => Int8Array | Int16Array | Int32Array, length: number): Float64Array<ArrayBuffer> {
  const values = new Float64Array(length);
  let value = new Float64Array(payload, 0, 1)[0]!;
  values[0] = value;
  const differences = differencesOf(payload.slice(8));
  for (let index = 1; index < length; index += 1) {
    value += differences[index - 1]!;
    values[index] = value;
  }
  return values;
}

/** The shortest form that keeps every number. Whole numbers below 2⁵³ alone can be summed without rounding. */
function formOf(values: Float64Array): Form {
  const { length } = values;
  let areWhole = true;
  let isEven = true;
  let largest = 0;
  let isSingle = true;
  const stride = length > 1 ? values[1]! - values[0]! : 0;
  for (let index = 0; index < length && (areWhole || isSingle); index += 1) {
    const value = values[index]!;
    if (areWhole) {
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) areWhole = false;
      else if (index > 0) {
        const difference = value - values[index - 1]!;
        if (difference !== stride) isEven = false;
        largest = Math.max(largest, difference < 0 ? -difference - 1 : difference);
      }
    }
    if (isSingle && Math.fround(value) !== value && !Number.isNaN(value)) isSingle = false;
  }
  if (areWhole && isEven) return FORMS.even;
  if (areWhole && largest <= 0x7f) return FORMS.int8;
  if (areWhole && largest <= 0x7fff) return FORMS.int16;
  if (isSingle) return FORMS.float32;
  if (areWhole && largest <= 0x7fff_ffff) return FORMS.int32;
  return FORMS.float64;
}
