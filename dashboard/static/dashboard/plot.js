// The browser's part of the plot: what the user sees of it and chose in it, and the address as the one state.
(function () {
  "use strict";

  const ENDS = ["start", "stop"];
  const CLEARABLE = ["ymin", "ymax", "peak"];
  const NUMBERS = ["ymin", "ymax"];
  const FIELDS = ["start-date", "start-time", "stop-date", "stop-time"];
  const TYPING_MS = 800;

  const applied = {};
  const drawn = { at: 0, pace: 0, range: "", later: null }; // when the figure on the page came, and how long it stands

  const seen = { range: "", search: null }; // the range of the last stamp, and the address that it was seen under
  const newest = { asked: null, drawn: null }; // a stamp held back as its range is being drawn, and what a drawing held

  function plot() {
    return document.querySelector("#plot .js-plotly-plot");
  }

  // --- The address ---------------------------------------------------------------------------------------------
  function isSaid(name, value, said) {
    return NUMBERS.includes(name) && value !== "" && said !== "" ? Number(value) === Number(said) : value === said;
  }

  // Start and stop as typed, or null where that is no date and time yet.
  function typedRange(values) {
    const times = ENDS.map((end) => String(values[end + "-date"] || "").slice(0, 10) + "T" + (values[end + "-time"] || ""));
    const areWhole = times.every(
      (time) => /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(time) && window.ct6Dates.isPossible(Number(time.slice(0, 4))));
    return areWhole ? times : null;
  }

  function sayRange(words, values) {
    const times = typedRange(values);
    if (times) {
      ["range", "day", "zoom"].forEach((name) => words.delete(name));
      ENDS.forEach((end, index) => words.set(end, times[index]));
    }
  }

  // What is being typed, said once nothing more is typed for a moment; given up where the address changes meanwhile.
  // (The components could wait themselves, but then say an old value again after they were told a new one.)
  const typing = { timer: null, values: {}, search: "" };

  function type(name, value, say) {
    if (typing.search !== window.location.search) {
      typing.values = {};
      typing.search = window.location.search;
    }
    typing.values[name] = value;
    window.clearTimeout(typing.timer);
    typing.timer = window.setTimeout(function () {
      if (typing.search === window.location.search) {
        const words = new URLSearchParams(typing.search);
        say(words, typing.values);
        typing.values = {};
        if (words.toString() !== new URLSearchParams(typing.search).toString()) {
          window.dash_clientside.set_props("url", { search: "?" + words.toString() });
        }
      }
    }, TYPING_MS);
  }

  function isTyping(name) {
    return name in typing.values && typing.search === window.location.search;
  }

  // Limits and zoom of the values go with the data to the other side of zero.
  function turnOver(words) {
    const opposite = (value) => (value && Number.isFinite(Number(value)) ? String(0 - Number(value)) : "");
    const limits = NUMBERS.map((name) => opposite(words.get(name))).reverse();
    NUMBERS.forEach((name, index) => (limits[index] ? words.set(name, limits[index]) : words.delete(name)));
    const [start, end, low, high] = zoomOf(words);
    sayZoom(words, [start, end, opposite(high), opposite(low)]);
  }

  function forget(words, name) {
    if (name === "quantity") {
      // Limits were of another unit.
      ["ymin", "ymax"].forEach((limit) => words.delete(limit));
      sayZoom(words, zoomOf(words).slice(0, 2));
    }
    if (name === "sign") {
      turnOver(words);
    }
    if (name === "device") {
      ["peak", "hidden"].forEach((word) => words.delete(word));
    }
  }

  function say(words, name, value, standard, isMoving) {
    const isNoNumber = NUMBERS.includes(name) && Number.isNaN(Number(value));
    if (isNoNumber || isSaid(name, value, words.has(name) ? words.get(name) : standard)) {
      return;
    }
    if (value === "" && !CLEARABLE.includes(name)) {
      return;
    }
    forget(words, name);
    if (value === "" || (isMoving && value === standard)) {
      words.delete(name);
    } else {
      words.set(name, value);
    }
  }

  // --- The zoom: START_END_LOW_HIGH ------------------------------------------------------------------------------
  function zoomOf(words) {
    return ((words.get("zoom") || "") + "____").split("_").slice(0, 4);
  }

  function sayZoom(words, parts) {
    const said = parts.join("_").replace(/_+$/, "");
    if (said) {
      words.set("zoom", said);
    } else {
      words.delete("zoom");
    }
  }

  // The instant of a time on the axis, which shows the clocks of the device's zone.
  function instantOf(told) {
    const text = String(told).replace(" ", "T");
    const ms = Date.parse((text.length === 10 ? text + "T00:00:00" : text.slice(0, 23)) + "Z");
    const clocks = plot().layout.meta.clocks;
    const since = clocks.filter((clock) => clock[0] <= ms).pop() || clocks[0];
    return String(Math.round(ms - since[1]));
  }

  function zoomTo(words, relayout) {
    const parts = zoomOf(words);
    const axes = { xaxis: instantOf, yaxis: (value) => String(Number(Number(value).toPrecision(6))) };
    Object.keys(axes).forEach(function (axis, index) {
      const range = relayout[axis + ".range"] || [relayout[axis + ".range[0]"], relayout[axis + ".range[1]"]];
      if (relayout[axis + ".autorange"]) {
        parts.splice(2 * index, 2, "", "");
      } else if (range[0] !== undefined && range[1] !== undefined) {
        parts.splice(2 * index, 2, axes[axis](range[0]), axes[axis](range[1]));
      }
    });
    sayZoom(words, parts);
  }

  // --- Which ports are left out of the drawing: hidden=NUMBER,NUMBER ---------------------------------------------
  function hiddenPorts() {
    const said = new URLSearchParams(window.location.search).get("hidden") || "";
    return said.split(",").filter((part) => /^\d{1,3}$/.test(part)).map(Number);
  }

  function hidePorts(numbers) {
    const words = new URLSearchParams(window.location.search);
    const before = words.toString();
    if (numbers.length) {
      words.set("hidden", Array.from(new Set(numbers)).sort((one, other) => one - other).join(","));
    } else {
      words.delete("hidden");
    }
    if (words.toString() !== before) {
      window.dash_clientside.set_props("url", { search: "?" + words.toString() });
    }
  }

  function portOf(trace) {
    return trace.meta && trace.meta.port;
  }

  // Clicks on the legend go into the address. Not by restyleData: it does not tell of a click like the last one.
  function hearLegend() {
    const graph = plot();
    if (!graph || !graph.on) {
      window.setTimeout(hearLegend, 100);
    } else if (!graph.ct6HearsLegend) {
      graph.ct6HearsLegend = true;
      graph.on("plotly_restyle", function () {
        const ofPorts = graph.data.filter(portOf);
        if (ofPorts.length) {
          hidePorts(ofPorts.filter((trace) => trace.visible === "legendonly").map(portOf));
        }
      });
    }
  }

  // --- Numbers in the browser's own locale -----------------------------------------------------------------------
  function separators() {
    const parts = new Intl.NumberFormat(undefined, { useGrouping: true }).formatToParts(1234567.8);
    const sign = (type, standard) => (parts.find((part) => part.type === type) || { value: standard }).value;
    return sign("decimal", ".") + sign("group", " ");
  }

  // --- The room for the plot, in pixels ----------------------------------------------------------------------------
  function room() {
    const graph = plot();
    if (graph && graph.clientWidth) {
      return graph.clientWidth;
    }
    const width = document.documentElement.clientWidth;
    return width > 1088 ? width - 480 : width - 48;
  }

  let resizing = null;
  window.addEventListener("resize", function () {
    window.clearTimeout(resizing);
    resizing = window.setTimeout(() => window.dash_clientside.set_props("room", { data: room() }), 400);
  });

  // Passes a stamp on that was held back, once the drawing of its range has come and does not hold what it tells of.
  function passOnLater() {
    const [stamp, held] = [newest.asked, newest.drawn];
    if (!stamp || !held || JSON.stringify([stamp[0][0], stamp[1], stamp[2]]) !== JSON.stringify(held.slice(0, 3))) {
      return;
    }
    newest.asked = null;
    if (stamp.length > 3 && stamp[3] !== held[3]) {
      window.dash_clientside.set_props("stamp", { data: stamp });
    }
  }

  // --- Callbacks -----------------------------------------------------------------------------------------------
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.plot = {
    room: room,
    hiddenPorts: hiddenPorts,
    hidePorts: hidePorts,
    separators: separators,

    // Writes what the controls say into the address. A control that says what the address says already changes nothing.
    navigate: function (values, relayout, ids, search, defaults) {
      if (!defaults || !defaults.values) {
        return window.dash_clientside.no_update; // not told yet what the address may leave out
      }
      const words = new URLSearchParams(search || "");
      const before = words.toString();
      const standard = defaults.values;
      const moving = defaults.moving;
      const triggers = window.dash_clientside.callback_context.triggered.map((trigger) => trigger.prop_id);
      const fields = {};
      const sayTyped = function (said, typed) {
        NUMBERS.filter((name) => name in typed).forEach((name) => say(said, name, typed[name], "", false));
        if (FIELDS.some((name) => name in typed)) {
          sayRange(said, Object.assign({}, fields, typed));
        }
      };
      ids.forEach(function (id, index) {
        const name = id.control;
        const value = values[index] === null || values[index] === undefined ? "" : String(values[index]);
        const isChanged = triggers.includes(JSON.stringify(id) + ".value");
        const said = words.has(name) ? words.get(name) : standard[name] || "";
        if (FIELDS.includes(name)) {
          fields[name] = value;
        }
        if (isChanged && FIELDS.concat(NUMBERS).includes(name)) {
          if (isTyping(name) || !isSaid(name, value, said)) {
            type(name, value, sayTyped);
          }
        } else if (isChanged) {
          say(words, name, value, standard[name] || "", moving.includes(name));
        }
      });
      if (relayout && triggers.includes("plot.relayoutData")) {
        zoomTo(words, relayout);
      }
      const after = words.toString();
      return after === before ? window.dash_clientside.no_update : "?" + after;
    },

    // Tells the choices what they say now, where they do not say it yet.
    tell: function (defaults, values, ids) {
      const held = {};
      ids.forEach(function (id, index) {
        held[JSON.stringify(id)] = values[index];
      });
      ((defaults && defaults.told) || []).forEach(function (told) {
        const key = JSON.stringify(told[0]);
        if (isTyping(told[0].control)) {
          return;
        }
        const before = Object.assign({}, applied[key], key in held ? { value: held[key] } : {});
        const fresh = Object.entries(told[1]).filter((prop) => JSON.stringify(before[prop[0]]) !== JSON.stringify(prop[1]));
        applied[key] = told[1];
        if (fresh.length) {
          window.dash_clientside.set_props(told[0], Object.fromEntries(fresh));
        }
      });
      return window.dash_clientside.no_update;
    },

    // Tells graph and table of the stamp that was seen, unless they are just being asked for by a new address.
    passOn: function (stamp, search) {
      const range = JSON.stringify((stamp || []).slice(0, 3));
      const isAskedFor = range !== seen.range && search !== seen.search;
      seen.range = range;
      seen.search = search;
      newest.asked = isAskedFor ? stamp : null;
      if (isAskedFor) {
        drawn.range = range;
        passOnLater();
      } else {
        window.dash_clientside.set_props("stamp", { data: stamp });
      }
      return window.dash_clientside.no_update;
    },

    // The address where it names a port whose peak day is wanted, else nothing.
    peakAsked: function (search, before) {
      const words = new URLSearchParams(search || "");
      const asked = words.get("peak") && words.get("view") !== "energy" ? search : "";
      return asked === (before || "") ? window.dash_clientside.no_update : asked;
    },

    // Lets a stamp through where the range is another one, or the drawing has stood for long enough; else later.
    pace: function (stamp) {
      const range = JSON.stringify((stamp || []).slice(0, 3));
      const stood = Date.now() - drawn.at;
      window.clearTimeout(drawn.later);
      if (range === drawn.range && (drawn.pace === null || stood < drawn.pace)) {
        const drawAfterAll = () => range === drawn.range && window.dash_clientside.set_props("plot-stamp", { data: stamp });
        drawn.later = drawn.pace === null ? null : window.setTimeout(drawAfterAll, drawn.pace - stood);
        return window.dash_clientside.no_update;
      }
      drawn.range = range;
      return stamp;
    },

    // A new figure, zoomed as the one on the page where both show the same, without the ports that the address leaves
    // out; and beside it what is told of it.
    keepChoices: function (figure, told) {
      hearLegend();
      window.ct6Legend.reach("plot");
      drawn.at = Date.now();
      drawn.pace = figure.layout.meta.pace;
      newest.drawn = figure.seen;
      passOnLater();
      const graph = plot();
      const held = (graph && graph.layout) || {};
      const hidden = hiddenPorts();
      const layout = Object.assign({}, figure.layout, { separators: separators() });
      layout.dragmode = held.dragmode || layout.dragmode;
      layout.legend = Object.assign({}, layout.legend, { uirevision: drawn.at }); // or Plotly would keep what was clicked
      if (held.uirevision === layout.uirevision) {
        ["xaxis", "yaxis"].forEach(function (name) {
          if (held[name] && held[name].autorange === false) {
            layout[name] = Object.assign({}, layout[name], { range: held[name].range, autorange: false });
          }
        });
      }
      const data = figure.data.map(function (trace) {
        const x = typeof trace.x === "number" ? { x: figure.times[trace.x] } : {};
        return Object.assign({}, trace, x, { visible: hidden.includes(portOf(trace)) ? "legendonly" : true });
      });
      return [{ data: data, layout: layout }, told];
    },

    // Elements of the server, their numbers written as the browser's user writes them.
    inOwnLocale: window.ct6Plain.inOwnLocale,
  };
})();
