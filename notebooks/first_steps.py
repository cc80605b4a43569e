# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # First steps
#
# The invented county, from its files to a tested layer, without the command line: what `sozialmonitor run` does, one
# step after another. Every step takes and returns plain tables.

# %%
import tempfile
from pathlib import Path

import numpy as np

from geodata.county import load_county
from geodata.sample import write_county
from service.workflows.handdown import build_allocations
from service.workflows.read import read_inputs
from service.workflows.suppress import suppressed_for_public

folder = Path(tempfile.mkdtemp()) / "musterkreis"
write_county(folder, size="tiny")
county = load_county(folder)
inputs = read_inputs(county)
print({level: len(layer.areas) for level, layer in inputs.levels.items()})

# %% [markdown]
# ## What a value carries
# Beside the number stand a status, an origin and flags. A suppressed value is no number, and never 0.

# %%
areas = inputs.inside("ortsteil")
indicator = county.indicators["sgb2_quote"]
last = inputs.figures.periods(indicator.numerator, areas)[-1]
print(inputs.figures.get(indicator.numerator, last, areas).head())

# %% [markdown]
# ## Suppression comes first
# What the public edition may not know is missing for everything that follows.

# %%
public = suppressed_for_public(inputs)
known = public.get(indicator.numerator, last, areas)
print(known["status"].value_counts())
assert known.loc[known["status"] == "suppressed", "value"].isna().all()

# %% [markdown]
# ## Bringing figures down
# One matrix for numerator and denominator keeps every total; a rate stays constant inside its source.

# %%
down = build_allocations(inputs)["gemeinde", "ortsteil"]
employed = county.indicators["beschaeftigungsquote"]
sources = inputs.inside("gemeinde")
year = inputs.figures.periods(employed.numerator, sources)[-1]
counts = inputs.figures.values(employed.numerator, year, sources)
moved = down.weights.apply(counts)
print(down.weights.audit(counts))
assert np.isclose(moved.sum(), counts.sum(), rtol=1e-12)

# %% [markdown]
# ## Testing for clusters
# Rates are adjusted for small numbers, every area is tested with the same shared draws, and the result says for each
# area whether it could be tested at all.

# %%
from spatial.autocorrelation.graphs import contiguity
from spatial.autocorrelation.local import local_tests
from spatial.autocorrelation.rates import empirical_bayes

cases = public.values(indicator.numerator, last, areas)
people = public.values(indicator.denominator, last, areas)
graph = contiguity(inputs.levels["ortsteil"].areas.loc[areas])
result = local_tests(
    empirical_bayes(cases, people),
    graph,
    rng=np.random.default_rng(1),
    permutations=9_999,
    suppressed=known["status"] == "suppressed",
)
print(result.table[["label", "gi_star_label", "p", "p_adjusted", "state"]].sort_values("p_adjusted").head(8))
print(f"tested: {result.n_effective}, warnings: {result.warnings}")
