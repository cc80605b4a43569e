/* Start page: offer only the levels and years that the chosen indicator has. Without this script every level and year can
   be chosen, and the answer to a wrong pair lists what there is. */
(function () {
  "use strict";
  var form = document.getElementById("hotspots-form");
  if (!form) { return; }
  var indicator = form.elements.indicator, level = form.elements.level, year = form.elements.period;

  function fill(select, entries, chosen) {
    while (select.options.length > 1) { select.remove(1); }
    entries.forEach(function (entry) { select.add(new Option(entry.title, entry.id)); });
    select.value = entries.some(function (entry) { return entry.id === chosen; }) ? chosen : "";
  }

  function years() {
    var option = indicator.options[indicator.selectedIndex];
    var wanted = level.value || option.dataset.best;
    var found = JSON.parse(option.dataset.levels).filter(function (entry) { return entry.id === wanted; });
    var all = found.length ? found[0].years : [];
    fill(year, all.map(function (one) { return { id: String(one), title: String(one) }; }), year.value);
  }

  function levels() {
    var option = indicator.options[indicator.selectedIndex];
    fill(level, JSON.parse(option.dataset.levels), level.value);
    years();
  }

  indicator.addEventListener("change", levels);
  level.addEventListener("change", years);
  /* A browser that goes back restores what was chosen after the page is loaded. */
  window.addEventListener("pageshow", levels);
  levels();
})();
