#!/usr/bin/env python3
"""The forward pass of a Llama-like encoder by Transformers on the CPU, in turns with router-bench's (Markdown).

    encoder.py --make DIR [--seed 1] [--dtype bfloat16] [--tokenizer FILE]
    encoder.py --model DIR [--swift router-bench --bayesrouter bayesrouter] [--work 8x256 pairs] [--precision float32]

--make writes a random checkpoint of SmolLM2-135M's shape; where DIR has one it does nothing. Otherwise each round runs,
for each work, the peer once and `router-bench encoder --model DIR --work W --repetitions N --precision P --json` once,
so that whatever else the machine does meets both; without --swift the peer alone. A figure is the median over rounds; a
ratio above 1 means that Swift is faster. Works:

1x256 ...     B sequences of L tokens in one batch
ragged        16 sequences of 40 to 900 tokens (`RAGGED`). Peers: `padded`, one batch padded on the right with a mask;
              `sorted`, by length in 4 batches of 4; `one by one`, without padding
pairs         one query: 6 responses of 256 tokens to a prompt of 64, all 15 pairs. Peers: `published`, both sides of
              each pair padded to 1024, 30 sequences with a mask, 10 at a time; `once`, the 6 sequences of 320 in one
              batch. Swift encodes the prompt once, and each response once behind it.

Of the peer only LlamaModel's forward and the choice of each sequence's last row are timed: scaled-dot-product
attention, inference mode, no cache of keys and values, the model loaded and warm. Tokens are those that carry text,
once each: no padding, and for `pairs` 64 + 6 * 256. Swift's own report of its tokens must agree where it does the same
work.
"""

import argparse
import copy
import gzip
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import torch
import transformers

