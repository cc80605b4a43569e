/* For pages that embed a map: gives each frame the height that it asks for. Listens only to frames of the address this
   script came from; reads nothing and sends nothing. */
(function () {
  "use strict";
  var script = document.currentScript;
  var origin = script ? new URL(script.src).origin : null;
  window.addEventListener("message", function (event) {
    var told = event.data && event.data.sozialmonitor;
    if (event.origin !== origin || !told || typeof told.height !== "number" || !isFinite(told.height)) { return; }
    var height = Math.min(Math.max(told.height, 200), 4000);
    document.querySelectorAll("iframe").forEach(function (frame) {
      if (frame.contentWindow === event.source) { frame.style.height = height + "px"; }
    });
  });
})();
