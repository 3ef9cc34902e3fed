"""`fine_tune`: the one call of this room."""

import contextlib
import json
import math
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from transformers import EarlyStoppingCallback, PrinterCallback, ProgressCallback, TrainingArguments

from spantune import processes
from spantune.config import TrainingConfig
from spantune.errors import ConfigError, EmptyDataError, RunError, TrainingError
from spantune.features import Windows, select_windows
from spantune.models import check_window_fits, hidden_size, input_names
from spantune.models.memory import kept_memory
from spantune.models.methods import METHODS, prepare
from spantune.models.quiet import quiet
from spantune.training.checkpoints import listed, newest_checkpoint, told
from spantune.training.composed import MERIT, ComposedTrainer, WindowNumbers, collator, leaves_weights_out
from spantune.training.defaults import Choice, resolve_training
from spantune.training.dropout import fast_dropout
from spantune.training.history import History, merit
from spantune.training.needs import Fitting
from spantune.training.rates import BeforeEpochs, TowardsStart
from spantune.training.stopping import NotFiniteError, Stopping, answering_signals
from spantune.training.together import first_does, gathered, join, telling_of_the_lost
from spantune.training.trace import TraceCallback
from spantune.wording import first_line

SHORTEST_LIMIT = 30  # tokens; the usual limit of extractive readers

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Held:
    """What held-out data says about a model: mean loss in nats, scores and span accuracy in percent."""

    loss: float | None
    scores: Mapping[str, float]
    span_accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class FineTuned:
    """A fine-tuned model and how it came to be.

    `notes` says in plain words what was left out of the windows. `answer_length` is the longest answer, in tokens, that the
    labels teach (0 for classification), `may_abstain` whether they hold unanswerable questions. `adapter` holds, by name,
    the files of what was trained in PEFT's format, where the method trains an adapter.
    """

    model: Any
    history: History
    config: TrainingConfig
    choices: tuple[Choice, ...]
    windows: int
    notes: tuple[str, ...]
    answer_length: int
    may_abstain: bool
    adapter: Mapping[str, bytes] | None = field(default=None, repr=False)


