# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # Same data, naive map and honest map
#
# A rate is known for each Ortsteil of the invented county, nothing finer. Handed down to cells of 100 m it fills a
# fine map with thousands of values, and every usual test takes them for thousands of observations. They are as many as
# there are Ortsteile. This notebook makes both maps from the same figures: one is **wrong on purpose**, the other one
# tests what was observed. Every number in the texts is counted from the tables.
#
# `HONEST_MAP_ROOT=. python notebooks/honest_map.py` also writes the picture of the README and the page of the service.

# %%
import io
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from geodata.cells import rows_and_columns
from geodata.county import load_county
from geodata.sample import write_county
from service.workflows.read import read_inputs
from service.workflows.suppress import suppressed_for_public
from service.workflows.truth import planted_areas
from spatial.autocorrelation.graphs import contiguity, grid_contiguity
from spatial.autocorrelation.local import local_moran
from spatial.autocorrelation.rates import empirical_bayes
from spatial.autocorrelation.support import paint_down

root = os.environ.get("HONEST_MAP_ROOT")
INDICATOR, SEED, PERMUTATIONS = "sgb2_quote", 1, 99_999
ROUNDS = 100 if root else 8
folder = Path(tempfile.mkdtemp()) / "musterkreis"
write_county(folder)
inputs = read_inputs(load_county(folder))
indicator = inputs.county.indicators[INDICATOR]
places, cells = inputs.levels["ortsteil"].areas, inputs.levels["grid100"].areas
print(f"{indicator.title.en}: known for {len(places)} Ortsteile, drawn on {len(cells)} cells")

# %% [markdown]
# ## One figure for each Ortsteil
# What the public edition may not show is missing. Rates are adjusted for small numbers (empirical Bayes), so that both
# maps start from the same, decent values.

# %%
public = suppressed_for_public(inputs)
year = public.periods(indicator.numerator, places.index)[-1]
cases = public.values(indicator.numerator, year, places.index)
people = public.values(indicator.denominator, year, places.index)
rates = empirical_bayes(cases, people)
known = int(rates.notna().sum())
print(f"{year}: {known} rates")

# %% [markdown]
# ## The naive map, wrong on purpose
# Each cell takes the rate of its Ortsteil, and each cell is tested: queen neighbours, conditional permutation, false
# discovery rate at 5 %. All of that is right for observed cells. These are not observed.

# %%
home = cells["parent_id"].rename("ortsteil")
on_cells = home.map(rates)
cell_graph = grid_contiguity(*rows_and_columns(cells.index, 100), cells.index, kind="queen")
naive = local_moran(on_cells, cell_graph, rng=np.random.default_rng(SEED), permutations=PERMUTATIONS)

# %% [markdown]
# ## The honest map
# The same statistic, the same correction, but the hypotheses are the Ortsteile. The label is painted down and means
# "its Ortsteil is a cluster"; nothing is said about differences inside an Ortsteil.

# %%
place_graph = contiguity(places, "queen")
tested = local_moran(rates, place_graph, rng=np.random.default_rng(SEED), permutations=PERMUTATIONS)
honest = paint_down(tested, home)


def high(result):
    """Ids that are labelled High-High."""
    return set(result.table.index[result.table["label"] == "High-High"])


planted = planted_areas(folder)[INDICATOR]
on_test = naive.table.loc[naive.table["state"] == "tested", "label"].astype(str)
numbers = {
    "year": int(year),
    "cells": len(cells),
    "rates": known,
    "naive_tested": naive.n_effective,
    "honest_tested": honest.n_effective,
    "naive_high_cells": len(high(naive)),
    "honest_high_cells": len(high(honest)),
    "naive_high_places": int(home[sorted(high(naive))].nunique()),
    "honest_high_places": len(high(tested)),
    "naive_false_places": len(set(home[sorted(high(naive))]) - planted),
    "honest_false_places": len(high(tested) - planted),
    "planted": len(planted),
    # One figure, and yet more than one label: the naive map invents differences inside an Ortsteil.
    "naive_torn_places": int((pd.crosstab(home[on_test.index], on_test) > 0).sum(axis=1).gt(1).sum()),
}
print(pd.Series(numbers).to_string())
assert honest.n_effective == known < naive.n_effective
assert numbers["honest_false_places"] <= numbers["naive_false_places"]

