"""An exported reader's folder answers, without PyTorch and Transformers.

In: the folder that `spantune export` wrote: a model, `tokenizer.json` and `export.json`; questions with their contexts.
Out: the same answers as `Reader` gives, computed by ONNX Runtime or OpenVINO.
Does not know: PyTorch, Transformers, how the folder was made.
"""

from spantune.inference.cores import physical_cores, usual_threads
from spantune.inference.exported.engines import ENGINES
from spantune.inference.exported.folder import ExportedFolder, read_export
from spantune.inference.exported.reader import ExportedReader
from spantune.inference.exported.tokens import Tokens

__all__ = ["ENGINES", "ExportedFolder", "ExportedReader", "Tokens", "physical_cores", "read_export", "usual_threads"]
