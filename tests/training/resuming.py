"""What tests of trainings that are stopped and gone on with share."""

from spantune.training import Held

STEPS = 3  # an epoch of `windows`


def by_weights(model):
    """A score that anyone can compute again from the weights."""
    return Held(1.0, {"f1": 50 + 100 * model.qa_outputs.weight.mean().item()})


def killed_at(step):
    def progress(done, _):
        if done == step:
            raise KeyboardInterrupt

    return progress