def fine_tune(
    model: Any,
    windows: Windows,
    config: TrainingConfig | None = None,
    *,
    evaluate: Callable[[Any], Held] | None = None,
    headline: str = "f1",
    keep: Literal["best", "last"] = "best",
    checkpoints: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    on_start: Callable[[tuple[Choice, ...]], None] | None = None,
    on_epoch: Callable[[History], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> FineTuned:
    """Fine-tune `model` on `windows` with the Hugging Face Trainer; the model is changed in place.

    `evaluate` measures the model on held-out data after each epoch; `headline` names the score among `Held.scores` that
    decides (of equal ones the lower held-out loss is better): the best epoch is restored at the end, and training stops early
    when it no longer rises. Without `evaluate`, or with `keep` "last", the last epoch stays. `checkpoints` is a folder to save
    to after each epoch and to resume from; without it nothing stays on disk. `progress` is told (steps done, steps in all),
    `on_start` what was chosen, `on_epoch` the history so far; `say` is told what could not be expected: checkpoints passed
    over, a signal, a loss that is no number.

    With `checkpoints`, Ctrl-C and SIGTERM end the training after the step that runs, once that is saved.

    Under torchrun or accelerate launch each process calls this with the same windows and a `checkpoints` folder that all of
    them see. They pass a share of each batch each, so that `batch_size` is that of all together; the first one writes.

    Raises `EmptyDataError` when no window is left to train on, `WindowError` when windows are longer than the model's
    positions, `ConfigError` for an integration that is not there, `RunError` when `resume` finds no usable checkpoint,
    `OutputError` when a checkpoint cannot be written, `StoppedError` after a signal, `TrainingError` when the loss is no number
    and there is no best epoch before it to go back to.
    """
    join()
    config = config or TrainingConfig()
    check_window_fits(int(windows.lengths.max(initial=0)), model)
    chosen, notes = _training_windows(windows, config)
    resolved = resolve_training(config, hidden_size(model), len(chosen))
    if on_start is not None:
        on_start(resolved.choices)
    config = resolved.config
    _check_method(config.method, "classify" if windows.targets is not None else "answer")
    choosing = evaluate is not None and keep == "best"
    prepared = prepare(model, config)
    model = prepared.model
    broken = False
    pulls = [TowardsStart(model, config.towards_start)] if config.towards_start else []
    with _folder(checkpoints) as folder:
        found = first_does(lambda: _to_resume(folder, say)) if resume else None  # a disk may show others less
        stopping, fitting = Stopping(say), Fitting(say)
        patience = _early_stopping(config, choosing)
        trace = TraceCallback(headline, len(chosen), progress, on_epoch, config.save_steps)
        arguments = _arguments(
            config, folder, len(chosen), measured=bool(evaluate), choosing=choosing, keep_optimiser=bool(checkpoints)
        )
        if found is not None and (stopped_after := _stopped_after(found, config.early_stopping)):
            arguments.num_train_epochs = stopped_after
        collate = collator(chosen, input_names(model))
        if processes.count() > 1:  # looking for weights without a gradient takes time in each step, and a missed one ends it
            arguments.ddp_find_unused_parameters = config.method == "unfreeze" or leaves_weights_out(model, collate)
        with _integrations(config.report_to):
            trainer = ComposedTrainer(
                model=model,
                args=arguments,
                data_collator=collate,
                train_dataset=WindowNumbers(len(chosen)),
                eval_dataset=WindowNumbers(0) if evaluate else None,  # the Trainer asks for one; `evaluate` has its own
                windows=chosen,
                measure=_measure(evaluate),
                merit=(lambda measured: merit(measured[headline], measured.get("loss"))) if choosing else None,
                layer_decay=config.layer_decay,
                callbacks=[trace, stopping, fitting, BeforeEpochs(prepared.at_epoch), *pulls, *patience],
            )
        if processes.rank():  # dropout of its own; a resume takes up what each had
            torch.manual_seed(config.seed + processes.rank())
        fitting.trainer = trainer
        trainer.remove_callback(ProgressCallback)
        trainer.remove_callback(PrinterCallback)
        listening = answering_signals(stopping) if checkpoints else contextlib.nullcontext()
        with warnings.catch_warnings(), quiet(), fast_dropout(model), kept_memory(), listening, telling_of_the_lost():
            warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
            try:
                trainer.train(resume_from_checkpoint=str(found) if found else None)
            except NotFiniteError as error:
                broken = True
                ended = _best_so_far(trainer, error, config, bool(checkpoints and listed(folder)))
                if say is not None:
                    say(ended)
            if checkpoints:
                stopping.raise_if_asked(trainer.state)  # after the last checkpoint
        # Accelerate leaves the model computing in bf16; its answers must be those of the saved fp32 weights.
        trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    adapter = prepared.adapter() if prepared.adapter is not None else None
    model = prepared.finish()
    history = replace(
        trace.history,
        stopped_early=not broken and len(trace.history.epochs) < (config.epochs or 0),
        best_epoch=trace.history.best_epoch if choosing else None,
    )
    return FineTuned(
        model=model.eval(),
        history=history,
        config=config,
        choices=resolved.choices,
        windows=len(chosen),
        notes=notes,
        answer_length=longest_answer(windows),
        may_abstain=windows.unanswerable > 0,
        adapter=adapter,
    )


def longest_answer(windows: Windows) -> int:
    """The length in tokens that all but the longest half percent of the labelled answers keep to; 30 at least.

    A limit that no answer needs lets noise in; a limit of 30 cuts off the long answers of reports and contracts.
    """
    owner = np.repeat(np.arange(len(windows)), np.diff(windows.span_bounds))
    answers = windows.spans[windows.spans[:, 0] != windows.null[owner]]
    lengths = answers[:, 1] - answers[:, 0] + 1
    if not len(lengths):
        return 0 if windows.targets is not None else SHORTEST_LIMIT
    return max(SHORTEST_LIMIT, int(np.ceil(np.quantile(lengths, 0.995))))


def _check_method(method: str | None, task: str) -> None:
    if method is not None and task not in METHODS[method].tasks:
        fitting = [name for name, row in METHODS.items() if task in row.tasks]
        raise ConfigError(
            f"training.method = {method} for the task {task!r}",
            expected="one of " + ", ".join(fitting),
            next_move="choose another method; lora trains as little and does not touch the input",
        )


def _training_windows(windows: Windows, config: TrainingConfig) -> tuple[Windows, tuple[str, ...]]:
    notes = windows.lost.sentences()
    if windows.targets is None:
        selection = select_windows(windows, config.negatives, config.seed)
        windows, notes = windows.take(selection.indices), notes + selection.sentences()
    if not len(windows):
        raise EmptyDataError(
            "no window is left to train on",
            expected="labelled records whose answers fit into a window",
            next_move="run spantune check on the data; " + ("; ".join(notes) or "the data has no labels"),
        )
    return windows, notes


def _arguments(
    config: TrainingConfig, folder: Path, windows: int, *, measured: bool, choosing: bool, keep_optimiser: bool
) -> TrainingArguments:
    """With `choosing` the best epoch is restored; without, the last one stays."""
    assert config.epochs is not None and config.learning_rate is not None  # resolve_training filled them in
    assert config.batch_size is not None
    steps = math.ceil(math.ceil(windows / config.batch_size) / config.gradient_accumulation) * config.epochs
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=config.epochs,
        learning_rate=config.learning_rate,
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation,
        warmup_steps=round(config.warmup_ratio * steps),
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        bf16=config.precision == "bf16",
        seed=config.seed,
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="epoch" if measured else "no",
        save_strategy="epoch" if choosing or keep_optimiser else "no",
        save_total_limit=2,
        save_only_model=not keep_optimiser,
        load_best_model_at_end=choosing,
        restore_callback_states_from_checkpoint=True,  # the patience that early stopping has left
        metric_for_best_model=f"eval_{MERIT}" if choosing else None,
        greater_is_better=True if choosing else None,
        logging_strategy="epoch",
        logging_nan_inf_filter=False,
        report_to=list(config.report_to) or "none",
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        dataloader_num_workers=config.workers,
        disable_tqdm=True,
    )
    arguments.mixed_precision = "bf16" if config.precision == "bf16" else "no"  # whatever `accelerate config` was told
    if arguments.n_gpu > 1:  # one process uses one; nn.DataParallel would multiply the batch, and is slower than torchrun
        arguments._n_gpu = 1
    return arguments


def _early_stopping(config: TrainingConfig, measured: bool) -> list[Any]:
    patience = config.early_stopping
    return [EarlyStoppingCallback(early_stopping_patience=patience)] if measured and patience else []


def _measure(evaluate: Callable[[Any], Held] | None) -> Callable[[Any], Mapping[str, float]] | None:
    if evaluate is None:
        return None

    def measured(model: Any) -> Mapping[str, float]:
        held = evaluate(model)
        others = {"loss": held.loss, "span_accuracy": held.span_accuracy}
        return {**held.scores, **{name: value for name, value in others.items() if value is not None}}

    return measured


@contextlib.contextmanager
def _integrations(report_to: tuple[str, ...]) -> Iterator[None]:
    """What the Trainer says of an integration that it does not know, or that is not installed, told as `ConfigError`."""
    try:
        yield
    except (ValueError, RuntimeError, ImportError) as error:
        if not report_to:
            raise
        raise ConfigError(
            f"training.report_to = {', '.join(report_to)}: {first_line(error)}",
            expected="integrations of the Trainer that are installed, such as tensorboard, wandb or mlflow",
            next_move="install it with pip, or leave training.report_to empty",
        ) from error


@contextlib.contextmanager
def _folder(checkpoints: Path | None) -> Iterator[Path]:
    if checkpoints is not None:
        yield checkpoints
        return
    with contextlib.ExitStack() as block:
        temporary = first_does(lambda: block.enter_context(tempfile.TemporaryDirectory(prefix="spantune-")))
        yield Path(temporary)
        gathered(None)  # nobody reads it any more


def _to_resume(folder: Path, say: Callable[[str], None] | None) -> Path:
    found = newest_checkpoint(folder)
    if say is not None:
        for one in told(found):
            say(one)
    if found.folder is None:
        raise RunError(
            f"no whole checkpoint in {folder}",
            expected="checkpoint-N folders of an interrupted run",
            next_move="run without --resume to start from the beginning",
        )
    return found.folder


def _stopped_after(checkpoint: Path, patience: int) -> int | None:
    """The epochs done at a checkpoint that early stopping made the last one; `None` where training goes on after it.

    The Trainer would train one epoch more: it forgets that it was about to stop.
    """
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    stopping = state.get("stateful_callbacks", {}).get("EarlyStoppingCallback", {})
    waited = stopping.get("attributes", {}).get("early_stopping_patience_counter", 0)
    return round(state["epoch"]) if patience and waited >= patience else None


def _best_so_far(trainer: ComposedTrainer, error: NotFiniteError, config: TrainingConfig, saved: bool) -> str:
    """Go back to the best epoch's weights where there is one, and say so; else raise `TrainingError`."""
    lower = "lower training.learning_rate"
    others = "try training.precision=fp32, and look for records with odd texts (spantune check)"
    if trainer.state.best_model_checkpoint is None:
        raise TrainingError(
            f"{error}: training cannot go on",
            expected="finite numbers",
            next_move=f"{lower} (now {config.learning_rate:g}); {others}"
            + ("; checkpoints from before are kept" if saved else ""),
        ) from None
    trainer._load_best_model()
    return f"{error}: training stopped there, and the best epoch before it is kept; {lower} (now {config.learning_rate:g})"
