"""CSV files as data: every way in which they can be wrong has a line of its own."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentfit.declaration._table import bind, read_columns, read_table
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

    def test_columns_that_were_asked_for(self, write):
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
        assert "line 3: 1 cell, where the header has 2" in line

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


class TestBinding:
    def test_by_position_where_there_is_one_argument(self, write):
        data = bind(["y"], read_table(write(FAITHFUL)), ["waiting"])
        np.testing.assert_array_equal(data["y"], [79, 54, 74])

    def test_by_name(self, write):
        table = read_table(write(FAITHFUL))
        data = bind(["x", "y"], table, ["y=waiting", "x=eruptions"])
        assert data["x"][0] == 3.6
        assert data["y"][0] == 79

    def test_columns_named_as_the_arguments(self, write):
        data = bind(["x", "y"], read_table(write("y,x,z\n1,2,3\n")))
        assert (data["x"], data["y"]) == (2, 1)

    def test_the_only_column_of_numbers(self, write):
        data = bind(["y"], read_table(write("kind,size\na,1\nb,2\n")))
        np.testing.assert_array_equal(data["y"], [1, 2])

    def test_several_columns_make_a_matrix(self, write):
        data = bind(["y"], read_table(write(FAITHFUL)), ["eruptions", "y=waiting"])
        np.testing.assert_array_equal(data["y"], [[3.6, 79], [1.8, 54], [3.333, 74]])

    def test_a_column_of_text_under_the_name_of_the_argument_is_not_passed_over(self, write):
        line = refusal(bind, ["kind"], read_table(write("kind,size\na,1\nb,2\n")))
        assert "line 2: column 'kind' holds 'a'" in line

    def test_two_candidates_list_both_sides(self, write):
        line = refusal(bind, ["y"], read_table(write(FAITHFUL)))
        assert "the model takes y" in line
        assert "of numbers: eruptions, waiting" in line

    def test_the_only_column_says_what_is_wrong_with_it(self, write):
        assert "'a'" in refusal(bind, ["y"], read_table(write("kind\na\nb\n")))
        assert "missing values" in refusal(bind, ["y"], read_table(write("y\nNA\nNA\n")))

    def test_a_column_that_could_be_either_argument(self, write):
        line = refusal(bind, ["x", "y"], read_table(write(FAITHFUL)), ["waiting"])
        assert "takes x, y" in line

    def test_an_argument_that_the_model_does_not_take(self, write):
        line = refusal(bind, ["x", "y"], read_table(write(FAITHFUL)), ["z=waiting"])
        assert "'z'" in line
        assert "x, y" in line

    def test_a_column_that_is_not_there(self, write):
        assert "no column 'wait'" in refusal(bind, ["y"], read_table(write(FAITHFUL)), ["y=wait"])

    def test_a_list_of_columns_makes_a_matrix(self, write):
        data = bind(["y"], read_table(write(FAITHFUL)), ["y=waiting, eruptions"])
        np.testing.assert_array_equal(data["y"], [[79, 3.6], [54, 1.8], [74, 3.333]])

    def test_a_name_with_a_comma_is_one_column(self, write):
        data = bind(["y"], read_table(write('"a,b",c\n1,2\n')), ["a,b"])
        np.testing.assert_array_equal(data["y"], [1])

    def test_a_matrix_takes_the_columns_that_are_left(self, write):
        table = read_table(write("u,count,v,kind\n1,2,3,a\n4,5,6,b\n"))
        data = bind(["count", "table"], table, matrices=["table"])
        np.testing.assert_array_equal(data["count"], [2, 5])
        np.testing.assert_array_equal(data["table"], [[1, 3], [4, 6]])

    def test_a_matrix_of_one_column_stays_one(self, write):
        data = bind(["y"], read_table(write("y\n1\n2\n")), matrices=["y"])
        assert data["y"].shape == (2, 1)

    def test_nothing_left_for_a_matrix(self, write):
        table = read_table(write("count,kind\n1,a\n"))
        line = refusal(bind, ["count", "table"], table, [], ["table"])
        assert "no column of numbers is left for 'table'" in line
