"""In: nothing. Out: the path of the data set that ships with the package.

Does not know: what is done with it. ATTRIBUTION.md beside this file names its authors and licence.
"""

from pathlib import Path


def demo_data() -> Path:
    """The path of 338 questions on annual reports (TAT-QA, CC BY 4.0) in SQuAD JSON, gzipped.

    >>> demo_data().name
    'tatqa_spans.json.gz'
    """
    return Path(__file__).with_name("tatqa_spans.json.gz")
