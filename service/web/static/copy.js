/* A button behind every line that is meant to be copied; without this script the line can be selected as a whole. */
(function () {
  "use strict";
  function selected(line) {
    var range = document.createRange(), selection = window.getSelection();
    range.selectNodeContents(line);
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy");
  }
  document.querySelectorAll("code.copy[data-copy]").forEach(function (line) {
    var button = document.createElement("button");
    button.type = "button";
    button.className = "quiet copy-button";
    button.textContent = line.dataset.copy;
    function done() {
      button.textContent = line.dataset.copied;
      window.setTimeout(function () { button.textContent = line.dataset.copy; }, 2500);
    }
    button.addEventListener("click", function () {
      /* The clipboard is only there on https and on this machine. */
      if (!navigator.clipboard) { if (selected(line)) { done(); } return; }
      navigator.clipboard.writeText(line.textContent).then(done, function () { if (selected(line)) { done(); } });
    });
    line.after(button);
  });
})();
