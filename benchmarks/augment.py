"""What augmentation costs: milliseconds a batch, beside reading the same batch as it is.

    python -m benchmarks.augment configs/mini_21hz_augmented.yaml [--batches 60] [KEY=VALUE ...]

CPU time of one thread, without the packing of the audio. Rows: off; the shares that the file
asks for; each effect on every item.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import torch

from train.codec.config import Config, load
from train.codec.setup import training_data
from train.data.augment import AugmentConfig


def milliseconds(config: Config, augment: AugmentConfig, batches: int) -> float:
    """Mean over ``batches``, after as many that warm the caches up."""
    data = replace(config.training.data, augment=augment)
    dataset = training_data(replace(config, training=replace(config.training, data=data)), 0, 1)
    times = []
    for position in [*range(batches), *range(batches)]:
        start = time.process_time()
        dataset[position]
        times.append(time.process_time() - start)
    return 1e3 * float(np.mean(times[batches:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("changes", nargs="*", help="training.data.batch_size=12 and the like")
    parser.add_argument("--batches", type=int, default=60)
    arguments = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    config = load(arguments.config, tuple(arguments.changes))
    asked = config.training.data.augment
    off = replace(asked, speed_share=0.0, noise_share=0.0, room_share=0.0)
    rows = {"off": off, "as the file asks": asked, "speed": replace(off, speed_share=1.0)}
    rows["coloured noise"] = replace(off, noise_share=1.0, babble_share=0.0)
    rows["babble"] = replace(off, noise_share=1.0, babble_share=1.0)
    rows["rooms"] = replace(off, room_share=1.0)
    print(f"{arguments.config}, batches of {config.training.data.batch_size}")
    print("| augmentation | ms a batch |")
    print("|---|---|")
    for name, augment in rows.items():
        print(f"| {name} | {milliseconds(config, augment, arguments.batches):.1f} |", flush=True)


if __name__ == "__main__":
    main()
