"""A Trainer that fits a line: any Trainer's checkpoints, at the price of nothing."""

import torch
from torch.utils.data import TensorDataset
from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments, Trainer, TrainingArguments

from spantune.training import AtomicCheckpoints


class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.weight = torch.nn.Parameter(torch.randn(4))
        self.losses = []

    def forward(self, x, y):
        noise = torch.randn(()) * 0.1  # random numbers must go on where they stopped
        loss = ((x * self.weight).sum(-1) + noise - y).pow(2).mean()
        if self.training:
            self.losses.append(loss.item())
        return {"loss": loss}


class Saving(AtomicCheckpoints, Trainer):
    pass


class SavingSeq2Seq(AtomicCheckpoints, Seq2SeqTrainer):
    pass


def line_trainer(folder, kind=Saving, callbacks=(), **arguments):
    luck = torch.Generator().manual_seed(2)
    x, y = torch.randn(40, 4, generator=luck), torch.randn(40, generator=luck)
    settings = {
        "output_dir": str(folder),
        "max_steps": 12,
        "per_device_train_batch_size": 4,
        "save_steps": 2,
        "save_total_limit": 3,
        "use_cpu": True,
        "report_to": "none",
        "disable_tqdm": True,
        "logging_steps": 5,
        **arguments,
    }
    made = Seq2SeqTrainingArguments if kind is SavingSeq2Seq else TrainingArguments
    data = TensorDataset(x, y)
    return kind(
        Line(),
        made(**settings),
        train_dataset=data,
        eval_dataset=data,
        data_collator=lambda rows: {"x": torch.stack([row[0] for row in rows]), "y": torch.stack([row[1] for row in rows])},
        callbacks=list(callbacks),
    )
