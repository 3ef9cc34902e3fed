"""Statistics that a person looks at: lengths, places, kinds, labels; and the data sheet that shows them.

In: records, one at a time; what a tokenizer measured. Out: Statistics, and one self-contained HTML page.
Does not know: files, tokenizers, models.
"""

from spantune.data.statistics.facts import Statistics
from spantune.data.statistics.measured import Advice, TokenMeasures, WindowRow
from spantune.data.statistics.sheet import data_sheet
from spantune.data.statistics.showing import pick
from spantune.data.statistics.tally import Tally, statistics

__all__ = ["Advice", "Statistics", "Tally", "TokenMeasures", "WindowRow", "data_sheet", "pick", "statistics"]
