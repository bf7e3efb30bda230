#!/usr/bin/env python3
"""Compares our tokenizers with the `tokenizers` package: the same ids, and in what time.

    tokenizer.py parity --binary .build/release/bayesrouter --data judgebench tokenizer.json ...
    tokenizer.py speed --binary .build/release/router-bench --data judgebench tokenizer.json ... [--rounds 5]

`parity` gives each tokenizer the texts of Scripts/fixtures/nasty_texts.py and all prompts and responses of a dataset, with and
without special tokens, and prints how many texts differ; with --all-code-points also every Unicode scalar. `speed` times the package's `encode` of one text after another in
Python, on one thread, and router-bench's passes over the same texts in turns, and prints the ratio of the medians. The
package keeps the words that it has met; router-bench's passes begin without any. The package is asked once with its
plain settings, truncation and padding off. Exit code 1 where a text differs.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "Scripts" / "fixtures"))
from nasty_texts import texts  # noqa: E402

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402


def dataset_texts(folder: pathlib.Path) -> list[str]:
    """Prompts and responses; a prompt of several messages as its last message."""
    found = []
    for line in (folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        prompt = pair["prompt"]
        found += [prompt if isinstance(prompt, str) else prompt[-1]["content"], pair["response_a"], pair["response_b"]]
    return found


def all_code_points() -> list[str]:
    """Each scalar between letters, beside digits and spaces, and after a letter that it may join, some at a time."""
    scalars = [chr(value) for value in range(0x110000) if not 0xD800 <= value < 0xE000]
    return ["".join(f"a{scalar}b {scalar}1{scalar} \n{scalar}'s " for scalar in scalars[start:start + 64])
            for start in range(0, len(scalars), 64)]


def package(path: str) -> Tokenizer:
    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def ours(binary: str, path: str, lines: list, *options: str) -> list:
    """What the binary answers to each line."""
    lines = "".join(json.dumps(line) + "\n" for line in lines)
    result = subprocess.run([binary, "tokenize", "--model", path, *options], input=lines, stdout=subprocess.PIPE, text=True,
                            check=True)
    return [json.loads(line) for line in result.stdout.split("\n") if line]


def parity(arguments: argparse.Namespace) -> None:
    samples = texts() + dataset_texts(arguments.data)
    if arguments.all_code_points:
        samples += all_code_points()
    total = 0
    for path in arguments.models:
        tokenizer = package(path)
        counts, tokens = {}, 0
        for start in range(0, len(samples), 2000):
            tokens += compare(tokenizer, arguments.binary, path, samples[start:start + 2000], counts)
        total += sum(counts.values())
        print(f"{path}: {len(samples)} texts, {tokens} tokens; differences: {counts}", flush=True)
    sys.exit(1 if total else 0)


def compare(tokenizer: Tokenizer, binary: str, path: str, samples: list[str], counts: dict) -> int:
    """Adds to `counts` how many texts differ, by what was asked. Returns the number of the package's tokens."""
    plain = [tokenizer.encode(text, add_special_tokens=False).ids for text in samples]
    halves = [[text, other] for text, other in zip(samples[::2], samples[1::2])]
    checks = {
        "ids": (samples, plain, ours(binary, path, samples, "--no-truncation", "--no-special-tokens")),
        "special": (samples, [tokenizer.encode(text).ids for text in samples], ours(binary, path, samples, "--no-truncation")),
        "decoded": (plain, [tokenizer.decode(ids, skip_special_tokens=False) for ids in plain],
                    ours(binary, path, plain, "--decode")),
        "pairs": (halves, [tokenizer.encode(*pair).ids for pair in halves],
                  ours(binary, path, halves, "--no-truncation", "--pairs")),
    }
    for name, (inputs, wanted, found) in checks.items():
        differing = [index for index, pair in enumerate(zip(wanted, found, strict=True)) if pair[0] != pair[1]]
        for index in differing[:3] if counts.get(name, 0) < 3 else []:
            print(f"  {name} of {str(inputs[index])[:60]!r}: {found[index]!s:.200}, not {wanted[index]!s:.200}")
        counts[name] = counts.get(name, 0) + len(differing)
    return sum(map(len, plain))


def speed(arguments: argparse.Namespace) -> None:
    samples = dataset_texts(arguments.data)
    size = sum(len(text.encode()) for text in samples)
    for path in arguments.models:
        tokenizer = package(path)
        encode = tokenizer.encode
        theirs, cold, warm, tokens = [], [], [], 0
        for _ in range(arguments.rounds):
            for _ in range(3):
                start = time.perf_counter()
                tokens = sum(len(encode(text).ids) for text in samples)
                theirs.append(time.perf_counter() - start)
            command = [arguments.binary, "tokenizer", "--model", path, "--data", str(arguments.data), "--repetitions", "9", "--json"]
            report = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
            if report["tokens"] != tokens:
                sys.exit(f"{path}: {report['tokens']} tokens, the package has {tokens}")
            cold.append(report["median_seconds"])
            warm.append(report["warm_median_seconds"])
        theirs_median, cold_median, warm_median = map(statistics.median, (theirs, cold, warm))
        print(f"{path}: {len(samples)} texts, {size} bytes, {tokens} tokens; load {report['load_milliseconds']:.0f} ms")
        print(f"  package {size / theirs_median / 1e6:6.1f} MB/s   ours {size / cold_median / 1e6:6.1f} MB/s "
              f"({tokens / cold_median / 1e6:.2f} million tokens/s), ratio {theirs_median / cold_median:.1f}; "
              f"with remembered words {size / warm_median / 1e6:6.1f} MB/s, ratio {theirs_median / warm_median:.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["parity", "speed"])
    parser.add_argument("models", nargs="+", metavar="tokenizer.json")
    parser.add_argument("--binary", required=True, help="bayesrouter for parity, router-bench for speed")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="a dataset folder")
    parser.add_argument("--all-code-points", action="store_true", help="parity on every Unicode scalar, too")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    {"parity": parity, "speed": speed}[arguments.task](arguments)


if __name__ == "__main__":
    main()
