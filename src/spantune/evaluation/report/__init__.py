"""A judgement as something to read, to keep and to hand on.

In: a `Judgement`, and what is known of where it comes from. Out: one HTML page that needs nothing else, Markdown, JSON, CSV.
Does not know: runs, models, how anything was measured.
"""

from spantune.evaluation.report.about import About, Picture
from spantune.evaluation.report.page import report_html
from spantune.evaluation.report.pictures import pictures_of
from spantune.evaluation.report.texts import report_csv, report_json, report_markdown

__all__ = ["About", "Picture", "pictures_of", "report_csv", "report_html", "report_json", "report_markdown"]
