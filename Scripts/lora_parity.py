#!/usr/bin/env python3
"""Whether PEFT computes what this package does with adapters that this package trained and wrote.

    lora_parity.py [--folder DIR]

Runs the test that trains adapters for small checkpoints and writes them, in DIR or a temporary folder; then loads each with
PEFT and prints the largest relative difference max|a - b| / max|b| of hidden states over the base checkpoint's reference
sequences, b being PEFT's in Float64 throughout: of the states that Swift computed, of PEFT's after merge_and_unload, and of
Transformers' with the merged weights that Swift saved. Exit code 1 where one is above 1e-4, or where an adapter does nothing.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Scripts" / "fixtures"))

import numpy as np
import peft
import safetensors.numpy
import torch
import transformers
from checkpoints import FIXTURES, Float64Throughout, Reference, relative_difference

TEST, TOLERANCE = "LoRATrainingTests/adaptersForPEFTAreWritten", 1e-4


def states(model: torch.nn.Module, sequences: list) -> np.ndarray:
    with torch.inference_mode(), Float64Throughout():
        rows = [model.base_model(input_ids=torch.tensor([ids])).last_hidden_state[0] for ids in sequences]
        return torch.cat(rows).numpy()


def compare(folder: pathlib.Path) -> bool:
    source = FIXTURES / folder.name
    stored = safetensors.numpy.load_file(source / "reference.safetensors")
    sequences = [stored[f"ids.{i}"].tolist() for i in range(sum(key.startswith("ids.") for key in stored))]
    base = Reference(source).model
    plain = states(base, sequences)
    model = peft.PeftModel.from_pretrained(base, folder / "adapter").double().eval()
    adapted = states(model.get_base_model(), sequences)
    swift = safetensors.numpy.load_file(folder / "states.safetensors")["states"].astype(np.float64)
    saved = states(Reference(folder / "merged").model, sequences)
    merged = states(model.merge_and_unload(), sequences)
    differences = [relative_difference(other, adapted) for other in (swift, merged, saved)]
    effect = relative_difference(plain, adapted)
    print(f"| {folder.name} | " + " | ".join(f"{d:.1e}" for d in differences) + f" | {effect:.1e} |")
    return max(differences) <= TOLERANCE and effect > 100 * TOLERANCE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, help="where the adapters go; those that are there are taken")
    folder = parser.parse_args().folder
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as temporary:
        folder = folder or pathlib.Path(temporary)
        if not any(folder.glob("*/adapter")):
            environment = os.environ | {"BAYESIANROUTER_ADAPTERS": str(folder)}
            command = ["swift", "test", "-c", "release", "--filter", TEST]
            subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        versions = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
        print(", ".join(f"{key} {value}" for key, value in versions.items()) + "\n")
        print("| checkpoint | Swift | merge_and_unload | merged by Swift | without the adapter |\n|:--|--:|--:|--:|--:|")
        results = [compare(path.parent) for path in sorted(folder.glob("*/adapter"))]
    sys.exit(0 if results and all(results) else 1)


if __name__ == "__main__":
    main()