# %% [markdown]
# ## The proof: the same figures, dealt out at random
# Deal the rates out among the Ortsteile like cards. Now nothing clusters except by chance, and whatever a test marks is
# false. The first deal is drawn, all of them are counted.

# %%
CLUSTERS = ["High-High", "Low-Low", "High-Low", "Low-High"]
dealer = np.random.default_rng([SEED, 1])
have = rates.dropna().index
false_cells, naive_maps, honest_maps, drawn = [], 0, 0, None
for _ in range(ROUNDS):
    dealt = rates.copy()
    dealt[have] = dealer.permutation(rates[have].to_numpy())
    wrong = local_moran(home.map(dealt), cell_graph, rng=np.random.default_rng(SEED), permutations=9_999)
    right = local_moran(dealt, place_graph, rng=np.random.default_rng(SEED), permutations=9_999)
    marked = wrong.table["label"].isin(CLUSTERS)
    false_cells.append(marked.sum() / wrong.n_effective)
    naive_maps += bool(marked.any())
    honest_maps += bool(right.table["label"].isin(CLUSTERS).any())
    drawn = drawn or (wrong, paint_down(right, home), right)
numbers |= {
    "rounds": ROUNDS,
    "noise_naive_share": round(float(np.mean(false_cells)), 4),
    "noise_naive_maps": naive_maps,
    "noise_honest_maps": honest_maps,
    "drawn_naive_cells": int(drawn[0].table["label"].isin(CLUSTERS).sum()),
    "drawn_honest_places": int(drawn[2].table["label"].isin(CLUSTERS).sum()),
}
print(f"naive: {naive_maps} of {ROUNDS} maps mark something, on average {np.mean(false_cells):.0%} of the cells")
print(f"honest: {honest_maps} of {ROUNDS} maps mark something")
assert naive_maps == ROUNDS

# %% [markdown]
# ## The picture
# The naive maps carry "wrong on purpose" all over, so that no part can be cut out and used.

# %%
from service.cartography.classification import hotspot_style
from service.cartography.honest import caption, heading
from service.cartography.legend import with_counts
from service.cartography.panels import Panel, render_panels
from service.workflows.pictures import content_of

style = hotspot_style()
outlines = places.loc[~places["context"]]


def panel(result, kind, language, note):
    """One small map with its counts."""
    rows = result.table[["label", "state"]].astype(str)
    content = content_of(
        cells, rows, with_counts(style, rows.to_dict("records")), title="", outlines=outlines[["geometry"]],
        language=language,
    )  # fmt: skip
    return Panel(content, heading(kind, numbers, language), note, wrong=kind == "naive")


def picture(language):
    """Both maps of both figures."""
    told = {key: caption(key, numbers, language) for key in ("naive", "honest", "naive_noise", "honest_noise")}
    return render_panels(
        [
            [panel(naive, "naive", language, told["naive"]), panel(honest, "honest", language, told["honest"])],
            [
                panel(drawn[0], "naive", language, told["naive_noise"]),
                panel(drawn[1], "honest", language, told["honest_noise"]),
            ],
        ],
        title=caption("title", numbers, language),
        lead=caption("lead", numbers, language),
        row_titles=[caption("row", numbers, language), caption("row_noise", numbers, language)],
        foot=caption("foot", numbers, language),
        language=language,
    )


for language in ("de", "en") if root else ("en",):
    buffer = io.BytesIO()
    # 96 colours: a third of the bytes, and nothing is lost to the eye.
    Image.open(io.BytesIO(picture(language))).convert("RGB").quantize(96, dither=Image.Dither.NONE).save(
        buffer, "PNG", optimize=True
    )
    data = buffer.getvalue()
    print(language, len(data), "bytes")
    if root:
        (Path(root) / "service/web/static" / f"honest_map.{language}.png").write_bytes(data)
        if language == "en":
            (Path(root) / "docs/images/honest_map.png").write_bytes(data)
if root:
    text = json.dumps(numbers, indent=1) + "\n"
    (Path(root) / "service/web/honest_map.json").write_text(text, encoding="utf-8")
