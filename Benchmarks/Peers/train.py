#!/usr/bin/env python3
"""A step of fine-tuning a Llama-like encoder under router heads by Transformers and PyTorch on the CPU, in turns with
router-bench's (Markdown).

    train.py [--swift router-bench] [--work 8x256] [--prompt 78] [--rounds 2] [--steps 2] [--allocator glibc reuse] [--compile]

Each round runs the peer once and `router-bench train --shape smollm2-135m --work W --repetitions N --json` once, each in
a process of its own, so that peak memory is its own and whatever else the machine does meets both; without --swift the peer
alone. A process makes random weights of SmolLM2-135M's shape and random tokens, takes one step that is not timed and then
`--steps` that are. A figure is the median over all timed steps of all rounds; a speed ratio above 1 means that Swift is
faster, a memory ratio below 1 that it needs less.

The step is the same for both: 2 texts of 256 tokens for each of 8 pairs, no padding, float32; the state of each text's last
token; pair features and the heads of 4 reward models (`shared_mlp`, `bt_vectors`, `cls_vectors`); L_bt + 0.5 L_cls; the
gradients of all parameters, clipped to norm 1; AdamW. With --prompt P the first P tokens of a pair's two texts are the
same: the peer has both texts whole in its batch, router-bench computes what they share once. The peer's settings, of which not every combination was tried:
scaled-dot-product attention, no cache of keys and values, AdamW's fused kernel, and `reuse`, which has glibc's allocator
keep memory instead of returning it to the system after each tensor (`glibc` is its default). --compile adds
torch.compile of the encoder.
"""

import argparse
import itertools
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import time

import torch
import transformers
from encoder import ROPE_THETA, SMOLLM2

ARMS = 4
CLASSIFICATION_WEIGHT = 0.5
ALLOCATORS = {
    "glibc": {},
    "reuse": {"MALLOC_MMAP_THRESHOLD_": str(1 << 40), "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": "67108864"},
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swift", help="the router-bench executable")
    parser.add_argument("--work", default="8x256", help="pairs x tokens of a text")
    parser.add_argument("--prompt", type=int, default=0, help="tokens at their start that a pair's texts share")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2, help="timed steps of each process")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--optimizer", choices=["foreach", "fused", "loop"], default="fused", help="AdamW's kernel")
    parser.add_argument("--allocator", nargs="+", choices=list(ALLOCATORS), default=["reuse"])
    parser.add_argument("--compile", action="store_true", help="torch.compile the encoder")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


