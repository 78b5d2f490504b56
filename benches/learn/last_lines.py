#!/usr/bin/env python3
"""What the logs of a suite's runs, or of run folders, last said of each member, as CSV.

usage: last_lines.py [--columns losses/ratio,losses/ratio_p10,…] [--evaluations] DIR…

A row a member, or with --evaluations one for each of its evaluations: its run folder, its name where there are several, updates, then
the columns asked for (by default the return on the real task and the ratio's mean and tenths) as they last were.
"""

import argparse
import csv
import json
import pathlib
import sys

DEFAULT = "eval/return,losses/ratio,losses/ratio_p10,losses/ratio_p90"


def members(path, evaluations):
    """The last value of every key, by member: at the end, or at each evaluation."""
    last, rows = {}, []
    with open(path) as lines:
        for line in lines:
            record = json.loads(line)
            member = last.setdefault(record["member"], {})
            member.update(record)
            if evaluations and "eval/return" in record:
                rows.append(dict(member))
    return rows if evaluations else [last[number] for number in sorted(last)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--columns", default=DEFAULT)
    parser.add_argument("--evaluations", action="store_true", help="every evaluation in place of the last line")
    args = parser.parse_args()
    columns = args.columns.split(",")
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["run", "member", "updates", *columns])
    for folder in args.folders:
        for path in sorted(folder.rglob("metrics.jsonl")):
            for record in members(path, args.evaluations):
                values = [record.get(key) for key in columns]
                shown = ["" if x is None else f"{x:.4g}" for x in values]
                out.writerow([path.parent.name, record.get("name", ""), record["step"], *shown])


if __name__ == "__main__":
    main()
