/** Mean and population SD of features over the training rows, in float64 and in the order of the rows. A constant feature is only centred. */
export class Standardizer {
  private readonly sums: Float64Array;
  private readonly squares: Float64Array;
  private readonly counts: Float64Array;

  constructor(private readonly width: number) {
    this.sums = new Float64Array(width);
    this.squares = new Float64Array(width);
    this.counts = new Float64Array(width);
  }

  /** In the first pass over the training rows: values that are there. */
  add(feature: number, value: number): void {
    this.sums[feature]! += value;
    this.counts[feature]! += 1;
  }

  /** NaN where no training row has a value. */
  mean(feature: number): number {
    return this.sums[feature]! / this.counts[feature]!;
  }

  /** In the second pass over the same values. */
  addSquare(feature: number, value: number): void {
    const difference = value - this.mean(feature);
    this.squares[feature]! += difference * difference;
  }

  /** @param isScaled which features are; the others stay as they are. */
  result(isScaled: (feature: number) => boolean = () => true): { readonly means: number[]; readonly scales: number[] } {
    const features = Array.from({ length: this.width }, (_, feature) => feature);
    const scale = (feature: number): number => Math.sqrt(this.squares[feature]! / this.counts[feature]!);
    return {
      means: features.map((feature) => (isScaled(feature) ? this.mean(feature) : 0)),
      scales: features.map((feature) => (isScaled(feature) && scale(feature) > 0 ? scale(feature) : 1)),
    };
  }
}
