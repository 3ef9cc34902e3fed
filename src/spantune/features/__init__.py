"""Records become windows of tokens; scores of tokens become answer spans. The two are inverses and live side by side.

In: examples, a fast tokenizer, a WindowsConfig; later the start and end scores of each window.
Out: `Windows` (flat NumPy arrays) and padded batches of them; `Candidate` spans in code points of the context.
Does not know: models, files, torch.
"""

from spantune.features.batches import batches_by_length, collate
from spantune.features.encoding import encode
from spantune.features.selection import select_windows
from spantune.features.spans import Candidate, SpanScores, best_spans, merge_candidates
from spantune.features.template import Template, read_template
from spantune.features.texts import encode_texts
from spantune.features.windows import Lost, Windows

__all__ = [
    "Candidate",
    "Lost",
    "SpanScores",
    "Template",
    "Windows",
    "batches_by_length",
    "best_spans",
    "collate",
    "encode",
    "encode_texts",
    "merge_candidates",
    "read_template",
    "select_windows",
]
