"""The page of benchmarks and the records of what was measured are held together."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from td3_driving.bench import tables

ROOT = Path(__file__).resolve().parents[3]
PAGE = "Before.\n\n<!-- table: speed -->\nold\n<!-- end of table -->\n\nAfter.\n"
RECORD = {
    "command": "measure",
    "machine": "this one",
    "columns": {"what": "{name}", "ms": "{time[median]:.1f} ({time[low]:.1f})", "n": "{count:,}"},
    "rows": [
        {"name": "a, b", "time": {"median": 1.26, "low": 1.0}, "count": 1234567},
        {"name": "c", "time": None, "count": 12},
    ],
}
DRAWN = "| what | ms | n |\n|---|---|---|\n| a, b | 1.3 (1.0) | 1 234 567 |\n| c | - | 12 |\n"


def put(folder, record, page=PAGE):
    (folder / "page").mkdir()
    (folder / "page" / "speed.json").write_text(json.dumps(record))
    (folder / "page.md").write_text(page)
    return SimpleNamespace(page=folder / "page.md", records=[], check=False)


def test_the_page_of_benchmarks_says_what_its_records_say():
    page = ROOT / "docs" / "benchmarks.md"
    assert len(list((ROOT / "docs" / "benchmarks").glob("*.json"))) >= 6
    assert tables.run(SimpleNamespace(page=page, records=[], check=True)) == 0


def test_a_table_is_drawn_between_its_marks_and_nothing_else_changes(tmp_path):
    chosen = put(tmp_path, RECORD)
    assert tables.run(chosen) == 0
    assert chosen.page.read_text() == PAGE.replace("old\n", DRAWN)
    assert tables.run(chosen) == 0
    assert chosen.page.read_text() == PAGE.replace("old\n", DRAWN)


def test_checking_changes_nothing_and_tells_by_its_exit_code(tmp_path):
    chosen = put(tmp_path, RECORD)
    chosen.check = True
    assert tables.run(chosen) == 1
    assert chosen.page.read_text() == PAGE
    chosen.page.write_text(PAGE.replace("old\n", DRAWN))
    assert tables.run(chosen) == 0


def test_tables_without_a_record_and_records_without_a_table_are_named(tmp_path):
    chosen = put(tmp_path, RECORD, PAGE.replace("speed", "weight"))
    with pytest.raises(tables.RecordError, match=r"\['weight'\].*\['speed'\]"):
        tables.run(chosen)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({**RECORD, "columns": {"what": "{nome}"}}, "does not fit a row: KeyError"),
        ({**RECORD, "columns": {"what": "{name:.3f}"}}, "does not fit a row: ValueError"),
        ({k: v for k, v in RECORD.items() if k != "command"}, "lacks command"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_by_its_file(tmp_path, record, said):
    with pytest.raises(tables.RecordError, match=rf"speed\.json.*{said}"):
        tables.run(put(tmp_path, record))


def test_a_file_that_is_no_json_is_refused_by_name(tmp_path):
    chosen = put(tmp_path, RECORD)
    (tmp_path / "page" / "speed.json").write_text("{")
    with pytest.raises(tables.RecordError, match=r"speed\.json is no JSON"):
        tables.run(chosen)
