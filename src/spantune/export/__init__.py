"""A finished run becomes a model for another engine, measured beside PyTorch before it is kept.

In: the folder of a run, labelled records to measure on.
Out: a folder with `model.onnx` or `model.xml`, the tokenizer and `export.json`; or an error, and nothing left behind.
Does not know: HTTP, the command line, files of data.

Importing this room loads PyTorch; `inference.exported`, which reads what it writes, does not.
"""

from spantune.export.exporting import FORMATS, Export, export_run
from spantune.export.measuring import Comparison, Figures, Limits, refusals

__all__ = ["FORMATS", "Comparison", "Export", "Figures", "Limits", "export_run", "refusals"]
