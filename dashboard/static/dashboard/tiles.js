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
  // The numbers of the other ports, by the port's id: what the address leaves out where that port is shown alone.
  function others(port, now) {
    const ports = ((now && now.frame) || []).slice(1);
    return ports.filter((each) => each[0] !== port).map((each) => each[1]);
  }

  function isAlone(port, now) {
    const hidden = window.dash_clientside.plot.hiddenPorts();
    const rest = others(port, now);
    return rest.length > 0 && rest.length === hidden.length && rest.every((number) => hidden.includes(number));
  }

  function isOf(port, trace) {
    const key = "port-" + port;
    return trace.uid === key || String(trace.uid).startsWith(key + "-");
  }

  // At once in what is drawn; what comes after follows the address.
  function redraw(port, isAll) {
    const plots = Array.from(document.querySelectorAll(".js-plotly-plot"));
    plots.filter((plot) => (plot.data || []).some((trace) => isOf(port, trace))).forEach(function (plot) {
      const visible = plot.data.map((trace) => isAll || isOf(port, trace) ? true : "legendonly");
      window.Plotly.restyle(plot, { visible: visible }, plot.data.map((trace, index) => index));
    });
  }

  function clicked(context) {
    const trigger = context.triggered.find((each) => each.value && each.prop_id.endsWith(".n_clicks"));
    return trigger ? JSON.parse(trigger.prop_id.slice(0, -".n_clicks".length)).tile : null;
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
      ];
    },

    isolate: function (clicks, now, search, ids) {
      const port = clicked(window.dash_clientside.callback_context);
      if (port !== null) {
        const isAll = isAlone(port, now);
        window.dash_clientside.plot.hidePorts(isAll ? [] : others(port, now));
        redraw(port, isAll);
      }
      return ids.map((id) => String(isAlone(id.tile, now)));
    },
  };
})();