SMOLLM2 = {
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "vocab_size": 49152,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
    "initializer_range": 1 / 24,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
ROPE_THETA = 100000.0
# Element i is 40 + floor(860 (7 i mod 16) / 15): evenly spread, out of order.
RAGGED = [40 + 860 * (7 * i % 16) // 15 for i in range(16)]
PROMPT, RESPONSE, RESPONSES, PADDED = 64, 256, 6, 1024
# Tokens of a warm-up run at most: a padded batch of thousands takes so long that a first run's costs vanish in it.
WARM_UP = 4096
PAIRS = [(i, j) for i in range(RESPONSES) for j in range(i)]
CHECKED = [1, 17, 130, 256]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--make", type=pathlib.Path, metavar="DIR", help="write the random checkpoint there, and end")
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16", help="of the weights; --make")
    parser.add_argument("--tokenizer", type=pathlib.Path, metavar="FILE", help="tokenizer.json[.gz] to copy; --make")
    parser.add_argument("--model", type=pathlib.Path, metavar="DIR", help="the checkpoint to run")
    parser.add_argument("--swift", help="the router-bench executable")
    parser.add_argument("--bayesrouter", help="the bayesrouter executable, for a comparison of pooled vectors")
    parser.add_argument("--work", nargs="+", default=["1x256", "8x256", "8x1024", "ragged", "pairs"])
    parser.add_argument("--precision", nargs="+", choices=["float32", "bfloat16"], default=["float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=1, help="of Swift in each round; passed on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="also write the figures there")
    arguments = parser.parse_args()
    if (arguments.make is None) == (arguments.model is None):
        parser.error("one of --make and --model is needed")
    return arguments


def make_checkpoint(folder: pathlib.Path, dtype: str, seed: int) -> None:
    """config.json in the spelling of published checkpoints, and model.safetensors, into a folder that may exist.

    Weights are N(0, initializer_range^2) from `torch.Generator` in the order of their names; norms 1 + N(0, 0.1^2).
    """
    rope = {"rope_type": "default", "rope_theta": ROPE_THETA}
    with torch.device("cpu"):
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMOLLM2, rope_parameters=rope))
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(model.named_parameters()):
        draw = torch.randn(parameter.shape, generator=generator)
        parameter.data = 1 + 0.1 * draw if "norm" in name else SMOLLM2["initializer_range"] * draw
    model.tie_weights()
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    del config["rope_parameters"], config["dtype"], config["head_dim"]
    config |= {"rope_theta": ROPE_THETA, "rope_scaling": None, "torch_dtype": dtype, "random_weights_seed": seed}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def make(arguments: argparse.Namespace) -> None:
    """`make_checkpoint` in a folder beside, which is then renamed."""
    folder = arguments.make.absolute()
    if not (folder / "config.json").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            made = pathlib.Path(work, "checkpoint")
            make_checkpoint(made, arguments.dtype, arguments.seed)
            if arguments.tokenizer:
                data = arguments.tokenizer.read_bytes()
                is_compressed = arguments.tokenizer.suffix == ".gz"
                (made / "tokenizer.json").write_bytes(gzip.decompress(data) if is_compressed else data)
            made.rename(folder)
    print(folder)


def random_sequences(lengths: list[int], vocabulary: int, seed: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(3, vocabulary, (length,), generator=generator).tolist() for length in lengths]


class Batch:
    """Sequences padded on the right to `length`, the longest by default; a mask only where there is padding."""

    def __init__(self, sequences: list[list[int]], length: int | None = None):
        lengths = [len(ids) for ids in sequences]
        width = length or max(lengths)
        self.ids = torch.tensor([ids + [0] * (width - len(ids)) for ids in sequences])
        self.last = torch.tensor(lengths) - 1
        is_padded = min(lengths) < width
        self.mask = (torch.arange(width) <= self.last[:, None]).long() if is_padded else None

    def head(self, tokens: int) -> "Batch":
        """The first sequences, `tokens` with the padding at most, but one at least."""
        head, count = copy.copy(self), max(1, tokens // self.ids.shape[1])
        head.ids, head.last = self.ids[:count], self.last[:count]
        head.mask = None if self.mask is None else self.mask[:count]
        return head

    def run(self, model) -> torch.Tensor:
        """The hidden state of each sequence's last token."""
        output = model(input_ids=self.ids, attention_mask=self.mask, use_cache=False)
        return output.last_hidden_state[torch.arange(len(self.last)), self.last]


def ragged_variants(vocabulary: int, seed: int) -> dict[str, list[Batch]]:
    sequences = random_sequences(RAGGED, vocabulary, seed)
    ordered = sorted(sequences, key=len)
    return {
        "padded": [Batch(sequences)],
        "sorted": [Batch(ordered[i : i + 4]) for i in range(0, len(ordered), 4)],
        "one by one": [Batch([ids]) for ids in ordered],
    }


def pair_variants(vocabulary: int, seed: int) -> dict[str, list[Batch]]:
    prompt, *responses = random_sequences([PROMPT] + [RESPONSE] * RESPONSES, vocabulary, seed)
    texts = [prompt + response for response in responses]
    sides = [texts[i] for pair in PAIRS for i in pair]
    return {
        "published": [Batch(sides[i : i + 10], PADDED) for i in range(0, len(sides), 10)],
        "once": [Batch(texts)],
    }


def variants(work: str, vocabulary: int, seed: int) -> tuple[int, dict[str, list[Batch]]]:
    """Tokens that carry text, and the peer's ways to do a work."""
    if work == "ragged":
        return sum(RAGGED), ragged_variants(vocabulary, seed)
    if work == "pairs":
        return PROMPT + RESPONSES * RESPONSE, pair_variants(vocabulary, seed)
    try:
        count, length = map(int, work.split("x"))
    except ValueError:
        sys.exit(f"--work {work}: neither BxL (as 8x256) nor ragged nor pairs")
    return count * length, {"batch": [Batch(random_sequences([length] * count, vocabulary, seed))]}


def timed(model, batches: list[Batch]) -> float:
    start = time.perf_counter()
    with torch.inference_mode():
        for batch in batches:
            batch.run(model)
    return time.perf_counter() - start


def run_swift(command: list, threads: int) -> str:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    words = [str(part) for part in command]
    result = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(words[:2])} failed with exit code {result.returncode}")
    return result.stdout


def swift_report(arguments, work: str, precision: str, tokens: int) -> dict:
    command = [arguments.swift, "encoder", "--model", arguments.model, "--work", work]
    command += ["--repetitions", arguments.repetitions, "--precision", precision, "--json"]
    report = json.loads(run_swift(command, arguments.threads))
    if work != "pairs" and report["tokens"] != tokens:
        sys.exit(f"{work}: Swift reports {report['tokens']} tokens, the peer has {tokens}; the works differ")
    return report


def measured(arguments, model, precision: str, work: str) -> list[dict]:
    """A row for each of the peer's variants, with Swift's figures in each."""
    tokens, ways = variants(work, model.config.vocab_size, arguments.seed)
    rows = {name: {"precision": precision, "work": work, "peer": name, "tokens": tokens} for name in ways}
    for name, batches in ways.items():
        rows[name] |= {"padded_tokens": sum(batch.ids.numel() for batch in batches), "peer_seconds": []}
        timed(model, [batches[0].head(WARM_UP)])
    reports = []
    for number in range(1, arguments.rounds + 1):
        print(f"{precision} {work}: round {number} of {arguments.rounds}", file=sys.stderr, flush=True)
        for name, batches in ways.items():
            rows[name]["peer_seconds"].append(timed(model, batches))
        if arguments.swift:
            reports.append(swift_report(arguments, work, precision, tokens))
    for row in rows.values():
        row["peer_median_seconds"] = statistics.median(row["peer_seconds"])
        if reports:
            row["swift"] = reports
            row["swift_median_seconds"] = statistics.median(report["median_seconds"] for report in reports)
            row["ratio"] = row["peer_median_seconds"] / row["swift_median_seconds"]
    return list(rows.values())


def pooled_difference(arguments, model, precision: str) -> float:
    """max|a - b| / max|b| over the pooled vectors of one padded batch, b the peer's, both in `precision`."""
    import safetensors.torch

    sequences = random_sequences(CHECKED, model.config.vocab_size, arguments.seed)
    with torch.inference_mode():
        peer = Batch(sequences).run(model).double()
    with tempfile.TemporaryDirectory() as work:
        ids, out = pathlib.Path(work, "ids.jsonl"), pathlib.Path(work, "out.safetensors")
        ids.write_text("".join(json.dumps({"ids": sequence}) + "\n" for sequence in sequences))
        command = [arguments.bayesrouter, "forward", "--model", arguments.model, "--ids", ids, "--out", out, "--packed"]
        command += ["--precision", precision]
        run_swift(command, arguments.threads)
        tensors = safetensors.torch.load_file(out)
    own = torch.stack([tensors[f"pooled.{i}"].double() for i in range(len(sequences))])
    return float((own - peer).abs().max() / peer.abs().max())


def table(rows: list[dict]) -> str:
    lines = ["| precision | work | peer | tokens | peer s | Swift s | peer tokens/s | Swift tokens/s | ratio |"]
    lines.append("|:--|:--|:--|--:|--:|--:|--:|--:|--:|")
    for row in rows:
        seconds = [row["peer_median_seconds"], row.get("swift_median_seconds")]
        cells = [row["precision"], row["work"], row["peer"], f"{row['tokens']:,}"]
        cells += ["–" if value is None else f"{value:.3f}" for value in seconds]
        cells += ["–" if value is None else f"{row['tokens'] / value:,.0f}" for value in seconds]
        cells.append(f"{row['ratio']:.2f}x" if "ratio" in row else "–")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    arguments = parse_arguments()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if arguments.make:
        return make(arguments)
    torch.set_num_threads(arguments.threads)
    load = os.getloadavg()[0]
    rows, differences = [], {}
    for precision in arguments.precision:
        model = transformers.AutoModel.from_pretrained(
            arguments.model, dtype=getattr(torch, precision), attn_implementation="sdpa"
        ).eval()
        if arguments.bayesrouter:
            differences[precision] = pooled_difference(arguments, model, precision)
        for work in arguments.work:
            rows += measured(arguments, model, precision, work)
        del model
    unit = 1 if sys.platform == "darwin" else 1024
    machine = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": arguments.threads,
        "rounds": arguments.rounds,
        "swift_repetitions": arguments.repetitions,
        "peer_peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        "load_before": round(load, 2),
    }
    print(", ".join(f"{key} {value}" for key, value in machine.items()) + "\n")
    if load > 0.3:
        print(f"**The machine was busy before the start (load {load:.1f}): these ratios are not to be trusted.**\n")
    print(table(rows))
    for precision, difference in differences.items():
        print(f"\npooled vectors in {precision}, Swift against the peer: max|a - b| / max|b| = {difference:.1e}")
    if arguments.json:
        document = {"machine": machine, "pooled_differences": differences, "rows": rows}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
