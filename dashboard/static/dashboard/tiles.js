// The strip of tiles: writes what the server says into their texts, and shows one port alone in the plot.
(function () {
  "use strict";

  const DASH = "–";
  const formats = {};

  // A number in the browser's locale, with a true minus sign.
  function told(value, decimals) {
    if (value === null || value === undefined) {
      return DASH;
    }
    formats[decimals] = formats[decimals] || new Intl.NumberFormat(undefined, {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
    });
    return formats[decimals].format(value).replace("-", "−");
  }

  // Three figures, as many as a clamp is good for.
  function kilowatts(watts) {
    if (watts === null || watts === undefined) {
      return DASH;
    }
    const size = Math.abs(watts) / 1000;
    return told(size, size < 0.9995 ? 3 : size < 9.995 ? 2 : 1);
  }

  const FIGURE_DECIMALS = { voltage: 1, frequency: 2, temperature: 1, rssi: 0 };

  // --- The plot ------------------------------------------------------------------------------------------------
  function isOf(port, trace) {
    const key = "port-" + port;
    return trace.uid === key || String(trace.uid).startsWith(key + "-");
  }

  function plotsWith(port) {
    const plots = Array.from(document.querySelectorAll(".js-plotly-plot"));
    return plots.filter((plot) => (plot.data || []).some((trace) => isOf(port, trace)));
  }

  function isLeftOut(trace) {
    return trace.visible === "legendonly";
  }

  function isAlone(port, plot) {
    return plot.data.some(isLeftOut) && plot.data.every((trace) => isLeftOut(trace) !== isOf(port, trace));
  }

  function showAlone(port) {
    plotsWith(port).forEach(function (plot) {
      const all = isAlone(port, plot);
      const visible = plot.data.map((trace) => all || isOf(port, trace) ? true : "legendonly");
      window.Plotly.restyle(plot, { visible: visible }, plot.data.map((trace, index) => index));
    });
  }

  function clicked(context) {
    const trigger = context.triggered[0];
    if (!trigger || !trigger.value || !trigger.prop_id.endsWith(".n_clicks")) {
      return null;
    }
    return JSON.parse(trigger.prop_id.slice(0, -".n_clicks".length)).tile;
  }

  // --- Callbacks -----------------------------------------------------------------------------------------------
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.tiles = {
    write: function (now, ids, figureIds) {
      const said = now || { ports: {}, figures: {} };
      const ports = ids.map((id) => said.ports[id.port] || {});
      const figures = figureIds.map((id) => told(said.figures[id.figure], FIGURE_DECIMALS[id.figure]));
      return [
        ports.map((port) => kilowatts(port.power_w)),
        ports.map((port) => port.word || ""),
        ports.map((port) => "ct6-way ct6-" + (port.direction || "none")),
        ports.map((port) => told(port.import_kwh, 2)),
        ports.map((port) => told(port.export_kwh, 2)),
        figures,
        said.fresh || "",
        said.silent ? "ct6-fresh ct6-ill" : "ct6-fresh",
      ];
    },

    isolate: function (clicks, now, ids) {
      const port = clicked(window.dash_clientside.callback_context);
      if (port !== null) {
        showAlone(port);
      }
      return ids.map(function (id) {
        const plots = plotsWith(id.tile);
        return String(plots.length > 0 && plots.every((plot) => isAlone(id.tile, plot)));
      });
    },
  };
})();
