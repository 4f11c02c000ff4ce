/**
 * Which numbers Reprise's own training code gives: initial weights, order of examples, dropout masks, schedule,
 * split, evaluation, and how ONNX Runtime is asked to compute. Raise it with any change to them; runs of different trainers never stand in for one another.
 * What the training graph decides is covered by its own hash.
 */
export const TRAINER = 6;
