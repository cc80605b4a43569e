/* For pages that embed a map: gives a frame the height that its map asks for, never less than the frame was given. Only
   frames that show a map of the service this script came from are touched; reads nothing else and sends nothing. */
(function () {
  "use strict";
  var script = document.currentScript;
  if (!script) { return; }
  var base = script.src.replace(/static\/embed-parent\.js.*$/, "");
  var origin = new URL(base).origin;
  window.addEventListener("message", function (event) {
    var told = event.data && event.data.sozialmonitor;
    if (event.origin !== origin || !told || typeof told.height !== "number" || !isFinite(told.height)) { return; }
    document.querySelectorAll("iframe").forEach(function (frame) {
      if (frame.contentWindow !== event.source || frame.src.indexOf(base + "embed/") !== 0) { return; }
      if (!frame.dataset.sozialmonitorLeast) { frame.dataset.sozialmonitorLeast = frame.clientHeight; }
      frame.style.height = Math.min(Math.max(told.height, Number(frame.dataset.sozialmonitorLeast)), 4000) + "px";
    });
  });
})();
