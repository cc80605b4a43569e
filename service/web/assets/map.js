/* Draws the areas of one map page. What the page says comes as data (element #sm-data); every text is set as text,
 * never as HTML, because names of areas are foreign input. */
(function (global) {
  "use strict";

  function element(tag, className, text) {
    var node = document.createElement(tag);
    if (className) { node.className = className; }
    if (text !== undefined) { node.textContent = text; }
    return node;
  }

  /* The same hatches as the SVG patterns of the page, as canvas pattern, for maps with thousands of cells. */
  function canvasPattern(look) {
    var size = 8, tile = document.createElement("canvas");
    tile.width = tile.height = size;
    var pen = tile.getContext("2d");
    pen.fillStyle = look.colour;
    pen.fillRect(0, 0, size, size);
    pen.strokeStyle = pen.fillStyle = look.ink;
    pen.lineWidth = 1.2;
    pen.beginPath();
    if (look.hatch === "/" || look.hatch === "x") {
      pen.moveTo(-2, 2); pen.lineTo(2, -2); pen.moveTo(0, size); pen.lineTo(size, 0);
      pen.moveTo(size - 2, size + 2); pen.lineTo(size + 2, size - 2);
    }
    if (look.hatch === "\\" || look.hatch === "x") {
      pen.moveTo(-2, size - 2); pen.lineTo(2, size + 2); pen.moveTo(0, 0); pen.lineTo(size, size);
      pen.moveTo(size - 2, -2); pen.lineTo(size + 2, 2);
    }
    pen.stroke();
    if (look.hatch === ".") {
      [[2, 2], [6, 6]].forEach(function (dot) {
        pen.beginPath(); pen.arc(dot[0], dot[1], 1.2, 0, 7); pen.fill();
      });
    }
    return pen.createPattern(tile, "repeat");
  }

  function popup(data, area, look) {
    var box = element("div", "sm-popup");
    box.appendChild(element("h3", "", area.name));
    var row = element("div", "sm-popup-class");
    var swatch = document.querySelector('.sm-class[data-class="' + area.c + '"] svg');
    if (swatch) { row.appendChild(swatch.cloneNode(true)); }
    row.appendChild(element("span", "", look.label));
    box.appendChild(row);
    var list = element("dl");
    area.rows.forEach(function (value, i) {
      if (value === null) { return; }
      list.appendChild(element("dt", "", data.fields[i]));
      list.appendChild(element("dd", "", value));
    });
    if (area.rows.length) { box.appendChild(list); }
    if (data.modelled) { box.appendChild(element("p", "sm-popup-note", data.texts.modelled)); }
    return box;
  }

  function draw(map, data) {
    var looks = {}, picked = null, layers = [], canvas = data.canvas;
    data.classes.forEach(function (look) {
      look.fill = !look.hatch ? look.colour : canvas ? canvasPattern(look) : "url(#sm-hatch-" + look.index + ")";
      looks[look.index] = look;
    });

    function pixels(place) {            /* radius of the largest circle inside, on the screen */
      var centre = L.latLng(place.at[0], place.at[1]);
      var east = L.latLng(place.at[0], place.at[1] + place.at[2]);
      return map.latLngToLayerPoint(east).x - map.latLngToLayerPoint(centre).x;
    }

    function style(feature) {
      var area = data.areas[feature.properties.i], look = looks[area.c];
      var off = picked !== null && picked !== area.c;
      var small = pixels(area) < 5, dashed = data.modelled && !small;
      var line = off ? "#c8ced3" : dashed ? "#30363d" : small ? "#8b949e" : look.marked ? "#ffffff" : "#6e7781";
      return {
        stroke: !(small && canvas), color: line,
        weight: dashed ? 1.2 : small ? 0.4 : look.marked ? 1.6 : 0.9, dashArray: dashed ? "5 3" : null, opacity: 1,
        fillColor: off ? "#f6f8fa" : look.fill, fillOpacity: data.basemap ? 0.72 : 1
      };
    }

    if (data.context) {
      L.geoJSON(data.context, { interactive: false, style: {
        color: data.contextLine, weight: 1, fill: true, fillColor: data.ground, fillOpacity: data.basemap ? 0 : 1
      } }).addTo(map);
    }

    var home;
    var shapes = L.geoJSON(data.shapes, {
      style: style,
      smoothFactor: canvas ? 0 : 0.6,
      onEachFeature: function (feature, layer) {
        var area = data.areas[feature.properties.i], look = looks[area.c];
        layers[feature.properties.i] = layer;
        layer.bindPopup(function () { return popup(data, area, look); }, { maxWidth: 340, minWidth: 200 });
        layer.bindTooltip(function () {
          var tip = element("span");
          tip.appendChild(element("strong", "", area.name));
          tip.appendChild(document.createTextNode(" – " + look.label));
          return tip;
        }, { sticky: true, direction: "top", offset: [0, -8] });
        layer.on("popupopen", function () { layer.closeTooltip(); });
        layer.on("mouseover", function () { layer.setStyle({ stroke: true, weight: 2.5, color: "#111" }); layer.bringToFront(); });
        layer.on("mouseout", function () { shapes.resetStyle(layer); });
        layer.on("add", function () {
          var path = layer.getElement && layer.getElement();
          if (!path || data.areas.length > 400) { return; }
          path.setAttribute("tabindex", "0");
          path.setAttribute("role", "button");
          path.setAttribute("aria-label", area.name + ": " + look.label);
          path.addEventListener("keydown", function (event) {
            if (event.key === "Enter" || event.key === " ") { event.preventDefault(); layer.openPopup(); }
          });
        });
      }
    });

    home = shapes.getLayers().length ? shapes.getBounds() : L.latLngBounds(data.bounds);
    if (data.outlines && home.isValid()) { home.extend(L.geoJSON(data.outlines).getBounds()); }
    function goHome() { map.closePopup(); map.fitBounds(home, { padding: [14, 14], animate: false }); }
    goHome();
    shapes.addTo(map);
    restyle();

    if (data.outlines) {
      L.geoJSON(data.outlines, { interactive: false, style: { color: "#24292f", weight: 1.6, fill: false } }).addTo(map);
    }

    var pane = map.createPane("codes");
    pane.style.zIndex = 450; pane.style.pointerEvents = "none";
    var codes = L.layerGroup().addTo(map);
    function code(at, text, className) {
      var node = element("span", className, text);
      L.marker(at, { pane: "codes", interactive: false, keyboard: false,
        icon: L.divIcon({ className: "sm-code", html: node, iconSize: [90, 16] }) }).addTo(codes);
    }
    function lettering() {
      codes.clearLayers();
      var view = map.getBounds().pad(0.1), taken = [];
      data.codes.forEach(function (spot) {
        var letters = looks[spot.c].letters, at = L.latLng(spot.at[0], spot.at[1]);
        if ((picked === null || picked === spot.c) && pixels(spot) >= 4 + 3 * letters.length && view.contains(at)) {
          code(at, letters, "");
          taken.push([map.latLngToLayerPoint(at), 5 * letters.length]);
        }
      });
      data.places.forEach(function (place) {   /* names give way to codes: a line up or down, else not at all */
        var radius = pixels(place), half = 3.4 * place.name.length;
        if (radius < 0.65 * half) { return; }
        var middle = map.latLngToLayerPoint([place.at[0], place.at[1]]);
        var spots = [0, -15, 15, -30, 30, -45, 45].filter(function (step) {
          return Math.abs(step) < radius && taken.every(function (other) {
            return Math.abs(other[0].x - middle.x) > half + other[1] || Math.abs(other[0].y - middle.y - step) > 14;
          });
        });
        if (spots.length) { code(map.layerPointToLatLng(middle.add([0, spots[0]])), place.name, "sm-place"); }
      });
    }
    function restyle() { shapes.setStyle(style); }
    lettering();
    map.on("zoomend", restyle);
    map.on("moveend", lettering);

    document.querySelectorAll(".sm-class").forEach(function (button) {
      button.addEventListener("click", function () {
        var index = Number(button.dataset.class);
        picked = picked === index ? null : index;
        map.closePopup();
        document.querySelectorAll(".sm-class").forEach(function (other) {
          other.setAttribute("aria-pressed", String(Number(other.dataset.class) === picked));
        });
        restyle(); lettering();
      });
    });
    document.querySelectorAll(".sm-area").forEach(function (button) {
      button.addEventListener("click", function () {
        var layer = layers[Number(button.dataset.area)];
        map.fitBounds(layer.getBounds(), { maxZoom: map.getBoundsZoom(home) + 2, animate: false });
        layer.openPopup();
      });
    });

    var HomeControl = L.Control.extend({ onAdd: function () {
      var bar = element("div", "leaflet-bar"), link = element("a", "sm-home", "⤢");
      link.href = "#"; link.title = data.texts.whole; link.setAttribute("role", "button");
      link.setAttribute("aria-label", data.texts.whole);
      L.DomEvent.disableClickPropagation(bar).on(link, "click", function (event) { L.DomEvent.stop(event); goHome(); });
      bar.appendChild(link);
      return bar;
    } });
    L.control.zoom({ zoomInTitle: data.texts.zoom_in, zoomOutTitle: data.texts.zoom_out }).addTo(map);
    new HomeControl({ position: "topleft" }).addTo(map);
    L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);

    /* An embedding frame gets its size late: fit again, until somebody has taken the map in hand. */
    var touched = false, root = document.documentElement;
    /* Leaflet takes the focus at every click; a frame around the map is for those who use the keyboard. */
    document.addEventListener("keydown", function () { root.classList.add("sm-keys"); });
    document.addEventListener("pointerdown", function () { root.classList.remove("sm-keys"); });
    ["pointerdown", "wheel", "keydown"].forEach(function (name) {
      document.addEventListener(name, function () { touched = true; }, { passive: true });
    });
    map.on("resize", function () { if (!touched) { goHome(); } });
  }

  global.sozialmonitor = { draw: draw };
}(window));
