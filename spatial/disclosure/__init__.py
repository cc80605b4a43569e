"""Disclosure control: what may be shown of counts, and what goes along so that nothing can be subtracted back."""

from spatial.disclosure.rules import DisclosureRules, Rule, hide_small_places, shown_and_hidden_totals
from spatial.disclosure.suppression import suppress_counts

__all__ = ["DisclosureRules", "Rule", "hide_small_places", "shown_and_hidden_totals", "suppress_counts"]
