"""Transfer matrices: bring totals and rates of source zones to target zones."""

from spatial.disaggregation.dasymetric import benchmark_mass
from spatial.disaggregation.weights import AllocationWeights, area_weights, cell_weights, raster_weights

__all__ = ["AllocationWeights", "area_weights", "benchmark_mass", "cell_weights", "raster_weights"]
