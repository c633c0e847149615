"""Columns of a table become the arguments of a model."""

from pathlib import Path

import numpy as np
import pytest

from latentfit.declaration.columns import bind_columns
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


class TestBinding:
    def test_by_position_where_there_is_one_argument(self, write):
        data = bind_columns(["y"], read_table(write(FAITHFUL)), ["waiting"])
        np.testing.assert_array_equal(data["y"], [79, 54, 74])

    def test_by_name(self, write):
        table = read_table(write(FAITHFUL))
        data = bind_columns(["x", "y"], table, ["y=waiting", "x=eruptions"])
        assert data["x"][0] == 3.6
        assert data["y"][0] == 79

    def test_columns_named_as_the_arguments(self, write):
        data = bind_columns(["x", "y"], read_table(write("y,x,z\n1,2,3\n")))
        assert (data["x"], data["y"]) == (2, 1)

    def test_the_only_column_of_numbers(self, write):
        data = bind_columns(["y"], read_table(write("kind,size\na,1\nb,2\n")))
        np.testing.assert_array_equal(data["y"], [1, 2])

    def test_several_columns_make_a_matrix(self, write):
        data = bind_columns(["y"], read_table(write(FAITHFUL)), ["eruptions", "y=waiting"])
        np.testing.assert_array_equal(data["y"], [[3.6, 79], [1.8, 54], [3.333, 74]])

    def test_a_column_of_text_under_the_name_of_the_argument_is_not_passed_over(self, write):
        line = refusal(bind_columns, ["kind"], read_table(write("kind,size\na,1\nb,2\n")))
        assert "line 2: column 'kind' holds 'a'" in line

    def test_two_candidates_list_both_sides(self, write):
        line = refusal(bind_columns, ["y"], read_table(write(FAITHFUL)))
        assert "the model takes y" in line
        assert "numeric columns: eruptions, waiting" in line

    def test_the_only_column_says_what_is_wrong_with_it(self, write):
        assert "'a'" in refusal(bind_columns, ["y"], read_table(write("kind\na\nb\n")))
        assert "missing values" in refusal(bind_columns, ["y"], read_table(write("y\nNA\nNA\n")))

    def test_a_column_that_could_be_either_argument(self, write):
        line = refusal(bind_columns, ["x", "y"], read_table(write(FAITHFUL)), ["waiting"])
        assert "takes x, y" in line

    def test_an_argument_that_the_model_does_not_take(self, write):
        line = refusal(bind_columns, ["x", "y"], read_table(write(FAITHFUL)), ["z=waiting"])
        assert "'z'" in line
        assert "x, y" in line

    def test_a_column_that_is_not_there(self, write):
        assert "no column 'wait'" in refusal(
            bind_columns, ["y"], read_table(write(FAITHFUL)), ["y=wait"]
        )

    def test_a_list_of_columns_makes_a_matrix(self, write):
        data = bind_columns(["y"], read_table(write(FAITHFUL)), ["y=waiting, eruptions"])
        np.testing.assert_array_equal(data["y"], [[79, 3.6], [54, 1.8], [74, 3.333]])

    def test_a_name_with_a_comma_is_one_column(self, write):
        data = bind_columns(["y"], read_table(write('"a,b",c\n1,2\n')), ["a,b"])
        np.testing.assert_array_equal(data["y"], [1])

    def test_a_matrix_takes_the_columns_that_are_left(self, write):
        table = read_table(write("u,count,v,kind\n1,2,3,a\n4,5,6,b\n"))
        data = bind_columns(["count", "table"], table, matrices=["table"])
        np.testing.assert_array_equal(data["count"], [2, 5])
        np.testing.assert_array_equal(data["table"], [[1, 3], [4, 6]])

    def test_a_matrix_of_one_column_stays_one(self, write):
        data = bind_columns(["y"], read_table(write("y\n1\n2\n")), matrices=["y"])
        assert data["y"].shape == (2, 1)

    def test_nothing_left_for_a_matrix(self, write):
        table = read_table(write("count,kind\n1,a\n"))
        line = refusal(bind_columns, ["count", "table"], table, [], ["table"])
        assert "no column of numbers is left for 'table'" in line