class Router(torch.nn.Module):
    """The heads on pair features; names and start values are the published router's."""

    def __init__(self, size: int):
        super().__init__()
        self.shared_mlp = torch.nn.Sequential(
            torch.nn.Linear(2 * size, size), torch.nn.ReLU(), torch.nn.LayerNorm(size)
        )
        bound = size**-0.5
        self.bt_vectors = torch.nn.Parameter(torch.empty(ARMS, size).uniform_(-bound, bound))
        self.cls_vectors = torch.nn.Parameter(torch.empty(ARMS, size).uniform_(-bound, bound))
        self.cls_bias = torch.nn.Parameter(torch.zeros(ARMS))

    def forward(self, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores and logits, pairs x ARMS, from the states of A's and B's texts in turns."""
        normalize = torch.nn.functional.normalize
        first, second = states[0::2], states[1::2]
        features = torch.cat([(first + second) / 2, (first - second).abs()], dim=1)
        context = normalize(self.shared_mlp(features), dim=1)
        return context @ normalize(self.bt_vectors, dim=1).T, context @ normalize(self.cls_vectors, dim=1).T + self.cls_bias


class Training:
    """The encoder, its heads and their optimizer, with one batch."""

    def __init__(self, pairs: int, tokens: int, prompt: int, optimizer: str, is_compiled: bool):
        rope = {"rope_type": "default", "rope_theta": ROPE_THETA}
        config = transformers.LlamaConfig(**SMOLLM2, rope_parameters=rope, attn_implementation="sdpa")
        self.encoder = transformers.LlamaModel(config).train()
        self.run = torch.compile(self.encoder) if is_compiled else self.encoder
        self.router = Router(config.hidden_size)
        self.parameters = [*self.encoder.parameters(), *self.router.parameters()]
        groups = []
        for module, rate in [(self.encoder, 1e-5), (self.router, 1e-3)]:
            for decays in [True, False]:
                own = [p for p in module.parameters() if (p.dim() > 1) == decays]
                groups.append({"params": own, "lr": rate, "weight_decay": 0.01 if decays else 0.0})
        kernel = {"fused": {"fused": True}, "foreach": {"foreach": True}, "loop": {"foreach": False}}[optimizer]
        self.optimizer = torch.optim.AdamW(groups, **kernel)
        self.ids = torch.randint(0, config.vocab_size, (2 * pairs, tokens))
        self.ids[1::2, :prompt] = self.ids[0::2, :prompt]
        # Each pair has a reward model that is right and one that is wrong.
        self.right = torch.rand(pairs, ARMS) < 0.5
        self.right[:, 0], self.right[:, 1] = True, False
        wins = [
            [(w, l) for w, l in itertools.permutations(range(ARMS), 2) if row[w] and not row[l]]
            for row in self.right.tolist()
        ]
        self.rows = torch.tensor([i for i, own in enumerate(wins) for _ in own])
        self.winners = torch.tensor([w for own in wins for w, _ in own])
        self.losers = torch.tensor([l for own in wins for _, l in own])
        self.weights = torch.tensor([1 / (len(own) * pairs) for own in wins for _ in own])

    def loss(self) -> torch.Tensor:
        states = self.run(input_ids=self.ids, use_cache=False).last_hidden_state[:, -1]
        scores, logits = self.router(states)
        margins = scores[self.rows, self.winners] - scores[self.rows, self.losers]
        comparison = (self.weights * torch.nn.functional.softplus(-margins)).sum()
        classification = torch.nn.functional.binary_cross_entropy_with_logits(logits, self.right.float())
        return comparison + CLASSIFICATION_WEIGHT * classification

    def step(self) -> dict:
        """Seconds of the parts of one step, and the loss before it."""
        start = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss()
        forward = time.perf_counter()
        loss.backward()
        backward = time.perf_counter()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        end = time.perf_counter()
        return {
            "seconds": end - start,
            "forward": forward - start,
            "backward": backward - forward,
            "optimizer": end - backward,
            "loss": loss.item(),
        }


def peer(arguments: argparse.Namespace) -> None:
    """One process of the peer; prints a JSON object."""
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    pairs, tokens = sizes(arguments.work)
    training = Training(pairs, tokens, arguments.prompt, arguments.optimizer, arguments.compile)
    steps = [training.step() for _ in range(1 + arguments.steps)]
    unit = 1 if sys.platform == "darwin" else 1024
    report = {
        "tokens": training.ids.numel(),
        "trained_parameters": sum(p.numel() for p in training.encoder.parameters()),
        "losses": [step.pop("loss") for step in steps],
        "steps": steps[1:],
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
    }
    print(json.dumps(report))


def sizes(work: str) -> tuple[int, int]:
    try:
        pairs, tokens = map(int, work.split("x"))
    except ValueError:
        sys.exit(f"--work {work}: not BxL, B pairs of texts of L tokens")
    return pairs, tokens


def run(command: list, threads: int, settings: dict | None = None) -> dict:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)} | (settings or {})
    words = [str(part) for part in command]
    result = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(words[:2])} failed with exit code {result.returncode}")
    return json.loads(result.stdout)


def peer_report(arguments: argparse.Namespace, allocator: str) -> dict:
    command = [sys.executable, __file__, "--peer", "--work", arguments.work, "--steps", arguments.steps]
    command += ["--threads", arguments.threads, "--seed", arguments.seed, "--optimizer", arguments.optimizer]
    command += ["--prompt", arguments.prompt]
    command += ["--compile"] if arguments.compile else []
    return run(command, arguments.threads, ALLOCATORS[allocator])


def swift_report(arguments: argparse.Namespace) -> dict:
    command = [arguments.swift, "train", "--shape", "smollm2-135m", "--work", arguments.work]
    command += ["--prompt", arguments.prompt, "--repetitions", arguments.steps, "--seed", arguments.seed, "--json"]
    return run(command, arguments.threads)


def measured(arguments: argparse.Namespace) -> dict[str, list[dict]]:
    """The reports of all rounds, by allocator of the peer, and `swift`."""
    reports: dict[str, list[dict]] = {name: [] for name in arguments.allocator}
    if arguments.swift:
        reports["swift"] = []
    for number in range(1, arguments.rounds + 1):
        print(f"round {number} of {arguments.rounds}", file=sys.stderr, flush=True)
        for name in arguments.allocator:
            reports[name].append(peer_report(arguments, name))
        if arguments.swift:
            reports["swift"].append(swift_report(arguments))
            for key in ["tokens", "trained_parameters"]:
                own, other = reports["swift"][-1][key], reports[arguments.allocator[0]][-1][key]
                if own != other:
                    sys.exit(f"{key}: Swift reports {own}, the peer {other}; the works differ")
    return reports


def row(name: str, reports: list[dict]) -> dict:
    if name == "swift":
        seconds = [value for report in reports for value in report["seconds"]]
        keys = {"forward": ["forward"], "backward": ["heads", "backward"], "optimizer": ["optimizer", "packing"]}
        parts = {
            part: statistics.median(sum(report[key + "_seconds"] for key in own) for report in reports)
            for part, own in keys.items()
        }
    else:
        steps = [step for report in reports for step in report["steps"]]
        seconds = [step["seconds"] for step in steps]
        parts = {part: statistics.median(step[part] for step in steps) for part in ["forward", "backward", "optimizer"]}
    median = statistics.median(seconds)
    return parts | {
        "name": name,
        "seconds": seconds,
        "median_seconds": median,
        "tokens_per_second": reports[0]["tokens"] / median,
        "peak_memory_bytes": max(report["peak_memory_bytes"] for report in reports),
    }


def table(rows: list[dict]) -> str:
    lines = ["| | step s | forward s | backward s | optimizer s | tokens/s | peak memory | speed ratio | memory ratio |"]
    lines.append("|:--|--:|--:|--:|--:|--:|--:|--:|--:|")
    own = rows[-1] if rows[-1]["name"] == "swift" else None
    for entry in rows:
        title = "Swift" if entry is own else f"PyTorch, {entry['name']}"
        cells = [title, f"{entry['median_seconds']:.2f}"]
        cells += [f"{entry[part]:.2f}" for part in ["forward", "backward", "optimizer"]]
        cells += [f"{entry['tokens_per_second']:.0f}", f"{entry['peak_memory_bytes'] / 2**20:,.0f} MiB"]
        if own is None or entry is own:
            cells += ["–", "–"]
        else:
            cells.append(f"{entry['median_seconds'] / own['median_seconds']:.2f}x")
            cells.append(f"{own['peak_memory_bytes'] / entry['peak_memory_bytes']:.2f}x")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    arguments = parse_arguments()
    transformers.logging.set_verbosity_error()
    if arguments.peer:
        return peer(arguments)
    load = os.getloadavg()[0]
    reports = measured(arguments)
    rows = [row(name, own) for name, own in reports.items()]
    machine = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": arguments.threads,
        "work": arguments.work,
        "prompt": arguments.prompt,
        "rounds": arguments.rounds,
        "steps": arguments.steps,
        "optimizer": arguments.optimizer,
        "compiled": arguments.compile,
        "load_before": round(load, 2),
    }
    print(", ".join(f"{key} {value}" for key, value in machine.items()) + "\n")
    if load > 0.3:
        print(f"**The machine was busy before the start (load {load:.1f}): these ratios are not to be trusted.**\n")
    print(table(rows))
    if arguments.json:
        document = {"machine": machine, "rows": rows, "reports": reports}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
