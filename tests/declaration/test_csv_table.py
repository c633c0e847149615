"""CSV files as data: each kind of error has its own message."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentfit.declaration import read_columns
from latentfit.declaration.csv_table import read_table
from latentfit.errors import InputError

FAITHFUL = """\
eruptions,waiting,kind
3.6,79,long
1.8,54,short
3.333,74,long
"""


@pytest.fixture
def write(tmp_path: Path):
    def written(text: str | bytes, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return written


def refusal(function, *arguments) -> str:
    """The line with which something is refused."""
    with pytest.raises(InputError) as caught:
        function(*arguments)
    line = str(caught.value)
    assert "\n" not in line
    return line


class TestReading:
    def test_columns_of_numbers_are_found(self, write):
        columns = read_columns(write(FAITHFUL))
        assert list(columns) == ["eruptions", "waiting"]
        np.testing.assert_array_equal(columns["waiting"], [79.0, 54.0, 74.0])

    def test_selected_columns(self, write):
        assert list(read_columns(write(FAITHFUL), ["waiting"])) == ["waiting"]

    @pytest.mark.parametrize("cell", ["", "  ", "NA", "na", "NaN", "nan", "null", "NULL"])
    def test_missing_cells(self, write, cell):
        values = read_columns(write(f"x,y\n1,2\n{cell},3\n"))["x"]
        np.testing.assert_array_equal(values, [1.0, np.nan])

    def test_quotes_blank_lines_byte_order_mark_and_other_line_ends(self, write):
        path = write('\ufeff"x","y"\r\n"1",2\r\n\r\n3,4\r\n\r\n')
        np.testing.assert_array_equal(read_columns(path)["x"], [1.0, 3.0])

    def test_names_of_rows_are_left_out(self, write):
        assert list(read_columns(write('"","x"\n"1",5\n"2",6\n'))) == ["x"]

    @given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
    def test_numbers_come_back_to_the_last_bit(self, tmp_path_factory, values):
        path = tmp_path_factory.mktemp("exact") / "table.csv"
        path.write_text("x\n" + "".join(f"{value!r}\n" for value in values))
        np.testing.assert_array_equal(read_columns(path)["x"], values)


class TestRefusals:
    def test_missing_file(self, tmp_path):
        assert "no such file" in refusal(read_table, tmp_path / "absent.csv")

    def test_folder(self, tmp_path):
        assert "a folder" in refusal(read_table, tmp_path)

    def test_not_text(self, write):
        assert "not a text file" in refusal(read_table, write(b"\x89PNG\r\n\x1a\n\xff\xfe"))

    @pytest.mark.parametrize("text", ["", "\n\n"])
    def test_empty_file(self, write, text):
        assert "empty" in refusal(read_table, write(text))

    def test_no_header(self, write):
        assert "no header" in refusal(read_table, write("1,2\n3,4\n"))

    def test_no_rows(self, write):
        assert "no rows" in refusal(read_table, write("x,y\n"))

    def test_nameless_and_repeated_columns(self, write):
        assert "column 2 has no name" in refusal(read_table, write("x,,y\n1,2,3\n"))
        assert "two columns are named 'x'" in refusal(read_table, write("x,x\n1,2\n"))

    def test_ragged_row(self, write):
        line = refusal(read_table, write("x,y\n1,2\n3\n"))
        assert "line 3: 1 cell, but the header has 2" in line

    def test_blank_line_that_may_be_a_missing_value(self, write):
        line = refusal(read_table, write("y\n5\n\n6\n"))
        assert "line 3" in line
        assert "NA" in line

    def test_column_not_there(self, write):
        line = refusal(read_columns, write(FAITHFUL), ["wait"])
        assert "'wait'" in line
        assert "eruptions, waiting, kind" in line

    @pytest.mark.parametrize("text", ["short", "1,5", "1_000", "--", "x" * 500])
    def test_text_where_numbers_belong(self, write, text):
        line = refusal(read_columns, write(f'x,y\n1,2\n3,"{text}"\n'), ["y"])
        assert "line 3: column 'y'" in line
        assert text[:30] in line
        assert len(line) < 300

    @pytest.mark.parametrize("text", ["inf", "-inf", "Infinity", "1e999"])
    def test_infinite_values(self, write, text):
        line = refusal(read_columns, write(f"x\n1\n{text}\n"), ["x"])
        assert f"line 3: column 'x' holds {text}" in line

    def test_nothing_but_missing_values(self, write):
        line = refusal(read_columns, write("x,y\nNA,1\n,2\n"), ["x"])
        assert "nothing but missing values" in line
