import type { GraphBuilder } from '../graph';
import { conv2d, convTranspose2d, gather, gemm, ones, padImages, reshape, transpose } from '../primitives';
import { dimOf, formatShape, GraphError, sizeOf } from '../shapes';
import type { FloatTensor } from '../types';
import { single, type Operator } from './operator';

/**
 * Convolution with stride 1 that keeps the image's size: x [batch, C, H, W], kernel [O, C, k, k] with
 * odd k, bias [O] → [batch, O, H, W]. A cross-correlation, as in PyTorch.
 */
export const convolution: Operator<readonly [FloatTensor, FloatTensor, FloatTensor], undefined> = single({
  name: 'convolution',
  shape: ([x, kernel, bias]) => {
    const side = sizeOf(kernel, 2);
    if (x.shape.length !== 4 || side % 2 === 0 || dimOf(kernel, 3) !== side || dimOf(x, 1) !== dimOf(kernel, 1) || dimOf(kernel, 0) !== dimOf(bias, 0)) {
      throw new GraphError(`convolution cannot take ${[x, kernel, bias].map((tensor) => formatShape(tensor.shape)).join(', ')}`);
    }
    return [dimOf(x, 0), dimOf(kernel, 0), dimOf(x, 2), dimOf(x, 3)];
  },
  forward: (graph, [x, kernel, bias]) => ({ output: conv2d(graph, x, kernel, bias, paddingOf(kernel)), saved: [] }),
  vjp: (graph, { inputs: [x, kernel, bias], gradient, needs }) => {
    const [wantsInput, wantsKernel, wantsBias] = needs;
    const positions = sizeOf(x, 0) * sizeOf(x, 2) * sizeOf(x, 3);
    const outputs = sizeOf(kernel, 0);
    const inputGradient = wantsInput === true ? convTranspose2d(graph, gradient, kernel, paddingOf(kernel)) : null;
    if (wantsKernel !== true && wantsBias !== true) return [inputGradient, null, null];

    if (sizeOf(x, 1) === 1) {
      // With one channel the columns below are as narrow as the kernel; a convolution with the axes swapped is quicker.
      const byOutput = transpose(graph, gradient, [1, 0, 2, 3]);
      const biasGradient = wantsBias === true ? reshape(graph, gemm(graph, reshape(graph, byOutput, [outputs, positions]), ones(graph, positions, 1)), bias.shape) : null;
      return [inputGradient, wantsKernel === true ? kernelGradientOfOneChannel(graph, x, kernel, byOutput) : null, biasGradient];
    }
    const rows = reshape(graph, transpose(graph, gradient, [0, 2, 3, 1]), [positions, outputs]);
    const biasGradient = wantsBias === true ? reshape(graph, gemm(graph, ones(graph, 1, positions), rows), bias.shape) : null;
    return [inputGradient, wantsKernel === true ? kernelGradientByColumns(graph, x, kernel, rows) : null, biasGradient];
  },
});

function paddingOf(kernel: FloatTensor): number {
  return (sizeOf(kernel, 2) - 1) / 2;
}

/** dW[o, 0, i, j] = Σ x[n, h+i, w+j]·g[n, o, h, w]: a convolution of the images, as channels, with the gradient as kernel. */
function kernelGradientOfOneChannel(graph: GraphBuilder, x: FloatTensor, kernel: FloatTensor, byOutput: FloatTensor): FloatTensor {
  const images = reshape(graph, x, [1, sizeOf(x, 0), sizeOf(x, 2), sizeOf(x, 3)]);
  return reshape(graph, conv2d(graph, images, byOutput, null, paddingOf(kernel)), kernel.shape);
}

/** The k×k neighbourhood of every position as a row (im2col), then one product with the gradient's rows [positions, O]. */
function kernelGradientByColumns(graph: GraphBuilder, x: FloatTensor, kernel: FloatTensor, rows: FloatTensor): FloatTensor {
  const [batch, channels, height, width] = [sizeOf(x, 0), sizeOf(x, 1), sizeOf(x, 2), sizeOf(x, 3)];
  const [outputs, side, padding] = [sizeOf(kernel, 0), sizeOf(kernel, 2), paddingOf(kernel)];
  const paddedWidth = width + 2 * padding;
  const index = new Int32Array(height * width * side * side);
  let next = 0;
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      for (let down = 0; down < side; down += 1) {
        for (let right = 0; right < side; right += 1) index[next++] = (row + down) * paddedWidth + column + right;
      }
    }
  }
  // Channels last, so that each index copies a whole run of channels.
  const pixels = reshape(graph, padImages(graph, transpose(graph, x, [0, 2, 3, 1]), padding), [batch, (height + 2 * padding) * paddedWidth, channels]);
  const columns = gather(graph, pixels, graph.constant('int32', [index.length], index), 1);
  const product = gemm(graph, rows, reshape(graph, columns, [batch * height * width, side * side * channels]), { transA: true });
  return transpose(graph, reshape(graph, product, [outputs, side, side, channels]), [0, 3, 1, 2]);
}
