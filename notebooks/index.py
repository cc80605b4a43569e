# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # The Sozialindex, step by step
#
# The invented county: how its index is made, what changed, what it is made of, how sure it is, what followed a measure,
# and the profile of one area. High always means more disadvantage. All figures are invented.

# %%
import tempfile
from pathlib import Path

import pandas as pd

from geodata.county import load_county
from geodata.sample import write_county
from service.workflows.composite import compute_index
from service.workflows.handdown import build_allocations
from service.workflows.index_frame import frame_title, index_values, turned, yardstick_of
from service.workflows.index_layers import index_collections
from service.workflows.index_picture import draw_ranks
from service.workflows.indicators import indicator_collections
from service.workflows.measures import effects_of
from service.workflows.profiles import area_profile
from service.workflows.read import read_inputs
from service.workflows.suppress import suppressed_for_public
from spatial.index.checks import check_index

pd.set_option("display.width", 160, "display.max_columns", 12)
folder = Path(tempfile.mkdtemp()) / "musterkreis"
write_county(folder)
inputs = read_inputs(load_county(folder))
public = suppressed_for_public(inputs)
section = inputs.county.index
print(section.preset, section.indicators)

# %% [markdown]
# ## Do the indicators belong together?
# Before an index is made: correlations, Cronbach's alpha, and whether one of them pulls against the rest.

# %%
areas = inputs.inside(section.level)
years = sorted(compute_index(inputs, public))
last = years[-1]
values = turned(inputs.county, index_values(inputs, public, last, areas))
checked = check_index(values)
print(f"alpha {checked.alpha:.2f} over {checked.areas} areas")
print(checked.indicators.round(2))

# %% [markdown]
# ## Status
# z-scores, summed, standardised again, cut at −1, +1 and +1.5. A suppressed figure leaves the index missing; it is
# never 0. Every map names what the areas are compared with.

# %%
layers = {c.id: c for c in index_collections(inputs, public, compute_index(inputs, public))}
status = layers["ortsteil_index"]
table = status.table[status.table["period"] == last].set_index("area_id")
print(frame_title(inputs.county).en)
print(status.metadata["method"]["en"])
print(table["status_class"].value_counts())
print(table["excluded"].value_counts())
hidden = values.isna().any(axis=1).reindex(table.index)
assert table.loc[hidden, "score"].isna().all()

# %% [markdown]
# ## What makes it up
# Contributions add up to the score, by indicator and by topic. Beside the rate stands the number of people.

# %%
made = layers["ortsteil_index_contributions"].table
made = made[made["period"] == last].set_index("area_id").sort_values("score", ascending=False)
topics = [name for name in made if name.startswith("topic_")]
assert (made[topics].sum(axis=1) - made["score"]).abs().max() < 1e-12
print(made[["name", "score", *topics, "affected_sgb2_quote"]].head(5).round(2))

# %% [markdown]
# ## Change
# Mean and spread of the base year are kept: a change of the score is a change of the area. The relative dynamics
# beside it compare areas with each other, and can call an area "positiv" that got worse.

# %%
change = layers["ortsteil_index_change"]
moved = change.table[change.table["period"] == last].set_index("area_id")
yardstick = yardstick_of(inputs, public, change.metadata["base_year"])
score, _, _ = yardstick.parts(values)
known = moved["change"].notna()
assert (score.reindex(moved.index)[known] - moved["score"][known]).abs().max() < 1e-12
print(f"against {change.metadata['base_year']}: mean change {moved['change'].mean():+.2f} SD")
better = moved[moved["dynamics_class"] == "positiv"]
print(
    f"{len(better)} areas 'positiv', {(better['change'] > 0).sum()} of them with a higher score than in the base year"
)

# %% [markdown]
# ## How sure
# 1 000 variants: draws of the figures, other weights, scales and means, another rule for missing values. Where ranges
# of ranks overlap, the order is not certain.

# %%
worst = table.sort_values("rank").head(6)
print(worst[["name", "status_class", "rank", "rank_low", "rank_high", "class_probability", "worst_share"]].round(2))
print(status.metadata["variants"]["factors"])
figures = draw_ranks(folder / "figures", [status])
print([path.name for path in figures])
assert all(path.stat().st_size > 10_000 for path in figures)

# %% [markdown]
# ## What followed a measure
# Before and after, beside areas that began on the same level. No cause is claimed.

# %%
effects = effects_of(inputs, public, "public")
for effect in effects:
    print(effect["title"]["en"], effect["state"], effect.get("finding"), effect.get("cautions"))

# %% [markdown]
# ## A profile
# Everything that the edition says of one area, as types and as JSON.

# %%
indicators = indicator_collections(inputs, public, build_allocations(inputs), public=True)
profile = area_profile(inputs, [*indicators, *layers.values()], effects[0]["areas"][0]["id"], effects)
print(profile.name, profile.index.status_class, profile.index.rank, profile.index.rank_low, profile.index.rank_high)
for figure in profile.figures[:4]:
    span = "" if figure.low is None else f" ({figure.low:.1f} to {figure.high:.1f})"
    print(f"{figure.title.en} {figure.period}: {figure.value:.1f} {figure.unit}{span}, county {figure.county}")
print([area.name for area in profile.similar])
for line in profile.measures[0]["said"]["en"]:
    print("-", line)
assert "cause" in profile.measures[0]["said"]["en"][-1]
