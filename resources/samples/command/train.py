"""Logistic regression on two clouds of points: a program that knows nothing of Reprise and needs Python alone."""
import argparse
import json
import math
import random


def clouds(count: int, spread: float, seed: int) -> list[tuple[float, float, int]]:
    rng = random.Random(seed)
    return [(rng.gauss(2 * label - 1, spread), rng.gauss(1 - 2 * label, spread), label) for label in (0, 1) for _ in range(count)]


def probability(weights: list[float], x: float, y: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, weights[0] * x + weights[1] * y + weights[2]))))


def loss(weights: list[float], points: list[tuple[float, float, int]]) -> float:
    return -sum(math.log(p if label else 1 - p) for x, y, label in points for p in [probability(weights, x, y)]) / len(points)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--l2", type=float, default=0.01)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    train, validation = clouds(200, 1.2, seed=1), clouds(200, 1.2, seed=2)
    rng = random.Random(args.seed)
    weights = [rng.gauss(0, 0.1) for _ in range(3)]
    for epoch in range(args.epochs):
        rng.shuffle(train)
        for x, y, label in train:
            error = probability(weights, x, y) - label
            for index, value in enumerate((x, y, 1.0)):
                weights[index] -= args.learning_rate * (error * value + args.l2 * weights[index])
        correct = sum((probability(weights, x, y) > 0.5) == (label == 1) for x, y, label in validation)
        print(json.dumps({"step": epoch, "train": {"loss": loss(weights, train)}, "val": {"loss": loss(weights, validation), "accuracy": correct / len(validation)}}))
    with open("weights.json", "w") as file:
        json.dump(weights, file)


main()
