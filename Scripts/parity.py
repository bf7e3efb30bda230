#!/usr/bin/env python3
"""Runs `bayesrouter forward` over checkpoints and prints every difference from Transformers in Float64 (Markdown).

    parity.py [--bayesrouter .build/release/bayesrouter] [CHECKPOINT ...] [--minilm DIR] [--full] [--each] [--json FILE]

CHECKPOINT is a folder, or the name of one in Tests/TransformersTests/Fixtures; all of those without it. --minilm takes
the folder that Scripts/fetch-minilm.sh prints; its reference is sentence-transformers in Float64. --full makes random
checkpoints of SmolLM2-135M's shape in a temporary folder, bfloat16 and float32 (0.8 GB), and needs some 4 GB of memory.

The command is run as `forward --model DIR --ids FILE.jsonl --out FILE.safetensors`, once as it is and once with
`--packed`; what the tensors mean is in Scripts/fixtures/checkpoints.py. A difference is max|a - b| / max|b| over one
tensor, b the reference, or the answer without --packed; a row of the table has the largest over its sequences, or one
sequence with --each. Exit code 1 where one is above 1e-4 (1e-5 for pooled vectors of MiniLM) or not finite, or where a
tensor lacks.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "Scripts" / "fixtures"), str(ROOT / "Benchmarks" / "Peers")]

import checkpoints
import encoder
import numpy as np
import safetensors.numpy
import torch
import transformers

TOLERANCE, MINILM_TOLERANCE = 1e-4, 1e-5
FULL_LENGTHS, FULL_SEED = [1, 3, 64, 257, 512], 1
SENTENCES = [
    "The cat sits outside.",
    "A man is playing the guitar; the new movie is awesome!",
    "a",
    "",
    "Zażółć gęślą jaźń — naïve façade, Ünïcödé.",
    "深度学习 and 機械学習",
    "def f(x):\n    return x ** 2  # 0.1 + 0.2 != 0.3",
    "unaffable electroencephalographically antidisestablishmentarianism",
    "🙂 emoji, tabs\tand   runs of spaces",
    "The reward model prefers the second response because it cites its sources. " * 8,
    "a long text is cut to the model's longest sequence, " * 60,
]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="*", metavar="CHECKPOINT")
    parser.add_argument("--bayesrouter", default=ROOT / ".build/release/bayesrouter", help="the executable")
    parser.add_argument("--minilm", type=pathlib.Path, help="the folder of all-MiniLM-L6-v2")
    parser.add_argument("--full", action="store_true", help="also checkpoints of a real size")
    parser.add_argument("--each", action="store_true", help="a row for every tensor")
    parser.add_argument("--json", type=pathlib.Path, help="also write the differences of all tensors there")
    return parser.parse_args()


class Failure(Exception):
    """The command failed, or wrote what cannot be read."""


def forward(binary, folder: pathlib.Path, sequences: list, packed: bool) -> dict[str, np.ndarray]:
    """The tensors that the command writes."""
    with tempfile.TemporaryDirectory() as work:
        ids, out = pathlib.Path(work, "ids.jsonl"), pathlib.Path(work, "out.safetensors")
        ids.write_text("".join(json.dumps({"ids": sequence}) + "\n" for sequence in sequences))
        command = [binary, "forward", "--model", folder, "--ids", ids, "--out", out] + ["--packed"] * packed
        words = [str(word) for word in command]
        try:
            result = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if result.returncode != 0:
                raise Failure(f"exit code {result.returncode}: {result.stdout.strip()[-400:]}")
            return safetensors.numpy.load_file(out)
        except (OSError, safetensors.SafetensorError) as error:
            raise Failure(str(error)) from error


def difference(tensors: dict, key: str, wanted: np.ndarray) -> float:
    """The relative difference; infinite where the tensor lacks, has another shape, or numbers that are not finite."""
    if wanted.size == 0 and key not in tensors:
        return 0.0
    got = tensors.get(key)
    if got is None or got.shape != wanted.shape or not np.all(np.isfinite(got)):
        return float("inf")
    return checkpoints.relative_difference(got.astype(np.float64), wanted.astype(np.float64))


def compare(binary, name: str, folder: pathlib.Path, sequences: list, answers: list[dict], tolerances: dict) -> list:
    """A row for each tensor of `answers`, whose element i holds the tensors of sequence i by their kinds."""
    try:
        single, packed = [forward(binary, folder, sequences, packed) for packed in (False, True)]
    except Failure as failure:
        print(f"{name}: {failure}", file=sys.stderr)
        single, packed = {}, {}
    rows = []
    for i, answer in enumerate(answers):
        for kind, wanted in answer.items():
            key = f"{kind}.{i}"
            apart = difference(packed, key, single[key]) if key in single else difference(packed, key, wanted)
            row = {"checkpoint": name, "kind": kind, "sequence": i, "tokens": len(sequences[i])}
            row |= {"single": difference(single, key, wanted), "packed": difference(packed, key, wanted)}
            rows.append(row | {"packed_to_single": apart, "tolerance": tolerances.get(kind, TOLERANCE)})
    for key in sorted(single.keys() - {f"{kind}.{i}" for i, answer in enumerate(answers) for kind in answer}):
        print(f"{name}: {key} has no reference", file=sys.stderr)
    return rows


def is_failed(row: dict) -> bool:
    return not max(row["single"], row["packed"], row["packed_to_single"]) <= row["tolerance"]


def compare_checkpoint(binary, name: str, folder: pathlib.Path, sequences: list) -> list[dict]:
    reference = checkpoints.Reference(folder)
    return compare(binary, name, folder, sequences, [reference.answer(ids) for ids in sequences], {})


def fixture_sequences(folder: pathlib.Path) -> list:
    """The ids of reference.safetensors; for a folder without it, random ones."""
    path = folder / "reference.safetensors"
    if path.exists():
        tensors = safetensors.numpy.load_file(path)
        count = sum(key.startswith("ids.") for key in tensors)
        return [tensors[f"ids.{i}"].tolist() for i in range(count)]
    config = transformers.AutoConfig.from_pretrained(folder)
    longest = config.max_position_embeddings
    return encoder.random_sequences([n for n in FULL_LENGTHS if n <= longest], config.vocab_size, FULL_SEED)


def compare_minilm(binary, folder: pathlib.Path) -> list[dict]:
    """Sentences through tokenizer.json, then `pooled` against sentence-transformers, the rest against Transformers."""
    import sentence_transformers
    import tokenizers

    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu").double()
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"])
    sequences = [encoding.ids for encoding in tokenizer.encode_batch(SENTENCES)]
    reference = checkpoints.Reference(folder)
    answers = [reference.answer(ids) for ids in sequences]
    for sentence, ids, answer in zip(SENTENCES, sequences, answers):
        if model.preprocess([sentence])["input_ids"][0].tolist() != ids:
            sys.exit(f"sentence-transformers and tokenizer.json have different ids for {sentence[:40]!r}")
        answer["pooled"] = model.encode([sentence], convert_to_tensor=True, show_progress_bar=False)[0].numpy()
        assert answer["pooled"].dtype == np.float64
    return compare(binary, "minilm", folder, sequences, answers, {"pooled": MINILM_TOLERANCE})


def compare_full(binary) -> list[dict]:
    rows = []
    for dtype in ("bfloat16", "float32"):
        with tempfile.TemporaryDirectory() as work:
            folder = pathlib.Path(work)
            encoder.make_checkpoint(folder, dtype, FULL_SEED)
            sequences = encoder.random_sequences(FULL_LENGTHS, encoder.SMOLLM2["vocab_size"], FULL_SEED)
            rows += compare_checkpoint(binary, f"smollm2-135m-{dtype}", folder, sequences)
    return rows


def worst_by_kind(rows: list[dict]) -> list[dict]:
    """One row for each checkpoint and kind, with the largest of each difference."""
    groups: dict = {}
    for row in rows:
        groups.setdefault((row["checkpoint"], row["kind"]), []).append(row)
    worst = []
    for group in groups.values():
        largest = {key: max(row[key] for row in group) for key in ("single", "packed", "packed_to_single")}
        totals = {"sequence": f"{len(group)} in all", "tokens": sum(row["tokens"] for row in group)}
        worst.append(group[0] | largest | totals)
    return worst


def table(rows: list[dict]) -> str:
    lines = ["| checkpoint | tensor | sequence | tokens | single | packed | packed to single | |"]
    lines.append("|:--|:--|--:|--:|--:|--:|--:|:--|")
    for row in rows:
        cells = [row["checkpoint"], row["kind"], str(row["sequence"]), str(row["tokens"])]
        cells += [f"{row[key]:.1e}" for key in ("single", "packed", "packed_to_single")]
        lines.append("| " + " | ".join(cells) + f" | {'**too large**' if is_failed(row) else ''} |")
    return "\n".join(lines)


def main() -> None:
    arguments = parse_arguments()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    names = arguments.checkpoints or [path.parent.name for path in sorted(checkpoints.FIXTURES.glob("*/config.json"))]
    rows = []
    for name in names:
        folder = checkpoints.FIXTURES / name
        folder = folder if folder.exists() else pathlib.Path(name)
        if not (folder / "config.json").exists():
            sys.exit(f"{name} is neither a checkpoint folder nor one of {checkpoints.FIXTURES.relative_to(ROOT)}")
        rows += compare_checkpoint(arguments.bayesrouter, name, folder, fixture_sequences(folder))
    if arguments.minilm:
        rows += compare_minilm(arguments.bayesrouter, arguments.minilm)
    if arguments.full:
        rows += compare_full(arguments.bayesrouter)
    versions = {module.__name__: module.__version__ for module in (torch, transformers)}
    print(", ".join(f"{key} {value}" for key, value in versions.items()) + "\n")
    print(table(rows if arguments.each else worst_by_kind(rows)))
    failed = sum(map(is_failed, rows))
    print(f"\n{len(rows)} tensors, {f'{failed} of them too different' if failed else 'all close enough'}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"versions": versions, "rows": rows}, indent=1) + "\n")
    sys.exit(1 if failed or not rows else 0)


if __name__ == "__main__":
    main()
