"""The repair desk: every record that is read is kept, repaired, quarantined or dropped, and the account adds up.

In: records as files give them, and a person's choices. Out: a Report, and what became of each record.
Does not know: formats, shapes, how a span is found.
"""

from spantune.data.desk.checking import check, check_files
from spantune.data.desk.entries import Entry, Repair
from spantune.data.desk.report import FileAccount, Finding, Report

__all__ = ["Entry", "FileAccount", "Finding", "Repair", "Report", "check", "check_files"]
