#!/usr/bin/env python3
"""What the logs of a suite's runs, or of run folders, last said of each member, as CSV.

usage: last_lines.py [--columns losses/ratio,losses/ratio_p10,…] DIR…

A row a member: its run folder, its name where there are several, updates, then the columns asked for (by default the return on the
real task and the ratio's mean and tenths).
"""

import argparse
import csv
import json
import pathlib
import sys

DEFAULT = "eval/return,losses/ratio,losses/ratio_p10,losses/ratio_p90"


def members(path):
    """The last value of every key, by member."""
    last = {}
    with open(path) as lines:
        for line in lines:
            record = json.loads(line)
            last.setdefault(record["member"], {}).update(record)
    return [last[number] for number in sorted(last)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--columns", default=DEFAULT)
    args = parser.parse_args()
    columns = args.columns.split(",")
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["run", "member", "updates", *columns])
    for folder in args.folders:
        for path in sorted(folder.rglob("metrics.jsonl")):
            for record in members(path):
                values = [record.get(key) for key in columns]
                shown = ["" if x is None else f"{x:.4g}" for x in values]
                out.writerow([path.parent.name, record.get("name", ""), record["step"], *shown])


if __name__ == "__main__":
    main()
