"""Records what rliable computes of made-up returns: three methods (one with ties), four tasks, five runs each.

`python record.py > rliable.json` writes the scores, point estimates and 95 % stratified bootstrap intervals of
interquartile means and probabilities of improvement; `python record.py points FILE` computes the point estimates
of the scores in FILE again. Needs rliable (with pandas 2)."""

import json
import sys

import numpy as np
from rliable import library, metrics


def made_up():
    rng = np.random.default_rng(3)
    mean = np.array([4500.0, 2600.0, 6600.0, 1000.0])
    a = mean + rng.normal(0, [500, 1500, 900, 2000], (5, 4))
    b = mean + 400 + rng.normal(0, [300, 1200, 100, 800], (5, 4))
    c = np.round(mean / 1000 + rng.integers(0, 3, (5, 4))) * 1000
    return {"a": a, "b": b, "c": c}


def iqm(x):
    return np.array([metrics.aggregate_iqm(x)])


def improvement(x, y):
    return np.array([metrics.probability_of_improvement(x, y)])


def pairs(scores):
    return {f"{x},{y}": (scores[x], scores[y]) for x in scores for y in scores if x != y}


def points(scores):
    return {
        "iqm": {name: float(iqm(x)[0]) for name, x in scores.items()},
        "improvement": {name: float(improvement(x, y)[0]) for name, (x, y) in pairs(scores).items()},
    }


def intervals(scores):
    def of(values, estimate, reps):
        _, found = library.get_interval_estimates(values, estimate, reps=reps, random_state=np.random.RandomState(0))
        return {name: [float(low_high[0, 0]), float(low_high[1, 0])] for name, low_high in found.items()}

    first_task = {name: x[:, :1] for name, x in scores.items()}
    return {
        "iqm": of(scores, iqm, 20_000),
        "iqm_first_task": of(first_task, iqm, 20_000),
        "improvement": of(pairs(scores), improvement, 2000),
    }


if sys.argv[1:2] == ["points"]:
    with open(sys.argv[2]) as file:
        scores = {name: np.array(x).T for name, x in json.load(file)["scores"].items()}
    json.dump(points(scores), sys.stdout)
else:
    scores = made_up()
    recorded = {name: x.T.tolist() for name, x in scores.items()}
    json.dump({"scores": recorded, "points": points(scores), "intervals": intervals(scores)}, sys.stdout, indent=1)
    print()
