#!/usr/bin/env python3
"""Env steps/s through Python beside the Rust bench, EnvPool and Gymnasium's SyncVectorEnv, in turn, on the same threads.

usage: benches/python.py [--task HalfCheetah-v4] [--threads 2] [--num-envs 64 1024 16384] [--rounds 3]

Actions are prepared, random and of full range. A rate is the mean of some seconds, as the Rust bench's is (EnvPool's is the
best of three); the range is over rounds. On a machine that does other work it says little.
What is not installed is left out, and said.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import h2oplus

#: Gymnasium's own environments are slow: more of them would measure the same.
MOST_SYNC = 64


def rate(step, num_envs, seconds):
    """Env steps/s of `step`, which takes the number of the call."""
    for k in range(10):
        step(k)
    calls, begun = 0, time.perf_counter()
    while (passed := time.perf_counter() - begun) < seconds:
        step(calls)
        calls += 1
    return num_envs * calls / passed


def ours(task, num_envs, threads, seconds):
    envs = h2oplus.make_vec(task, num_envs, threads=threads, seed=0, autoreset_mode=AutoresetMode.SAME_STEP)
    envs.reset()
    actions = [envs.action_space.sample() for _ in range(8)]
    measured = rate(lambda k: envs.step(actions[k % 8]), num_envs, seconds)
    envs.close()
    return measured


def rust(task, num_envs, threads, seconds):
    words = ["--threads", str(threads), "bench", "sim", "--task", task, "--seconds", str(seconds)]
    line = [sys.executable, "-m", "h2oplus", *words, "--num-envs", str(num_envs), "--format", "json"]
    return json.loads(subprocess.run(line, capture_output=True, check=True, text=True).stdout)["env_steps_per_s"]


def envpool(task, num_envs, threads, _seconds):
    script = Path(__file__).parent / "peers/envpool_bench.py"
    line = [sys.executable, str(script), task, str(threads), str(num_envs)]
    return float(subprocess.run(line, capture_output=True, check=True, text=True).stdout)


def sync(task, num_envs, _threads, seconds):
    count = min(num_envs, MOST_SYNC)
    envs = SyncVectorEnv([lambda: gymnasium.make(task)] * count, copy=False)
    envs.reset()
    actions = [envs.action_space.sample() for _ in range(8)]
    measured = rate(lambda k: envs.step(actions[k % 8]), count, seconds)
    envs.close()
    return measured


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="HalfCheetah-v4")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--num-envs", type=int, nargs="+", default=[64, 1024, 16384])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    args = parser.parse_args()
    columns = {"Python": ours, "Rust": rust}
    for name, peer, module in (("EnvPool", envpool, "envpool"), ("SyncVectorEnv", sync, "mujoco")):
        if importlib.util.find_spec(module):
            columns[name] = peer
        else:
            print(f"{name} is left out: {module} is not installed", file=sys.stderr)
    print(f"{args.task}, {args.threads} threads, env steps/s, {args.rounds} rounds")
    print("| environments | " + " | ".join(columns) + " | Python / Rust | Python / EnvPool | overhead of a call |")
    print("| --- " * (len(columns) + 4) + "|")
    for num_envs in args.num_envs:
        rounds = []
        for _ in range(args.rounds):
            rounds.append({name: peer(args.task, num_envs, args.threads, args.seconds) for name, peer in columns.items()})

        def over(of, text):
            values = [of(one) for one in rounds]
            return f"{text.format(min(values))}–{text.format(max(values))}"

        cells = [over(lambda one: one[name], "{:.0f}") for name in columns]
        cells.append(over(lambda one: one["Python"] / one["Rust"], "{:.2f}"))
        cells.append(over(lambda one: one["Python"] / one["EnvPool"], "{:.0f}") if "EnvPool" in columns else "–")
        cells.append(over(lambda one: 1e6 * num_envs * (1 / one["Python"] - 1 / one["Rust"]), "{:.1f} µs"))
        print(f"| {num_envs:,} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
