"""Trains the lessons' network in as many processes as torchrun starts (lesson 10)."""

import os
from pathlib import Path
import sys
import time

from mnist_helpers.data import load_datasets
from mnist_helpers.models import CNN
from mnist_helpers.training import load_checkpoint, save_checkpoint
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, Subset

folder, *die_at = sys.argv[1:]  # perhaps a step at which process 1 ends, once
attempt, meet = os.environ["TORCHELASTIC_RESTART_COUNT"], os.environ.get("MEET", "env://")
rank, processes = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
device = torch.device(f"cuda:{os.environ['LOCAL_RANK']}" if torch.cuda.is_available() else "cpu")
backend = "nccl" if device.type == "cuda" else "gloo"
dist.init_process_group(backend, meet + attempt, rank=rank, world_size=processes)
torch.manual_seed(10)
model, checkpoint = CNN().to(device), Path(folder, "cnn.pt")
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
epochs_done = load_checkpoint(checkpoint, model, optimizer) if checkpoint.exists() else 0

parallel = DistributedDataParallel(model)
digits = Subset(load_datasets()[0], range(3_200))
sampler = DistributedSampler(digits, seed=10)
loader = DataLoader(digits, batch_size=64 // processes, sampler=sampler)
for epoch in range(epochs_done, 2):
    sampler.set_epoch(epoch)
    for step, (images, labels) in enumerate(loader, start=50 * epoch):
        loss = torch.nn.functional.cross_entropy(parallel(images.to(device)), labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total = loss.detach()
        dist.all_reduce(total)
        if rank == 0:
            print(attempt, step, total.item() / processes, time.perf_counter())
        if (rank, attempt, [str(step)]) == (1, "0", die_at):
            os._exit(1)
    if rank == 0:
        save_checkpoint(checkpoint, model, optimizer, epoch + 1)
dist.destroy_process_group()
