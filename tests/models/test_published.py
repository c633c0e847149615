"""Figures from the literature: one TOML file for each model of the catalogue."""

import tomllib

import pytest

import latentfit
from latentfit.declaration import _catalogue
from latentfit.errors import InputError

ENTRIES = latentfit.catalogue()
FOLDER = ENTRIES[0].path.parent / "published"
ENTRY = {"name", "value", "tolerance", "source", "data", "column", "options"}


def test_every_file_belongs_to_a_model():
    assert {path.stem for path in FOLDER.iterdir()} == {entry.path.stem for entry in ENTRIES}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_model_has_the_figures_of_its_file(entry):
    table = tomllib.loads((FOLDER / f"{entry.path.stem}.toml").read_text(encoding="utf-8"))
    assert table.keys() == {"figure"}
    assert all(figure.keys() <= ENTRY for figure in table["figure"])
    assert latentfit.load(entry.name).published == tuple(table["figure"])


def test_a_model_file_has_the_figures_by_its_path_too():
    path = FOLDER.parent / "coins.py"
    assert latentfit.load(path).published == latentfit.load("coins").published


def test_figures_of_a_users_own_file_come_first(tmp_path):
    text = (FOLDER.parent / "coins.py").read_text(encoding="utf-8")
    (tmp_path / "coins.py").write_text(text, encoding="utf-8")
    assert latentfit.load(tmp_path / "coins.py").published == ()
    own = '\npublished = ({"name": "theta[0]", "value": 0.5, "tolerance": 1, "source": "mine"},)\n'
    (tmp_path / "coins.py").write_text(text + own, encoding="utf-8")
    assert latentfit.load(tmp_path / "coins.py").published[0]["source"] == "mine"


def test_a_broken_file_is_named(tmp_path, monkeypatch):
    models = tmp_path / "models"
    (models / "published").mkdir(parents=True)
    text = (FOLDER.parent / "coins.py").read_text(encoding="utf-8")
    (models / "coins.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(_catalogue, "_catalogue_folder", lambda: models)
    for broken in ("[[figure]\n", 'title = "no figures"\n'):
        (models / "published" / "coins.toml").write_text(broken, encoding="utf-8")
        with pytest.raises(InputError, match=r"coins\.toml: not a list of \[\[figure\]\] tables"):
            latentfit.load("coins")
