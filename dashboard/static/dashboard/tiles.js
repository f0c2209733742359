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

  function isolate(port, now) {
    const isAll = isAlone(port, now);
    window.dash_clientside.plot.hidePorts(isAll ? [] : others(port, now));
    redraw(port, isAll);
  }

  // --- What stands in the places of the tiles, by what they say ----------------------------------------------------
  const SAYS = {
    power: (port) => ({ children: kilowatts(port.power_w) }),
    direction: (port) => ({ children: port.word || "", className: "ct6-way ct6-" + (port.direction || "none") }),
    import: (port) => ({ children: told(port.import_kwh, 2) }),
    export: (port) => ({ children: told(port.export_kwh, 2) }),
  };

  function Tiles(props) {
    const now = props.now || { ports: {}, figures: {}, fresh: "" };
    function tell(own) {
      const [port, says, figure, tile] = ["port", "says", "figure", "tile"].map((name) => own["data-" + name]);
      if (tile !== undefined) {
        return { "aria-pressed": String(isAlone(tile, now)), onClick: () => isolate(tile, now) };
      }
      if (figure !== undefined) {
        return { children: told(now.figures[figure], FIGURE_DECIMALS[figure]) };
      }
      if (says === "fresh") {
        return { children: now.fresh };
      }
      return says ? SAYS[says](now.ports[port] || {}) : {};
    }
    return window.React.createElement("div", { id: props.id }, window.ct6Plain.draw(props.frame, tell));
  }

  window.ct6_components = Object.assign(window.ct6_components || {}, { Tiles: Tiles });

  // --- Callbacks -----------------------------------------------------------------------------------------------
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.tiles = {
    // The address says which tile is pressed.
    follow: (search) => search || "",
  };
})();
